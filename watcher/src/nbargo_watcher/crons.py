"""Reading CronWorkflows: what of one is kept, and what it says about a definition."""

from typing import Final

from nbargo_shared.times import to_milliseconds
from nbargo_watcher import wire
from nbargo_watcher.model import Cron, Observed

MESSAGE_LENGTH: Final = 4096
"""Characters kept of a condition's message; a row holds 1024."""
_MOST_CONDITIONS: Final = 8  # Argo knows two types, and sets each once
_NO_LABELS: Final = wire.Labels()
_NO_ANNOTATIONS: Final = wire.Annotations()
_NO_SPEC: Final = wire.CronSpec()
_NO_STATUS: Final = wire.CronStatus()


def trim(item: wire.CronWorkflow) -> None:
    """Let go of what is not kept and may be large."""
    if item.status and item.status.conditions:
        item.status.conditions = item.status.conditions[:_MOST_CONDITIONS]
        for condition in item.status.conditions:
            condition.message = condition.message and condition.message[:MESSAGE_LENGTH]


def project(item: wire.CronWorkflow, *, namespace: str) -> Observed:
    """Return a cron workflow as it is observed.

    Args:
        item: What was read.
        namespace: The namespace that was asked for.
    """
    meta = item.metadata
    tags = meta.labels or _NO_LABELS
    notes = meta.annotations or _NO_ANNOTATIONS
    spec = item.spec or _NO_SPEC
    status = item.status or _NO_STATUS
    given = (spec.workflow_metadata and spec.workflow_metadata.annotations) or _NO_ANNOTATIONS
    trim(item)
    return Observed(
        namespace=meta.namespace or namespace,
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resource_version,
        user=tags.user or "",
        definition_id=tags.definition_id or "",
        deleting=meta.deletion_timestamp is not None,
        created_at=to_milliseconds(meta.creation_timestamp),
        job_json=given.job,
        cron=Cron(
            schedule=next(iter(spec.schedules or ()), None) or spec.schedule,
            timezone=spec.timezone or None,
            suspended=bool(spec.suspend),
            definition_json=notes.definition,
            conditions=_conditions(status),
            last_run_at=to_milliseconds(status.last_scheduled_time),
        ),
    )


def _conditions(status: wire.CronStatus) -> tuple[tuple[str, str], ...]:
    found = status.conditions or ()
    return tuple((item.type, item.message or "") for item in found if item.status != "False")
