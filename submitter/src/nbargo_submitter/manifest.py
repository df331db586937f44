"""The Workflow of a job: one script template, the packed runner, with all that it needs in one environment variable.

Argo replaces every `{{...}}` in a template before it runs it. So nothing that a user typed stands in the template as
text: the job travels as base64, and a directory with braces is refused. The annotation is not part of a template.
"""

import base64
import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final, TypeVar

from nbargo_shared import labels
from nbargo_shared import record as job_record
from nbargo_shared.errors import ConfigError, InputError, RecordError
from nbargo_shared.record import JobRecord
from nbargo_submitter.bundle import runner_source
from nbargo_submitter.parameters import typed
from nbargo_submitter.pod import PodSettings
from nbargo_submitter.run_settings import RunSettings

TEMPLATE: Final = "notebook"
JOB_VARIABLE: Final = "NBARGO_JOB"
WORKFLOW_UID_VARIABLE: Final = "NBARGO_WORKFLOW_UID"
ATTEMPT_VARIABLE: Final = "NBARGO_ATTEMPT"

MAX_ENVIRONMENT: Final = 128 * 1024
"""Linux's limit for one string of a process's environment (MAX_ARG_STRLEN), name and final NUL included."""

MAX_TEMPLATE: Final = 124 * 1024
"""A template's limit in bytes of JSON. Argo gives it to its own containers in an environment variable. Above 128 KiB,
3.6 and newer need the right to create ConfigMaps for it, which stock roles lack, and older versions cannot start the
pod at all. The rest is room for what the controller adds, such as the place of artifacts."""

_TOO_LARGE_HINT: Final = "Pass large values in a file beside the notebook rather than as parameters"
_LABEL: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")

_AS_USUAL: Final = RunSettings()

_Model = TypeVar("_Model")


def build_workflow(
    *, record: JobRecord, user: str, directory: str, settings: PodSettings, run: RunSettings = _AS_USUAL
) -> dict[str, Any]:
    """Return the Workflow of a job, as the Kubernetes API takes it.

    Args:
        record: The job. Each of its formats has a file name in `output_files`.
        user: The value of the user label, as `nbargo_shared.identity.user_label` makes it.
        directory: The job's own directory, absolute, as the pod sees it. The notebook is in it already.
        settings: The pod's.
        run: How the notebook is run.

    Raises:
        InputError: The record or a parameter is not usable, a path holds braces, or it is all too large.
        ConfigError: A setting is not one that Argo or Kubernetes knows.
    """
    check_record(record)
    from hera.workflows import Workflow  # noqa: PLC0415 - seconds that the lab's start must not pay

    own = _labels(record, user)
    job = {"record": record.to_dict(), "directory": check_directory(directory), **run.job()}
    notebook = script(
        variables={JOB_VARIABLE: encoded(job, parameters=record.parameters)},
        directory=directory,
        source=runner_source(tells=bool(run.notify)),
        settings=settings,
        run=run,
    )
    workflow = Workflow(
        name=check_name(labels.object_name(record.job_id)),
        labels={**settings.labels, **own},
        annotations={**settings.annotations, labels.JOB_ANNOTATION: record.to_json()},
        templates=[notebook],
        **members(settings, own),
    )
    manifest: dict[str, Any] = workflow.to_dict()
    manifest["spec"] |= locks(settings)
    check_template(manifest["spec"]["templates"][0])
    return manifest


def locks(settings: PodSettings) -> dict[str, Any]:
    """Return what a Workflow's spec is given of the settings' locks; Hera has no name for their form in Argo 3.4.

    Args:
        settings: The pod's.
    """
    return {"synchronization": dict(settings.synchronization)} if settings.synchronization else {}


def members(settings: PodSettings, own: Mapping[str, str]) -> dict[str, Any]:
    """Return what Hera's Workflow and CronWorkflow are given of the settings.

    Args:
        settings: The pod's.
        own: nbargo's labels of the pod.

    Raises:
        ConfigError: A setting is not one that Argo or Kubernetes knows.
    """
    from hera.workflows import models  # noqa: PLC0415 - as above

    _check_texts(settings.labels, "workflow_labels")
    _check_texts(settings.annotations, "workflow_annotations")
    _check_texts(settings.node_selector, "node_selector")
    return {
        "namespace": settings.namespace,
        "entrypoint": TEMPLATE,
        "pod_metadata": models.Metadata(
            labels={**settings.labels, **own}, annotations=dict(settings.annotations) or None
        ),
        "volumes": [_model(models.Volume, volume, "volumes") for volume in settings.volumes] or None,
        "ttl_strategy": _when(settings.ttl_seconds, models.TTLStrategy, "seconds_after_completion"),
        "pod_gc": _when(settings.pod_gc or None, models.PodGC, "strategy"),
        "service_account_name": settings.service_account or None,
        "image_pull_secrets": list(settings.image_pull_secrets) or None,
        "node_selector": dict(settings.node_selector) or None,
        "affinity": _optional(models.Affinity, settings.affinity, "affinity"),
        "tolerations": [_model(models.Toleration, item, "tolerations") for item in settings.tolerations] or None,
        "pod_priority_class_name": settings.priority_class or None,
        "security_context": _optional(models.PodSecurityContext, settings.pod_security_context, "pod_security_context"),
        "active_deadline_seconds": settings.active_deadline_seconds,
    }


def script(
    *, variables: Mapping[str, str], directory: str, source: str, settings: PodSettings, run: RunSettings
) -> Any:
    """Return the script template, as Hera's Script.

    Args:
        variables: nbargo's own environment variables, but for the Workflow's uid, which is always there.
        directory: Where the outcome file will be; Argo's variables in it are replaced.
        source: The program.
        settings: The pod's.
        run: How the notebook is run.

    Raises:
        ConfigError: A setting is not one that Argo or Kubernetes knows.
    """
    from hera.workflows import Parameter, Script, models  # noqa: PLC0415 - as above

    attempt = {ATTEMPT_VARIABLE: "{{retries}}"} if run.retries else {}
    everything = {**settings.env, **variables, WORKFLOW_UID_VARIABLE: "{{workflow.uid}}", **attempt}
    entries = [_variable(name, value) for name, value in everything.items()]
    # A default, because a pod that was killed before it wrote the file is still to end with its own reason.
    outcome = models.ValueFrom(path=str(PurePosixPath(directory, labels.OUTCOME_FILE)), default="")
    return Script(
        name=TEMPLATE,
        image=settings.image,
        image_pull_policy=_pull_policy(settings.image_pull_policy),
        command=list(run.command),
        source=source,
        working_dir=settings.working_dir or None,
        env=[_model(models.EnvVar, entry, "env") for entry in entries],
        env_from=[_model(models.EnvFromSource, entry, "env_from") for entry in settings.env_from] or None,
        volume_mounts=[_model(models.VolumeMount, mount, "volume_mounts") for mount in settings.volume_mounts] or None,
        resources=_optional(models.ResourceRequirements, settings.resources, "resources"),
        security_context=_optional(models.SecurityContext, settings.security_context, "security_context"),
        retry_strategy=_optional(models.RetryStrategy, run.retry_strategy() or {}, "retries"),
        active_deadline_seconds=run.deadline,
        outputs=[
            Parameter(name=labels.OUTCOME_PARAMETER, global_name=labels.OUTCOME_PARAMETER, value_from=outcome),
        ],
    )


def _labels(record: JobRecord, user: str) -> dict[str, str]:
    values = {labels.USER_LABEL: user, labels.JOB_LABEL: record.job_id}
    if record.job_definition_id:
        values[labels.DEFINITION_LABEL] = record.job_definition_id
    return check_labels(values)


def check_labels(values: dict[str, str]) -> dict[str, str]:
    """Return labels that Kubernetes accepts.

    Raises:
        InputError: One of the values is none.
    """
    for name, value in values.items():
        if not _LABEL.fullmatch(value):
            raise InputError(f"{value!r} cannot be the value of the label {name}")
    return values


def encoded(job: Mapping[str, Any], *, parameters: Mapping[str, str]) -> str:
    """Return the value of NBARGO_JOB.

    Args:
        job: What the runner reads, but for the parameters.
        parameters: As the user typed them.

    Raises:
        InputError: A parameter is not usable, or it is all too large.
    """
    whole = {**job, "parameters": typed(parameters)}
    raw = json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    value = base64.b64encode(raw).decode("ascii")
    if len(f"{JOB_VARIABLE}={value}\0") > MAX_ENVIRONMENT:
        raise InputError(f"The job's settings and parameters have {len(raw)} bytes, too many", hint=_TOO_LARGE_HINT)
    return value


def check_record(record: JobRecord) -> None:
    """Check that a record can be read back, and that the names of its files differ.

    Raises:
        InputError: It cannot, or two names are the same.
    """
    try:
        job_record.from_dict(json.loads(json.dumps(record.to_dict())))
    except RecordError as error:  # whose own hint is for what others wrote
        raise InputError(error.message, hint="Change it in the form of the job") from error
    for name in record.output_formats:
        if name not in record.output_files:
            raise InputError(f"The output format '{name}' has no file name")
    names = [record.input_filename, labels.OUTCOME_FILE, *record.output_files.values()]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"Two files of the job would be called '{name}'", hint="Rename the notebook")


def check_directory(directory: str) -> str:
    """Return a directory that Argo takes as it is.

    Raises:
        InputError: Argo would replace something in it, or it is not an absolute path.
    """
    if "{{" in directory:
        raise InputError(
            f"The job's directory {directory!r} holds two opening braces, which Argo would replace",
            hint="Rename the folder, or ask the administrator for another staging path",
        )
    is_text = directory.isprintable() and not re.search("[\ud800-\udfff]", directory)
    if not (is_text and PurePosixPath(directory).is_absolute()):
        raise InputError(f"The job's directory {directory!r} is not an absolute path")
    return directory


def check_name(name: str) -> str:
    """Return a name that an object of Kubernetes may have.

    Raises:
        InputError: It may not.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} cannot be the name of a Workflow")
    return name


def check_template(template: Mapping[str, Any]) -> None:
    """Check that Argo can start a template.

    Args:
        template: As the Kubernetes API takes it.

    Raises:
        InputError: It is too large.
    """
    text = json.dumps(template, ensure_ascii=False, separators=(",", ":"))
    escaped = sum(text.count(character) for character in "<>&")  # Go writes each as six characters
    size = len(text.encode("utf-8", "surrogatepass")) + 5 * escaped
    if size > MAX_TEMPLATE:
        raise InputError(
            f"The job's template has {size} bytes, more than the {MAX_TEMPLATE} that Argo can start",
            hint=_TOO_LARGE_HINT,
        )


def _variable(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {"name": name, **value}
    _check_texts({name: value}, "env")
    return {"name": name, "value": value}


def _check_texts(values: Mapping[str, Any], setting: str) -> None:
    for name, value in values.items():
        if not isinstance(value, str):
            kind = type(value).__name__
            raise ConfigError(
                f"The pod setting '{setting}' has no text for '{name}' but {kind}", hint="Put it in quotes"
            )


def _pull_policy(policy: str) -> str | None:
    if policy not in {"", "Always", "IfNotPresent", "Never"}:
        raise ConfigError(f"The image pull policy '{policy}' is none of Always, IfNotPresent and Never")
    return policy or None


def _when(value: Any, model: Any, member: str) -> Any:
    return None if value is None else model(**{member: value})


def _optional(model: type[_Model], value: Mapping[str, Any], setting: str) -> _Model | None:
    return _model(model, value, setting) if value else None


def _model(model: type[_Model], value: Mapping[str, Any], setting: str) -> _Model:
    """Return a piece of a pod as Hera's model, or raise ConfigError: Hera drops what it does not know in silence."""
    from pydantic import ValidationError  # noqa: PLC0415 - as Hera

    untyped: Any = model
    try:
        result = untyped.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"The pod setting '{setting}' is wrong at '{place}': {first['msg']}") from error
    lost = sorted(_members(value) - _members(result.model_dump(by_alias=True, exclude_none=True)))
    if lost:
        raise ConfigError(f"The pod setting '{setting}' has a member that Kubernetes does not know: '{lost[0]}'")
    return result  # type: ignore[no-any-return]


def _members(value: Any, prefix: str = "") -> set[str]:
    if isinstance(value, Mapping):
        inner = [_members(item, f"{prefix}{name}.") for name, item in value.items() if item is not None]
        return {f"{prefix}{name}" for name, item in value.items() if item is not None}.union(*inner)
    if isinstance(value, list | tuple):
        return set().union(*(_members(item, prefix) for item in value))
    return set()
