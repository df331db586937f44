"""What a definition's row should say, given the evidence: the same kind of function as `reconcile`, for definitions.

A row is a function of the CronWorkflow, whose spec comes before the record in its annotation, or, of a definition
without a schedule, of the record in its file. Applied twice it changes nothing.
"""

from dataclasses import dataclass

from nbargo_shared import definition as definition_record
from nbargo_shared.definition import SCHEDULE_LENGTH, TIMEZONE_LENGTH, DefinitionRecord
from nbargo_shared.errors import RecordError
from nbargo_watcher.attempts import ABSENT, DELETED
from nbargo_watcher.definitionrows import DefinitionChange, DefinitionRow, row_of
from nbargo_watcher.evidence import Evidence
from nbargo_watcher.model import Cron, Observed
from nbargo_watcher.reconcile import digest as digest_of
from nbargo_watcher.rows import DEFINITION, Projected
from nbargo_watcher.versions import Order, compare, newest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A definition as it is now.

    Attributes:
        record: What the user asked for.
        digest: Of the record's text.
        cron: What the CronWorkflow says; None if there is none.
        projected: What to remember of it.
        why: One phrase for the log.
    """

    record: DefinitionRecord
    digest: int
    cron: Cron | None
    projected: Projected
    why: str


def reconcile_definition(
    row: DefinitionRow | None, projected: Projected | None, evidence: Evidence, *, now: int
) -> DefinitionChange | None:
    """Return what to write for a definition, or None if everything is as it should be.

    Args:
        row: The definition's row; None if there is none.
        projected: What is remembered of the definition; None if it was never written. Remembered without a row, and not
            as gone: the user deleted it, and it stays deleted.
        evidence: What is known of the definition now.
        now: Milliseconds since 1970: the time of a change that was made outside the lab, which nothing else tells.

    Raises:
        RecordError: The object's record is not valid, or is another definition's.
    """
    if row is None and projected is not None and not projected.gone:
        return None
    if evidence.gone:
        return _from_absence(row, projected, evidence, now=now)
    observed = evidence.observed
    if observed is None:
        return _from_file(row, projected, evidence, now=now)
    if not _is_news(projected, observed):
        return None
    record, digest = _record_of(observed)
    remembered = _remember(evidence, record=record, digest=digest)
    found = _Found(record=record, digest=digest, cron=observed.cron, projected=remembered, why="as in the cluster")
    return _change(row, projected, found, now=now)


def is_deleted_by_user(row: DefinitionRow | None, projected: Projected | None) -> bool:
    """Return whether the row is gone because a user deleted it, rather than because the CronWorkflow was."""
    return row is None and projected is not None and not projected.gone


def wants_file(row: DefinitionRow | None, projected: Projected | None) -> bool:
    """Return whether an id's definition file could say something about a row.

    Args:
        row: As for `reconcile_definition`.
        projected: As for `reconcile_definition`; of a job's id, what is remembered of the job.
    """
    if projected is None:
        return row is None
    if projected.status != DEFINITION or is_deleted_by_user(row, projected):
        return False
    return bool(projected.gone) or not projected.uid


def _is_news(projected: Projected | None, observed: Observed) -> bool:
    """Return whether an object is not older than what is remembered."""
    if projected is None:
        return True
    order = compare(observed.resource_version, projected.resource_version)
    if order is Order.SAME:
        return projected.gone == ABSENT
    return order is not Order.OLDER


def _from_absence(
    row: DefinitionRow | None, projected: Projected | None, evidence: Evidence, *, now: int
) -> DefinitionChange | None:
    if row is None or projected is None or (evidence.uid and projected.uid != evidence.uid):
        return None
    if compare(projected.resource_version, evidence.resource_version) is Order.NEWER:
        return None
    if evidence.definition is not None:
        # Its schedule was taken away: the file has taken the object's place.
        version = newest(evidence.resource_version, projected.resource_version)
        remembered = _remember_file(evidence.definition)._replace(resource_version=version)
        found = _Found(
            record=evidence.definition,
            digest=remembered.record,
            cron=None,
            projected=remembered,
            why="its cron workflow is gone, its file is there",
        )
        return _change(row, projected, found, now=now)
    deleted = evidence.observed is not None
    version = newest(evidence.resource_version, projected.resource_version) if deleted else projected.resource_version
    gone = projected._replace(gone=DELETED if deleted else ABSENT, resource_version=version)
    return DefinitionChange(before=row, row=None, projected=gone, why="its cron workflow is gone")


def _from_file(
    row: DefinitionRow | None, projected: Projected | None, evidence: Evidence, *, now: int
) -> DefinitionChange | None:
    record = evidence.definition
    if record is None or not wants_file(row, projected):
        return None
    if projected is not None and projected.asked_at > record.update_time:
        return None  # read before it was written anew
    remembered = _remember_file(record)
    if projected is not None:
        remembered = remembered._replace(resource_version=projected.resource_version)
    found = _Found(record=record, digest=remembered.record, cron=None, projected=remembered, why="as in its file")
    return _change(row, projected, found, now=now)


def _change(
    row: DefinitionRow | None, projected: Projected | None, found: _Found, *, now: int
) -> DefinitionChange | None:
    asked = row_of(found.record)
    new = asked if found.cron is None else _with_spec(asked, found.cron)
    if row is not None:
        edited = projected is not None and projected.record != found.digest and new == asked
        new = new._replace(update_time=_update_time(row, new, now=None if edited else now))
    change = DefinitionChange(
        before=row, row=new, projected=found.projected, create_time=found.record.create_time, why=found.why
    )
    if change.is_visible or projected is None:
        return change
    same = found.projected._replace(resource_version=projected.resource_version) == projected
    return None if same else change


def _with_spec(asked: DefinitionRow, cron: Cron) -> DefinitionRow:
    """Return the row as the CronWorkflow's spec has it: that is what Argo goes by."""
    for value, limit, name in (
        (cron.schedule, SCHEDULE_LENGTH, "schedule"),
        (cron.timezone, TIMEZONE_LENGTH, "timezone"),
    ):
        if value is not None and len(value) > limit:
            raise RecordError(f"The cron workflow's {name} has more than {limit} characters")
    return asked._replace(schedule=cron.schedule, timezone=cron.timezone, active=int(not cron.suspended))


def _update_time(row: DefinitionRow, new: DefinitionRow, *, now: int | None) -> int:
    """Return when the definition was last changed.

    Args:
        row: As it is in the table.
        new: As it should be, with the record's time.
        now: When the change was seen; None if the record tells its time.
    """
    asked, before = new.update_time or 0, row.update_time or 0
    if new._replace(update_time=row.update_time) == row or now is None:
        return max(asked, before)
    return max(asked, now)


def _record_of(observed: Observed) -> tuple[DefinitionRecord, int]:
    text = (observed.cron.definition_json if observed.cron else None) or ""
    record = definition_record.parse(text)
    if record.definition_id != observed.definition_id:
        raise RecordError("The definition record's id is not that of the object's label")
    return record, digest_of(text)


def _remember(evidence: Evidence, *, record: DefinitionRecord, digest: int) -> Projected:
    body = evidence.observed
    return Projected(
        job_id=record.definition_id,
        scope=evidence.scope,
        namespace=body.namespace if body else "",
        name=body.name if body else "",
        uid=body.uid if body else "",
        resource_version=evidence.resource_version,
        status=DEFINITION,
        started_at=None,
        finished_at=None,
        stop=0,
        gone=0,
        record=digest,
        asked_at=record.update_time,
    )


def _remember_file(record: DefinitionRecord) -> Projected:
    evidence = Evidence(job_id=record.definition_id)
    return _remember(evidence, record=record, digest=digest_of(record.to_json()))
