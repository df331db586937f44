"""What an edit of a job definition comes to: which members change, and whether somebody else changed them meanwhile.

A request holds some of the members. The form of the lab sends schedule, time zone and notebook each time, changed or
not; so what is sent as it already is, is no change.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from jupyter_scheduler.models import DescribeJobDefinition, UpdateJobDefinition

from nbargo_shared import definition, labels
from nbargo_shared.definition import DefinitionRecord
from nbargo_shared.errors import ClusterConflictError
from nbargo_submitter import schedules

_NOT_OURS: Final = {"url", "input_uri"}
_WORDS: Final = {
    "runtime_environment_name": "environment",
    "runtime_environment_parameters": "environment's settings",
    "output_formats": "output formats",
    "timezone": "time zone",
    "active": "pause",
    "compute_type": "size",
    "input_filename": "notebook",
    "files": "notebook",
    "input_uri": "notebook",
    "output_filename_template": "template of the file names",
}


def of_cron(cron: Mapping[str, Any], *, listed: DescribeJobDefinition | None) -> DefinitionRecord:
    """Return the record of a definition as its CronWorkflow has it, whose spec comes before its annotation.

    Args:
        cron: The CronWorkflow.
        listed: The definition's row, which says how several schedules, which only kubectl can make, are shown.

    Raises:
        RecordError: The annotation is not a definition's record.
    """
    annotations = cron["metadata"].get("annotations") or {}
    record = definition.parse(annotations.get(labels.DEFINITION_ANNOTATION) or "")
    spec = cron.get("spec") or {}
    found = [spec["schedule"]] if spec.get("schedule") else list(spec.get("schedules") or ())
    shown = listed.schedule if listed and len(found) > 1 else ", ".join(map(str, found))
    return replace(record, schedule=shown, timezone=spec.get("timezone"), active=not spec.get("suspend"))


def wanted(
    model: UpdateJobDefinition, *, there: DefinitionRecord, listed: DescribeJobDefinition | None
) -> dict[str, Any]:
    """Return the members of a definition's record that a request changes, but for its notebook.

    Args:
        model: The request. An empty schedule takes the schedule away.
        there: The definition as it is.
        listed: The definition as the list shows it, and as its user has seen it; None if it is not listed.

    Raises:
        InputError: The schedule or the time zone is not usable.
        ClusterConflictError: The list is behind, and what was sent is what it showed.
    """
    sent = {name: _typed(value) for name, value in model.dict(exclude_unset=True, exclude_none=True).items()}
    changed: dict[str, Any] = {}
    for name, value in sent.items():
        if name in _NOT_OURS or value == getattr(there, name) or (not value and not getattr(there, name)):
            continue
        is_behind = listed is not None and listed.update_time < there.update_time
        if is_behind and value == _typed(getattr(listed, name)):
            raise conflict(name)
        changed[name] = value
    return _checked(changed, there)


def merged(changed: Mapping[str, Any], *, seen: DefinitionRecord, there: DefinitionRecord) -> None:
    """Check that changes can be made to a definition that somebody else has changed meanwhile.

    Args:
        changed: The members that change.
        seen: The definition as it was when that was decided.
        there: The definition as it is.

    Raises:
        ClusterConflictError: One of the members was changed to something else.
    """
    for name, value in changed.items():
        if getattr(there, name) not in (getattr(seen, name), value):
            raise conflict(name)


def conflict(name: str) -> ClusterConflictError:
    """Return the error for a member that somebody else has changed at the same time."""
    what = _WORDS.get(name, name)
    return ClusterConflictError(
        f"The job definition's {what} was changed in another place meanwhile",
        hint="Reload the definition, then change it again",
        status=409,
    )


def names_new_notebook(input_uri: str | None, *, there: DefinitionRecord) -> bool:
    """Return whether a request names a notebook to copy, rather than the copy that is there.

    The lab's form sends the name of the copy when no other notebook was chosen. A bare name is therefore only taken for
    a notebook in the lab's root folder if that is where the copy came from.

    Args:
        input_uri: What was sent.
        there: The definition as it is.
    """
    return bool(input_uri) and (input_uri != there.input_filename or input_uri == there.input_uri)


def _typed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _checked(changed: dict[str, Any], there: DefinitionRecord) -> dict[str, Any]:
    if "schedule" in changed:
        changed["schedule"] = schedules.checked_schedule(changed["schedule"]) if changed["schedule"] else None
    schedule = changed.get("schedule", there.schedule)
    if "timezone" in changed or (schedule and not there.timezone):
        changed["timezone"] = schedules.checked_zone(changed.get("timezone"))
    return {name: value for name, value in changed.items() if value != getattr(there, name)}
