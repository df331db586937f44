"""What of a Workflow the local controller honours, what it accepts without effect, and the refusal of the rest.

A field is refused unless a table here names it: a workflow that would mean something else on a cluster must not look as
if it worked. Fields that only say where and as whom a pod runs have no effect on one machine and are accepted.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from nbargo_local.controller.expressions import ExpressionError, check_expression
from nbargo_local.controller.names import Object
from nbargo_local.controller.templating import dump

PREFIX: Final = "not supported by the local controller: "

SPEC_HONOURED: Final = frozenset(
    {
        "entrypoint",
        "templates",
        "arguments",
        "activeDeadlineSeconds",
        "parallelism",
        "onExit",
        "ttlStrategy",
        "shutdown",
        "suspend",
        "workflowMetadata",
        "retryStrategy",
        "podMetadata",
        "synchronization",
    }
)
SPEC_WITHOUT_EFFECT: Final = frozenset(
    {
        "affinity",
        "archiveLogs",
        "artifactRepositoryRef",
        "automountServiceAccountToken",
        "dnsConfig",
        "dnsPolicy",
        "executor",
        "hostAliases",
        "hostNetwork",
        "imagePullSecrets",
        "metrics",
        "nodeSelector",
        "podDisruptionBudget",
        "podGC",
        "podPriorityClassName",
        "priority",
        "schedulerName",
        "securityContext",
        "serviceAccountName",
        "tolerations",
        "volumes",
    }
)
TEMPLATE_HONOURED: Final = frozenset(
    {
        "name",
        "container",
        "script",
        "steps",
        "dag",
        "suspend",
        "inputs",
        "outputs",
        "activeDeadlineSeconds",
        "retryStrategy",
        "parallelism",
        "failFast",
        "metadata",
    }
)
TEMPLATE_WITHOUT_EFFECT: Final = frozenset(
    {
        "affinity",
        "annotations",
        "archiveLocation",
        "automountServiceAccountToken",
        "executor",
        "hostAliases",
        "metrics",
        "nodeSelector",
        "priority",
        "priorityClassName",
        "schedulerName",
        "securityContext",
        "serviceAccountName",
        "tolerations",
        "volumes",
    }
)
CONTAINER_HONOURED: Final = frozenset(
    {
        "command",
        "args",
        "env",
        "workingDir",
        "source",
    }
)
CONTAINER_WITHOUT_EFFECT: Final = frozenset(
    {
        "image",
        "imagePullPolicy",
        "livenessProbe",
        "name",
        "ports",
        "readinessProbe",
        "resources",
        "securityContext",
        "startupProbe",
        "terminationMessagePath",
        "terminationMessagePolicy",
        "volumeDevices",
        "volumeMounts",
    }
)
STEP_HONOURED: Final = frozenset(
    {
        "name",
        "template",
        "arguments",
        "continueOn",
    }
)
TASK_HONOURED: Final = STEP_HONOURED | {"dependencies", "depends"}
_PARAMETER: Final = frozenset(
    {
        "name",
        "value",
        "default",
        "description",
        "enum",
    }
)
_OUTPUT: Final = frozenset(
    {
        "name",
        "valueFrom",
        "value",
        "globalName",
        "description",
    }
)
_FIELD_PATH: Final = re.compile(r"metadata\.(name|namespace|uid|(labels|annotations)\['[^']+'\])")
_RESULT_TAG: Final = re.compile(r"\{\{[^{}]*\.outputs\.result\s*\}\}")


class UnsupportedError(Exception):
    """The local controller cannot do what the manifest asks for.

    Args:
        what: The field, or the thing.
    """

    def __init__(self, what: str) -> None:
        super().__init__(PREFIX + what)


def _present(fields: Object | None) -> Iterator[tuple[str, Any]]:
    for key, value in (fields or {}).items():
        if value not in (None, "", False, [], {}):
            yield key, value


def _only(path: str, fields: Object | None, *allowed: frozenset[str]) -> None:
    for key, _ in _present(fields):
        if not any(key in group for group in allowed):
            raise UnsupportedError(f"{path}.{key}")


def _arguments(path: str, arguments: Object | None) -> None:
    _only(path, arguments, frozenset({"parameters"}))
    for parameter in (arguments or {}).get("parameters") or ():
        _only(f"{path}.parameters.{parameter.get('name')}", parameter, _PARAMETER | {"globalName"})


def _environment(path: str, variables: list[Object] | None) -> None:
    for variable in variables or ():
        source = variable.get("valueFrom")
        if not source:
            continue
        name = f"{path}.env.{variable.get('name')}.valueFrom"
        _only(name, source, frozenset({"fieldRef"}))
        field = (source.get("fieldRef") or {}).get("fieldPath", "")
        if not _FIELD_PATH.fullmatch(field):
            raise UnsupportedError(f"{name}.fieldRef {field}")


def _container(path: str, container: Object) -> None:
    _only(path, container, CONTAINER_HONOURED, CONTAINER_WITHOUT_EFFECT)
    _environment(path, container.get("env"))
    if not container.get("command"):
        raise UnsupportedError(f"{path} without a command (the image's own is not looked up)")


def _calls(path: str, template: Object) -> None:
    for group in template.get("steps") or ():
        for step in group if isinstance(group, list) else [group]:
            _only(f"{path}.steps.{step.get('name')}", step, STEP_HONOURED)
            _arguments(f"{path}.steps.{step.get('name')}.arguments", step.get("arguments"))
    dag = template.get("dag") or {}
    _only(f"{path}.dag", dag, frozenset({"tasks", "target", "failFast"}))
    for task in dag.get("tasks") or ():
        _only(f"{path}.dag.tasks.{task.get('name')}", task, TASK_HONOURED)
        _arguments(f"{path}.dag.tasks.{task.get('name')}.arguments", task.get("arguments"))


def _outputs(path: str, template: Object) -> None:
    outputs = template.get("outputs")
    _only(path, outputs, frozenset({"parameters"}))
    for parameter in (outputs or {}).get("parameters") or ():
        name = f"{path}.parameters.{parameter.get('name')}"
        _only(name, parameter, _OUTPUT)
        _only(
            f"{name}.valueFrom",
            parameter.get("valueFrom"),
            frozenset({"path", "parameter", "default"}),
        )


def _retry(path: str, strategy: Object | None) -> None:
    _only(path, strategy, frozenset({"limit", "retryPolicy", "backoff", "expression"}))
    if expression := (strategy or {}).get("expression"):
        try:
            check_expression(expression)
        except ExpressionError as error:
            raise UnsupportedError(f"{path}.expression: {error}") from error
    _only(
        f"{path}.backoff",
        (strategy or {}).get("backoff"),
        frozenset({"duration", "factor", "maxDuration", "cap"}),
    )


def _template(template: Object) -> None:
    path = f"templates.{template.get('name')}"
    _only(path, template, TEMPLATE_HONOURED, TEMPLATE_WITHOUT_EFFECT)
    _arguments(f"{path}.inputs", template.get("inputs"))
    _outputs(f"{path}.outputs", template)
    _retry(f"{path}.retryStrategy", template.get("retryStrategy"))
    for kind in ("container", "script"):
        if template.get(kind) is not None:
            _container(f"{path}.{kind}", template[kind])
    _only(f"{path}.suspend", template.get("suspend"), frozenset({"duration"}))
    _calls(path, template)


def _synchronization(path: str, asked: Object | None) -> None:
    _only(path, asked, frozenset({"semaphore", "semaphores", "mutex", "mutexes"}))
    for kind, fields in (("semaphore", {"configMapKeyRef"}), ("mutex", {"name"})):
        plural = f"{kind}es" if kind == "mutex" else f"{kind}s"
        single = (asked or {}).get(kind)
        for each in [*([single] if single else []), *((asked or {}).get(plural) or ())]:
            _only(f"{path}.{kind}", each, frozenset(fields))


def check_support(spec: Object) -> None:
    """Refuse a specification that asks for something that the local controller does not do.

    Args:
        spec: The Workflow's spec.

    Raises:
        UnsupportedError: It does; the text names the first such field.
    """
    _only("spec", spec, SPEC_HONOURED, SPEC_WITHOUT_EFFECT)
    _only(
        "spec.workflowMetadata",
        spec.get("workflowMetadata"),
        frozenset({"labels", "annotations"}),
    )
    _arguments("spec.arguments", spec.get("arguments"))
    _retry("spec.retryStrategy", spec.get("retryStrategy"))
    _synchronization("spec.synchronization", spec.get("synchronization"))
    for template in spec.get("templates") or ():
        _template(template)
    text = dump([spec.get("arguments"), spec.get("templates")])
    if "{{=" in text:
        raise UnsupportedError("expression tags {{=...}}")
    if _RESULT_TAG.search(text):
        raise UnsupportedError("outputs.result")
