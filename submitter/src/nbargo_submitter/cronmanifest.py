"""The CronWorkflow of a job definition, and the patch that makes one of another.

Argo copies none of a CronWorkflow's own labels to its runs: what they need is in `spec.workflowMetadata`. Their
template is the job's, with a beginning of its own that gives each run its record and its directory.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from nbargo_shared import labels, run
from nbargo_shared.definition import DefinitionRecord
from nbargo_shared.times import to_rfc3339
from nbargo_submitter import checks, formats, manifest, schedules
from nbargo_submitter.bundle import runner_source
from nbargo_submitter.pod import PodSettings
from nbargo_submitter.run_settings import RunSettings

CREATED_VARIABLE: Final = "NBARGO_CREATED"
DEFAULT_DEADLINE: Final = 3600
DEFAULT_HISTORY: Final = 10
WHEN: Final = frozenset({"schedule", "timezone", "active"})
"""The members of a definition's record that say when it runs; all others say what runs."""

_WHEN_FIELDS: Final = frozenset({"schedule", "schedules", "timezone", "suspend"})
"""The members of a CronWorkflow's spec that say when it runs: they are patched when they are edited, and not else."""

_AS_USUAL: Final = RunSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class CronPolicy:
    """What the administrator says about schedules.

    Attributes:
        concurrency_policy: Allow, Forbid or Replace.
        starting_deadline_seconds: How late a run that was missed is still started; 0: it never is.
        successful_history: How many Workflows that succeeded stay, until their time to live is over.
        failed_history: How many others that have ended stay.
        single_schedule: Whether the field is `schedule`, as in Argo 3.4 and 3.5, rather than `schedules`.
    """

    concurrency_policy: str = "Forbid"
    starting_deadline_seconds: int = DEFAULT_DEADLINE
    successful_history: int = DEFAULT_HISTORY
    failed_history: int = DEFAULT_HISTORY
    single_schedule: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An edit of a definition.

    Attributes:
        record: The definition as it is to be.
        members: Names of the record's members that are edited.
    """

    record: DefinitionRecord
    members: frozenset[str]


def build_cron_workflow(
    *,
    definition: DefinitionRecord,
    user: str,
    staging: str,
    settings: PodSettings,
    policy: CronPolicy,
    run_settings: RunSettings = _AS_USUAL,
) -> dict[str, Any]:
    """Return the CronWorkflow of a definition that has a schedule, as the Kubernetes API takes it.

    Args:
        definition: The definition.
        user: The value of the user label.
        staging: The staging area, absolute, as the pod sees it.
        settings: The pod's.
        policy: The schedule's.
        run_settings: How the notebook is run.

    Raises:
        InputError: The definition or a parameter is not usable, a path holds braces, or it is all too large.
        ConfigError: A setting is not one that Argo or Kubernetes knows.
    """
    from hera.workflows import CronWorkflow  # noqa: PLC0415 - seconds that the lab's start must not pay

    own = manifest.check_labels({labels.USER_LABEL: user, labels.DEFINITION_LABEL: definition.definition_id})
    template = run_template(definition)
    workflow = CronWorkflow(
        name=manifest.check_name(labels.object_name(definition.definition_id)),
        labels={**settings.labels, **own},
        annotations={**settings.annotations, labels.DEFINITION_ANNOTATION: definition.to_json()},
        templates=[_script(definition, template, staging, settings, run_settings)],
        schedules=[definition.schedule or ""],
        timezone=definition.timezone or schedules.UTC,
        cron_suspend=not definition.active,
        concurrency_policy=policy.concurrency_policy,
        starting_deadline_seconds=policy.starting_deadline_seconds,
        successful_jobs_history_limit=policy.successful_history,
        failed_jobs_history_limit=policy.failed_history,
        **manifest.members(settings, own),
    )
    made: dict[str, Any] = workflow.to_dict()
    made["spec"]["workflowSpec"] |= manifest.locks(settings)
    manifest.check_template(made["spec"]["workflowSpec"]["templates"][0])
    # Hera has no name for this member: its own workflow_metadata is the one inside workflowSpec.
    made["spec"]["workflowMetadata"] = {
        "labels": {**settings.labels, **own},
        "annotations": {**settings.annotations, labels.JOB_ANNOTATION: template},
    }
    if policy.single_schedule:
        made["spec"]["schedule"] = made["spec"].pop("schedules")[0]
    return made


def build_patch(
    cron: Mapping[str, Any], *, change: Change, built: Mapping[str, Any] | None, policy: CronPolicy, now: int
) -> dict[str, Any]:
    """Return the JSON merge patch that makes an edited definition's CronWorkflow of the one that is there.

    What was not edited is left as it is, whoever has changed it. After a change of when it runs, what was due before
    counts as done: Argo would start a run at once for a time that the old schedule, or the pause, has left out.

    Args:
        cron: The CronWorkflow, as the cluster has it. The patch holds for this version of it only.
        change: What is edited.
        built: The CronWorkflow as it would be made today; None if nothing changes of what runs.
        policy: What is set for schedules.
        now: Milliseconds since 1970.
    """
    record, members = change.record, change.members
    there, spec = cron["spec"], _when(change, policy)
    noted: dict[str, Any] = {"annotations": {}}
    if built is not None:
        what = {name: value for name, value in built["spec"].items() if name not in _WHEN_FIELDS}
        spec |= {name: merge_patch(there.get(name), value) for name, value in what.items()}
        noted = {kind: dict(built["metadata"].get(kind) or {}) for kind in ("labels", "annotations")}
    noted["annotations"] |= {labels.DEFINITION_ANNOTATION: record.to_json()}
    metadata = {**noted, "resourceVersion": cron["metadata"]["resourceVersion"]}
    patch: dict[str, Any] = {"metadata": metadata, "spec": spec}
    begins_anew = not members.isdisjoint(WHEN) and record.active
    if begins_anew and (cron.get("status") or {}).get("lastScheduledTime"):
        patch["status"] = {"lastScheduledTime": to_rfc3339(now)}
    return patch


def run_template(definition: DefinitionRecord) -> str:
    """Return what each run of a definition carries as its job annotation.

    Raises:
        InputError: The record of a run would not be one that the watcher accepts.
    """
    found = formats.patterns(definition.input_filename, names=formats.made(definition.output_formats))
    with checks.corrected():
        template = run.run_template(definition, patterns=found)
        sample = run.run_record(template, uid=definition.definition_id, created_ms=definition.update_time)
    manifest.check_record(checks.checked(sample))
    return template


def _when(change: Change, policy: CronPolicy) -> dict[str, Any]:
    """Return what an edit changes of when a definition runs."""
    record, members = change.record, change.members
    spec: dict[str, Any] = _schedule(record, policy) if "schedule" in members else {}
    if "timezone" in members:
        spec["timezone"] = record.timezone or schedules.UTC
    if "active" in members:
        spec["suspend"] = not record.active
    return spec


def _schedule(record: DefinitionRecord, policy: CronPolicy) -> dict[str, Any]:
    """Return both members that can hold a schedule; Argo takes no object that has both."""
    if policy.single_schedule:
        return {"schedule": record.schedule, "schedules": None}
    return {"schedule": None, "schedules": [record.schedule]}


def merge_patch(old: Any, new: Any) -> Any:
    """Return the JSON merge patch (RFC 7386) that makes one object of another.

    Args:
        old: What is there; anything but a mapping is replaced whole.
        new: What is to be there; members that are null are left out.
    """
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    removed = {name: None for name in old if new.get(name) is None}
    changed = {
        name: merge_patch(old.get(name), value)
        for name, value in new.items()
        if value is not None and value != old.get(name)
    }
    return removed | changed


def _script(
    definition: DefinitionRecord, template: str, staging: str, settings: PodSettings, run_settings: RunSettings
) -> Any:
    manifest.check_directory(staging)
    job = {
        "record": json.loads(template),
        "directory": staging,
        "source": str(PurePosixPath(staging, definition.definition_id, definition.files)),
        **run_settings.job(),
    }
    variables = {
        manifest.JOB_VARIABLE: manifest.encoded(job, parameters=definition.parameters),
        CREATED_VARIABLE: "{{workflow.creationTimestamp.s}}",
    }
    directory = str(PurePosixPath(staging, "{{workflow.uid}}"))
    return manifest.script(
        variables=variables,
        directory=directory,
        source=runner_source(tells=bool(run_settings.notify)),
        settings=settings,
        run=run_settings,
    )
