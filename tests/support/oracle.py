"""What the rows must say in the end: the server's objects and the pods' files, folded through the status table.

It is written from `nbargo_shared.status` and the objects' JSON alone, and knows nothing of how the watcher arrives at a
row. Where an object is gone together with what nobody else keeps (the message of a run that ran out of memory, the fact
of a stop), a row may be as the last body says, or as the outcome file says: whoever followed saw more than whoever was
not there. Of what is still there, and of what left its end in its file, there is one truth.
"""

from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from nbargo_shared import labels
from nbargo_shared.database import open_to_read
from nbargo_shared.outcome import Outcome, State
from nbargo_shared.status import Observation, Status, Verdict, of_missing, of_workflow
from support.jobs import ENDED, Attempt, Job, Jobs, Json


class Told(NamedTuple):
    """What a row says."""

    status: str
    status_message: str | None
    start_time: int | None
    end_time: int | None
    name: str | None
    create_time: int | None
    input_filename: str | None
    parameters: str | None


_QUERY: Final = f"SELECT job_id, {', '.join(Told._fields)} FROM jobs"  # noqa: S608 - names of this module


def rows(database: Path) -> dict[str, Told]:
    """Return what the database says, by job id."""
    with closing(open_to_read(database, timeout=30)) as connection:
        return {row[0]: Told(*row[1:]) for row in connection.execute(_QUERY)}


def differences(database: Path, jobs: Jobs) -> list[str]:
    """Return a sentence for each job whose row is not what it must be."""
    found = rows(database)
    known = {job.record.job_id: job for job in jobs.jobs.values()}
    wrong = [f"{job_id}: the row of no job: {found[job_id]}" for job_id in found.keys() - known.keys()]
    for job_id, job in known.items():
        allowed = allowed_rows(job)
        if found.get(job_id) not in allowed:
            wrong.append(f"{job_id}: {found.get(job_id)} is not among {allowed}")
    return wrong


def allowed_rows(job: Job) -> list[Told | None]:
    """Return the rows that a job may have; None stands for no row."""
    if job.deleted_by_user:
        return [None]
    if not job.gone:
        return [_of_body(job, job.last, gone=False)]
    allowed: list[Told | None] = []
    overwritten = False
    for attempt in reversed(job.attempts):
        allowed.append(_of_body(job, attempt, gone=True))
        if attempt.outcome is not None:
            # Who saw the stop of an attempt, and not its retry, takes the retry's file for the stopped attempt's.
            stops = {False, *(_is_stopped(each.body) for each in job.attempts)}
            allowed += [_of_file(job, attempt.outcome, stop_requested=stop) for stop in stops]
            if _uid(attempt) == _uid(job.attempts[0]) and not overwritten:
                return allowed
            # A retry from the archive that nobody saw: its file may as well be that of a resubmitted copy. It has
            # taken the place of the file of the attempt before it, so that nobody may have read that either.
            overwritten = True
        # An attempt that never ran leaves nothing: whoever did not see it believes the one before.
    return allowed if any(attempt.outcome for attempt in job.attempts) else [*allowed, None]


def _of_body(job: Job, attempt: Attempt, *, gone: bool) -> Told:
    """Return the row of a job whose last body was seen."""
    status: Json = attempt.body.get("status", {})
    outcome = attempt.outcome
    if gone and attempt.phase not in ENDED:
        if outcome is not None:
            return _of_file(job, outcome, stop_requested=_is_stopped(attempt.body))
        verdict = of_missing(None, stop_requested=_is_stopped(attempt.body))
        return _told(job, verdict, start=_time(status.get("startedAt")), end=None)
    verdict_of_body = of_workflow(
        Observation(
            phase=attempt.phase,
            message=status.get("message", ""),
            shutdown=attempt.body["spec"].get("shutdown", ""),
            stop_requested=_is_stopped(attempt.body),
            ran=attempt.phase in ENDED,
            outcome=outcome if attempt.phase in ENDED else None,
        )
    )
    assert verdict_of_body is not None
    if attempt.phase not in ENDED:
        return _told(job, verdict_of_body, start=_time(status.get("startedAt")), end=None)
    assert outcome is not None
    own_end = outcome.ended_at if verdict_of_body.status is not Status.STOPPED else None
    return _told(job, verdict_of_body, start=outcome.started_at, end=own_end or _time(status.get("finishedAt")))


def _of_file(job: Job, outcome: Outcome, *, stop_requested: bool) -> Told:
    """Return the row of a job of which only the outcome file is left."""
    verdict = of_missing(outcome, stop_requested=stop_requested)
    return _told(
        job, verdict, start=outcome.started_at, end=None if outcome.state is State.RUNNING else outcome.ended_at
    )


def _told(job: Job, verdict: Verdict, *, start: int | None, end: int | None) -> Told:
    return Told(
        status=verdict.status.value,
        status_message=verdict.message,
        start_time=start,
        end_time=end,
        name=job.record.name,
        create_time=job.record.create_time,
        input_filename=job.record.input_filename,
        parameters=f'{{"n": "{job.record.parameters["n"]}"}}',
    )


def _uid(attempt: Attempt) -> str:
    return str(attempt.body["metadata"]["uid"])


def _is_stopped(body: Json) -> bool:
    note: Any = body["metadata"].get("annotations", {}).get(labels.STOP_ANNOTATION)
    asked, started = _time(note), _time(body.get("status", {}).get("startedAt"))
    noted = asked is not None and (started is None or asked > started)
    return noted or bool(body["spec"].get("shutdown"))


def _time(text: str | None) -> int | None:
    return None if text is None else int(datetime.fromisoformat(text).timestamp() * 1000)
