"""What a row should say, given the evidence: one pure, level-based function for lists, events, files and `--once`.

A row is a function of the object, its job record and its outcome, so that a database that was lost comes back the same.
Applied twice it changes nothing.
"""

import hashlib
import json
from dataclasses import dataclass, replace

from nbargo_shared import record as job_record
from nbargo_shared.errors import RecordError
from nbargo_shared.outcome import Outcome, State
from nbargo_shared.record import JobRecord
from nbargo_shared.run import run_record
from nbargo_shared.status import Observation, Status, Verdict, of_missing, of_workflow
from nbargo_watcher import attempts, reasons
from nbargo_watcher.evidence import ENDED, Change, Evidence, Source
from nbargo_watcher.model import Observed
from nbargo_watcher.rows import Projected, Row
from nbargo_watcher.versions import Order, compare, newest

_NO_FILES = "[]"
_WAITING = frozenset({Status.QUEUED, Status.IN_PROGRESS})
"""A pod that waits belongs to a running workflow."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the user asked for, as far as an update needs it; the whole record where it was read."""

    name: str | None
    asked_at: int
    digest: int
    record: JobRecord | None = None


def reconcile(row: Row | None, projected: Projected | None, evidence: Evidence) -> Change | None:
    """Return what to write for a job, or None if everything is as it should be.

    Args:
        row: The job's row; None if there is none.
        projected: What is remembered of the job; None if it was never written. Remembered without a row: the user
            deleted it, and it stays deleted.
        evidence: What is known of the job now.

    Raises:
        RecordError: The object's job record is not valid, or is another job's.
    """
    if row is None and projected is not None:
        return None
    observed = evidence.observed
    if observed is None:
        if row and projected and attempts.tells_more(row, projected, evidence.outcome):
            return _from_later_outcome(row, projected, evidence)
        return None if _is_outdated(projected, evidence) else _from_absence(row, projected, evidence)
    order = attempts.standing(projected, evidence, observed)
    if order is None:
        return None
    if evidence.gone and observed.phase not in ENDED:
        return _from_absence(row, projected, evidence)
    return _from_object(row, projected, evidence, observed=observed, order=order)


def wants_outcome(row: Row | None, projected: Projected | None, evidence: Evidence) -> bool:
    """Return whether the outcome file could change what `reconcile` says.

    Args:
        row: As for `reconcile`.
        projected: As for `reconcile`.
        evidence: The evidence without the file.
    """
    if row is None and projected is not None:
        return False
    observed = evidence.observed
    order = Order.NEWER if observed is None else attempts.standing(projected, evidence, observed)
    if order is None:
        return False
    if observed is None or (evidence.gone and observed.phase not in ENDED):
        ended = row is not None and row.is_terminal
        again = attempts.is_new_attempt(row, projected, observed) or attempts.may_have_run_again(row, projected)
        return not ended or again
    if observed.phase not in ENDED:
        return False
    return not (row and projected and attempts.is_settled(row, projected, observed, order))


def digest(job_json: str | None) -> int:
    """Return a 64-bit digest of a job annotation, never 0, that fits SQLite's integers."""
    text = (job_json or "").encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), signed=True) or 1


def _from_object(
    row: Row | None, projected: Projected | None, evidence: Evidence, *, observed: Observed, order: Order
) -> Change | None:
    if row and projected and attempts.is_settled(row, projected, observed, order):
        return _settled(row, projected, evidence, observed)
    outcome = attempts.outcome_of(projected, evidence) if observed.phase in ENDED else None
    verdict = _verdict(observed, outcome)
    if verdict is None:
        return None
    asked = _asked(row, projected, observed)
    told = outcome if _was_waited_for(outcome, verdict) else None
    new = _row(evidence.job_id, asked, verdict, times=_times(outcome, told, observed))
    if verdict.status.is_terminal:
        new = new._replace(packaged_files=_files(told))
    elif row is not None and attempts.is_stopped_by_user(row, projected, observed):
        new = new._replace(status=row.status, status_message=None, end_time=row.end_time)
    change = Change(
        before=row,
        row=new,
        projected=_remember(projected, evidence, asked, verdict),
        record=asked.record,
        source=Source.ARCHIVE if evidence.archived else Source.OBJECT,
        why=_why(evidence, observed),
    )
    return _unless_same(change, projected)


def _settled(row: Row, projected: Projected, evidence: Evidence, observed: Observed) -> Change | None:
    """Return what still follows after a row has ended: a changed record, or the object behind an outcome file."""
    asked = _asked(row, projected, observed)
    times = (asked.asked_at, row.start_time or 0, row.end_time or 0)
    new = row._replace(name=asked.name, update_time=max(times))
    known = projected._replace(
        scope=evidence.scope or projected.scope,
        namespace=observed.namespace,
        name=observed.name,
        uid=observed.uid,
        resource_version=newest(evidence.resource_version, projected.resource_version),
        record=asked.digest,
        asked_at=asked.asked_at,
    )
    change = Change(before=row, row=new, projected=known, record=asked.record, why="job record changed")
    return _unless_same(change, projected)


def _from_absence(row: Row | None, projected: Projected | None, evidence: Evidence) -> Change | None:
    body = evidence.observed
    if row is not None and row.is_terminal and not attempts.is_new_attempt(row, projected, body):
        return None
    outcome = attempts.outcome_of(projected, evidence)
    asked = _asked_of_missing(row, projected, body, outcome)
    if asked is None:
        return None
    verdict = of_missing(outcome, stop_requested=attempts.stop_requested(row, projected, body))
    same = None if attempts.is_new_attempt(row, projected, body) else row
    new = _row(evidence.job_id, asked, verdict, times=_times_of_missing(same, body, outcome))
    known = _remember(projected, evidence, asked, verdict)
    known = known._replace(gone=attempts.DELETED if body else attempts.ABSENT, uid=known.uid or _uid(outcome))
    decided = outcome is not None and outcome.state is not State.RUNNING
    change = Change(
        before=row,
        row=new._replace(packaged_files=_files(outcome)),
        projected=known,
        record=asked.record,
        source=Source.OUTCOME_FILE if decided else Source.MISSING,
        why=f"workflow gone, outcome {outcome.state}" if outcome else "workflow gone, no outcome",
    )
    return _unless_same(change, projected)


def _from_later_outcome(row: Row, projected: Projected, evidence: Evidence) -> Change | None:
    """Return what follows from the file of a run that nobody watched to its end, retried perhaps, and collected."""
    outcome = evidence.outcome
    if outcome is None or compare(projected.resource_version, evidence.resource_version) is Order.NEWER:
        return None
    asked = _Asked(row.name, projected.asked_at, projected.record)
    stop = projected.stop and not attempts.is_later_run(row, outcome)
    verdict = of_missing(outcome, stop_requested=bool(stop))
    new = _row(evidence.job_id, asked, verdict, times=(outcome.started_at, outcome.ended_at))
    version = newest(projected.resource_version, evidence.resource_version)
    known = projected._replace(
        uid=outcome.workflow_uid or projected.uid,
        resource_version=version,
        status=verdict.status.value,
        # The pod's start is later than its Workflow's own, which may be there and nobody has seen it yet.
        started_at=outcome.started_at if version else None,
        finished_at=outcome.ended_at,
        stop=stop,
        gone=attempts.ABSENT,
    )
    return Change(
        before=row,
        row=new._replace(packaged_files=_files(outcome)),
        projected=known,
        source=Source.MISSING if outcome.state is State.RUNNING else Source.OUTCOME_FILE,
        why=f"ended unseen, outcome {outcome.state}",
    )


def _was_waited_for(outcome: Outcome | None, verdict: Verdict) -> bool:
    """Return whether Argo waited for the pod's end, and so for the outcome, before it called the workflow ended.

    At a stop or a deadline it does not: the file says "running" or how it ended, whenever one looks. What a row says
    then must not depend on it.
    """
    told = outcome is not None and outcome.state in {State.COMPLETED, State.FAILED}
    return told and verdict.status is not Status.STOPPED


def _times(outcome: Outcome | None, told: Outcome | None, observed: Observed) -> tuple[int | None, int | None]:
    """Return start and end: the pod's own where it said them, to the millisecond, else Argo's whole seconds."""
    end = observed.finished_at if observed.phase in ENDED else None
    ended = told.ended_at if told else None
    return outcome.started_at if outcome else observed.started_at, ended or end


def _times_of_missing(row: Row | None, body: Observed | None, outcome: Outcome | None) -> tuple[int | None, int | None]:
    if outcome is not None:
        return outcome.started_at, outcome.ended_at
    if body is not None and body.started_at is not None:
        return body.started_at, body.finished_at
    return (row.start_time if row else None), None


def _is_outdated(projected: Projected | None, evidence: Evidence) -> bool:
    """Return whether an absence is older than what is remembered, or another Workflow's.

    A file without a resourceVersion is that of a job whose Workflow nobody had seen; one that was seen since is there.
    """
    if projected is None:
        return False
    if evidence.uid and projected.uid != evidence.uid:
        return True
    if not evidence.resource_version:
        return bool(projected.resource_version)
    return compare(projected.resource_version, evidence.resource_version) is Order.NEWER


def _verdict(observed: Observed, outcome: Outcome | None) -> Verdict | None:
    message = observed.message
    verdict = of_workflow(
        Observation(
            phase=observed.phase,
            message=reasons.of_failure(message) if message and observed.phase in ENDED else message,
            shutdown=observed.shutdown,
            stop_requested=observed.stop_requested,
            ran=observed.ran,
            outcome=outcome,
        )
    )
    if message and verdict and verdict.status in _WAITING:
        return replace(verdict, message=reasons.of_waiting(message))
    return verdict


def _asked(row: Row | None, projected: Projected | None, observed: Observed) -> _Asked:
    found = digest(observed.job_json)
    if row is not None and projected is not None and projected.record == found:
        return _Asked(row.name, projected.asked_at, found)
    return _of_record(_record(observed), found)


def _record(observed: Observed) -> JobRecord:
    text = observed.job_json or ""
    if observed.scheduled:
        record = run_record(text, uid=observed.uid, created_ms=observed.created_at or 0)
        if record.job_definition_id != observed.definition_id:
            raise RecordError("The run template is not that of the definition of the object's label")
        return record
    record = job_record.parse(text)
    if record.job_id != observed.job_id:
        raise RecordError("The job record's id is not that of the object's label")
    return record


def _asked_of_missing(
    row: Row | None, projected: Projected | None, body: Observed | None, outcome: Outcome | None
) -> _Asked | None:
    """Return what the user asked for, from what is left: the memory, the last body, the outcome."""
    if row is not None and projected is not None:
        return _Asked(row.name, projected.asked_at, projected.record)
    if outcome is None:
        return _asked(row, projected, body) if body else None
    asked = _of_record(outcome.job, 0)
    if row is None:
        return asked
    return _Asked(row.name, asked.asked_at, 0, asked.record)


def _of_record(record: JobRecord, found: int) -> _Asked:
    asked_at = max(record.create_time, record.update_time or 0)
    return _Asked(record.name, asked_at, found, record)


def _row(job_id: str, asked: _Asked, verdict: Verdict, *, times: tuple[int | None, int | None]) -> Row:
    start, end = times
    return Row(
        job_id=job_id,
        name=asked.name,
        status=verdict.status.value,
        status_message=verdict.message,
        start_time=start,
        end_time=end,
        update_time=max(asked.asked_at, start or 0, end or 0),
        packaged_files=_NO_FILES,
    )


def _files(outcome: Outcome | None) -> str:
    return json.dumps(outcome.files) if outcome else _NO_FILES


def _remember(projected: Projected | None, evidence: Evidence, asked: _Asked, verdict: Verdict) -> Projected:
    body = evidence.observed
    previous = projected.resource_version if projected else ""
    if body is None:
        version = previous
    elif projected is not None and projected.uid == body.uid:
        version = newest(evidence.resource_version, previous)
    else:
        version = evidence.resource_version
    return Projected(
        job_id=evidence.job_id,
        scope=evidence.scope or (projected.scope if projected else ""),
        namespace=body.namespace if body else projected.namespace if projected else "",
        name=body.name if body else projected.name if projected else "",
        uid=body.uid if body else projected.uid if projected else "",
        resource_version=version,
        status=verdict.status.value,
        started_at=body.started_at if body else projected.started_at if projected else None,
        finished_at=body.finished_at if body else projected.finished_at if projected else None,
        stop=int(bool(body.shutdown or body.stop_requested)) if body else projected.stop if projected else 0,
        gone=0,
        record=asked.digest,
        asked_at=asked.asked_at,
    )


def _uid(outcome: Outcome | None) -> str:
    return outcome.workflow_uid if outcome else ""


def _unless_same(change: Change, projected: Projected | None) -> Change | None:
    """Return the change, or None if nothing but the resourceVersion would be written."""
    if change.is_visible or projected is None:
        return change
    same = change.projected._replace(resource_version=projected.resource_version) == projected
    return None if same else change


def _why(evidence: Evidence, observed: Observed) -> str:
    phase = f"phase {observed.phase or 'unset'}"
    if evidence.archived:
        return f"archived, {phase}"
    return f"deleted, {phase}" if evidence.gone else phase
