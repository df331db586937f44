"""Which attempt an observation belongs to, and whether it may still say something about the row.

An attempt is a Workflow's uid and its `status.startedAt`. `argo retry` keeps the uid, clears the completed label and
sets a new start; a retry from Argo's archive makes a new object of the same name; `argo resubmit` makes another one.
"""

from typing import Final

from nbargo_shared.errors import RecordError
from nbargo_shared.outcome import Outcome, State, parse
from nbargo_shared.status import Status
from nbargo_watcher.evidence import ENDED, Evidence
from nbargo_watcher.model import Observed
from nbargo_watcher.rows import STOPS, TERMINAL, Projected, Row
from nbargo_watcher.versions import Order, compare

ABSENT: Final = 1
"""Value of `gone` for a Workflow that was in no list: it may turn up again, the same as before."""
DELETED: Final = 2
"""Value of `gone` for a Workflow whose deletion was seen: what is not newer is late."""
_SKEW: Final = 10_000
"""Milliseconds that the clocks of a node and of the controller may be apart; a retry takes longer to be under way."""
_RETRIABLE: Final = frozenset({Status.FAILED.value, Status.STOPPED.value})


def standing(projected: Projected | None, evidence: Evidence, observed: Observed) -> Order | None:
    """Return how an object stands to what is remembered, or None if it says nothing new about this job.

    Args:
        projected: What is remembered of the job.
        evidence: Where the object comes from.
        observed: The object, or its last body.
    """
    if projected is None or not projected.uid:
        return Order.UNKNOWN
    order = compare(observed.resource_version, projected.resource_version)
    if observed.uid != projected.uid:
        return order if _replaces(projected, observed, order, gone=evidence.gone) else None
    if evidence.archived:
        return Order.NEWER
    if order is Order.SAME:
        return _standing_of_same(projected, evidence)
    if order is Order.OLDER or (order is Order.UNKNOWN and _earlier(observed, projected)):
        return None
    return order


def is_new_attempt(row: Row | None, projected: Projected | None, observed: Observed | None) -> bool:
    """Return whether an object is in a later attempt than the one that is remembered.

    Where no start is remembered, a row that its file made tells of the attempt: a watcher that goes on from its
    checkpoint may read a job's outcome file before the job's first event, which may be that of a retry.
    """
    if projected is None or observed is None:
        return False
    if projected.uid and observed.uid != projected.uid:
        return True
    before = projected.started_at
    if before is None and row is not None and projected.gone:
        before = row.end_time
    if observed.started_at is None or before is None:
        return False
    return observed.started_at > before


def is_settled(row: Row, projected: Projected, observed: Observed, order: Order) -> bool:
    """Return whether the row has ended for good as far as this object goes: terminal statuses are sticky."""
    if not row.is_terminal or projected.status not in TERMINAL or is_new_attempt(row, projected, observed):
        return False
    ended = observed.phase in ENDED
    if order is Order.NEWER:
        finished_again = (observed.finished_at or 0) > (projected.finished_at or observed.finished_at or 0)
        retried = not ended and not observed.completed
        return not (projected.gone or finished_again or retried)
    return not (projected.gone and (ended or _was_never_seen(row, projected)))


def is_stopped_by_user(row: Row | None, projected: Projected | None, observed: Observed) -> bool:
    """Return whether somebody else has set the row to a stop that the cluster does not show yet."""
    if row is None or row.status not in STOPS or is_new_attempt(row, projected, observed):
        return False
    return projected is None or row.status != projected.status


def may_have_run_again(row: Row | None, projected: Projected | None) -> bool:
    """Return whether a job that has ended is one that Argo can retry, or whose end was read from its file alone."""
    if row is None or projected is None or not row.is_terminal:
        return False
    return row.status in _RETRIABLE or bool(projected.gone)


def is_later_run(row: Row, outcome: Outcome) -> bool:
    """Return whether an outcome tells of a run after the one that a row tells of, which has the outcome's own start."""
    return outcome.started_at > max(row.start_time or 0, row.end_time or 0)


def tells_more(row: Row | None, projected: Projected | None, outcome: Outcome | None) -> bool:
    """Return whether an outcome tells of what a row that has ended does not know.

    That is a later run of the same Workflow, or the end of a run whose Workflow had vanished while it ran. A copy that
    `argo resubmit` made writes the same file, and is not this job.
    """
    if row is None or projected is None or outcome is None or not may_have_run_again(row, projected):
        return False
    if projected.uid and outcome.workflow_uid not in {"", projected.uid}:
        return False
    ended_since = projected.gone and row.end_time is None and outcome.ended_at is not None
    return is_later_run(row, outcome) or bool(ended_since and outcome.started_at >= (row.start_time or 0))


def stop_requested(row: Row | None, projected: Projected | None, observed: Observed | None) -> bool:
    """Return whether anything says that the user asked for a stop."""
    if observed is not None and (observed.shutdown or observed.stop_requested):
        return True
    if is_new_attempt(row, projected, observed):
        return False
    return bool(projected and projected.stop) or (row is not None and row.status == Status.STOPPING)


def outcome_of(projected: Projected | None, evidence: Evidence) -> Outcome | None:
    """Return the outcome that tells of this attempt, or None.

    The file comes first, then the object's own parameter; of two the one that began later, because a retried object may
    still carry the parameter of the attempt before. One that had ended before the attempt began is an earlier one's; a
    file that began after it had ended is a later one's, whose object has not been seen yet.

    Args:
        projected: What is remembered of the job.
        evidence: The evidence.
    """
    file = None if _is_of_later_attempt(evidence.outcome, evidence.observed) else evidence.outcome
    found = [item for item in (file, _parameter(evidence.observed)) if item and _counts(item, evidence)]
    begun = _attempt_start(projected, evidence.observed)
    current = [item for item in found if (item.ended_at or item.started_at) >= begun]
    return max(current, key=lambda item: (item.started_at, item.state is not State.RUNNING), default=None)


def _parameter(observed: Observed | None) -> Outcome | None:
    if observed is None or not observed.outcome_json:
        return None
    try:
        return parse(observed.outcome_json)
    except RecordError:
        return None


def _is_of_later_attempt(outcome: Outcome | None, observed: Observed | None) -> bool:
    if outcome is None or observed is None or observed.finished_at is None:
        return False
    return outcome.started_at >= observed.finished_at + _SKEW


def _counts(outcome: Outcome, evidence: Evidence) -> bool:
    """Return whether an outcome is this job's, and this Workflow's unless the Workflow is gone."""
    if outcome.job_id != evidence.job_id:
        return False
    return evidence.gone or outcome.workflow_uid in {"", evidence.uid}


def _attempt_start(projected: Projected | None, observed: Observed | None) -> int:
    started = observed.started_at if observed else projected.started_at if projected else None
    return started or 0


def _standing_of_same(projected: Projected, evidence: Evidence) -> Order | None:
    if evidence.gone:
        return Order.SAME
    return Order.NEWER if projected.gone == ABSENT else None


def _replaces(projected: Projected, observed: Observed, order: Order, *, gone: bool) -> bool:
    """Return whether another uid's object took the place of the one that is remembered.

    A name is free only after its object is gone, so a later object of the same name is its successor; one with another
    name is a copy.
    """
    same_name = projected.name in {"", observed.name} and projected.namespace in {"", observed.namespace}
    if not same_name or order in {Order.OLDER, Order.SAME}:
        return False
    return order is Order.NEWER or not (gone or _earlier(observed, projected))


def _was_never_seen(row: Row, projected: Projected) -> bool:
    """Return whether a row tells of a run that has vanished, and whose file alone is known: it said that it ran."""
    return projected.gone == ABSENT and not projected.resource_version and row.end_time is None


def _earlier(observed: Observed, projected: Projected) -> bool:
    return (observed.started_at or 0) < (projected.started_at or 0)
