"""When a finished workflow is deleted: ttlStrategy, with the rules of Argo's gccontroller."""

from datetime import datetime, timedelta
from typing import Final

from nbargo_local.controller.durations import read_stamp
from nbargo_local.controller.names import ARCHIVING_LABEL, COMPLETED_LABEL, Object
from nbargo_local.controller.tree import COMPLETED

_MARGIN: Final = timedelta(seconds=1)  # Argo queues the deletion one second after the time to live is over


def deletion_time(workflow: Object) -> datetime | None:
    """Return when a workflow is to be deleted, or None for never.

    Only phase Failed counts as a failure: an Error is collected by secondsAfterCompletion alone.

    Args:
        workflow: The Workflow.
    """
    metadata, status = workflow["metadata"], workflow.get("status") or {}
    labels = metadata.get("labels") or {}
    if labels.get(COMPLETED_LABEL) != "true" or labels.get(ARCHIVING_LABEL) == "Pending":
        return None
    finished = read_stamp(status.get("finishedAt"))
    seconds = _seconds(workflow["spec"].get("ttlStrategy") or {}, status.get("phase") or "")
    if seconds is None or finished is None or metadata.get("deletionTimestamp"):
        return None
    return finished + timedelta(seconds=seconds) + _MARGIN


def _seconds(strategy: Object, phase: str) -> int | None:
    special = {"Failed": "secondsAfterFailure", "Succeeded": "secondsAfterSuccess"}.get(phase, "")
    seconds: int | None = strategy.get(special)
    if seconds is None and phase in COMPLETED:
        seconds = strategy.get("secondsAfterCompletion")
    return seconds
