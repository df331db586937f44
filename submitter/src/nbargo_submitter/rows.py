"""Reading jupyter-scheduler's tables, and the one thing that the lab does to them: deleting what a user deletes.

All functions block: the scheduler calls them in worker threads. Each opens the file anew, so that a database that was
replaced is noticed, and no descriptor is kept on a home volume.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final

from jupyter_scheduler.models import (
    DescribeJob,
    DescribeJobDefinition,
    ListJobDefinitionsQuery,
    ListJobsQuery,
    SortDirection,
)
from jupyter_scheduler.orm import Job, JobDefinition
from sqlalchemy import NullPool, create_engine, func, select, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from nbargo_shared.errors import DatabaseError, InputError
from nbargo_shared.tables import FRESH_FOR, HEARTBEAT_TABLE, PROJECTED_TABLE
from nbargo_submitter import places

_BUSY_SECONDS: Final = 5.0  # sqlite3's default: the watcher's transactions take 50 ms at most
_ID_COLUMN: Final = {Job: "job_id", JobDefinition: "job_definition_id"}


class Rows:
    """jupyter-scheduler's tables.

    Args:
        db_url: SQLAlchemy's address of the database.
    """

    def __init__(self, db_url: str) -> None:
        self._db_url = db_url

    @cached_property
    def _factory(self) -> sessionmaker[Session]:
        arguments = {"timeout": _BUSY_SECONDS} if self._db_url.startswith("sqlite") else {}
        engine = create_engine(self._db_url, poolclass=NullPool, connect_args=arguments)
        return sessionmaker(bind=engine)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session.

        Raises:
            DatabaseError: The database cannot be read or written now.
        """
        try:
            with self._factory() as session:
                yield session
        except SQLAlchemyError as error:
            raise DatabaseError(
                f"The list of jobs cannot be read or written now: {getattr(error, 'orig', None) or error}",
                hint="Try again; if it stays so, check the disk space and the permissions of scheduler.sqlite",
            ) from error

    def list_jobs(self, query: ListJobsQuery) -> tuple[list[DescribeJob], int]:
        """Return one page of jobs, and how many there are in all."""
        with self.session() as session:
            jobs = session.query(Job)
            if query.status:
                jobs = jobs.filter(Job.status == query.status)
            if query.job_definition_id:
                jobs = jobs.filter(Job.job_definition_id == query.job_definition_id)
            if query.start_time:
                jobs = jobs.filter(Job.start_time >= query.start_time)
            found, total = _page(_named(jobs, Job, query), Job, query)
            shown = [DescribeJob.from_orm(job) for job in found]
            places.tell(session, shown)
            return shown, total

    def list_definitions(self, query: ListJobDefinitionsQuery) -> tuple[list[DescribeJobDefinition], int]:
        """Return one page of job definitions, and how many there are in all."""
        with self.session() as session:
            definitions = session.query(JobDefinition)
            if query.create_time:
                definitions = definitions.filter(JobDefinition.create_time >= query.create_time)
            found, total = _page(_named(definitions, JobDefinition, query), JobDefinition, query)
            return [DescribeJobDefinition.from_orm(definition) for definition in found], total

    def count(self, status: str) -> int:
        """Return how many jobs have a status."""
        with self.session() as session:
            return session.query(func.count(Job.job_id)).filter(Job.status == status).scalar() or 0

    def job(self, job_id: str) -> DescribeJob | None:
        """Return a job, or None if there is no such row."""
        with self.session() as session:
            row = session.get(Job, job_id)
            if row is None:
                return None
            shown = DescribeJob.from_orm(row)
            places.tell(session, [shown])
            return shown

    def definition(self, definition_id: str) -> DescribeJobDefinition | None:
        """Return a job definition, or None if there is no such row."""
        with self.session() as session:
            row = session.get(JobDefinition, definition_id)
            return None if row is None else DescribeJobDefinition.from_orm(row)

    def count_definitions(self) -> int:
        """Return how many job definitions there are."""
        with self.session() as session:
            return session.query(func.count(JobDefinition.job_definition_id)).scalar() or 0

    def job_ids_of(self, definition_id: str) -> list[str]:
        """Return the ids of the runs of a definition."""
        with self.session() as session:
            return list(session.scalars(select(Job.job_id).where(Job.job_definition_id == definition_id)))

    def job_ids(self) -> list[str]:
        """Return the ids of all jobs."""
        with self.session() as session:
            return list(session.scalars(select(Job.job_id)))

    def has_token(self, token: str) -> bool:
        """Return whether a job was submitted with an idempotency token."""
        with self.session() as session:
            return session.scalar(select(Job.job_id).where(Job.idempotency_token == token).limit(1)) is not None

    def was_listed(self, job_id: str) -> bool:
        """Return whether a watcher has ever listed a job: what its user deleted then is never listed again."""
        query = f"SELECT 1 FROM {PROJECTED_TABLE} WHERE job_id = :job_id"  # noqa: S608 - a constant
        return self._own(query, job_id=job_id) is not None

    def delete_job(self, job_id: str) -> None:
        """Delete a job's row; no row is all right."""
        with self.session() as session:
            session.query(Job).filter(Job.job_id == job_id).delete()
            session.commit()

    def delete_definition(self, definition_id: str) -> None:
        """Delete a definition's row; no row is all right."""
        with self.session() as session:
            session.query(JobDefinition).filter(JobDefinition.job_definition_id == definition_id).delete()
            session.commit()

    def watcher_is_alive(self) -> bool:
        """Return whether any watcher has left its heartbeat within FRESH_FOR seconds."""
        beat = self._own(f"SELECT MAX(beat_at) FROM {HEARTBEAT_TABLE}")  # noqa: S608 - a constant
        return beat is not None and time.time() - beat / 1000 <= FRESH_FOR

    def _own(self, query: str, **values: str) -> Any:
        """Return the first value from a table of the watcher's; None before a watcher has ever run."""
        with self.session() as session:
            try:
                return session.scalar(text(query), values)
            except OperationalError as error:
                if "no such table" in str(error.orig):
                    return None
                raise


def next_token(query: Any, *, found: int, total: int) -> str | None:
    """Return where the next page begins, or None after the last one.

    Args:
        query: What was asked.
        found: How many rows this page has.
        total: How many there are in all.
    """
    after = _offset(query) + found
    return str(after) if after < total else None


def _named(rows: Any, table: Any, query: Any) -> Any:
    if query.name:
        rows = rows.filter(table.name.startswith(query.name, autoescape=True))
    for tag in query.tags or ():
        # JSON may spell the same text in more than one way, so the members are compared, not the spelling.
        member = func.json_each(table.tags).table_valued("value", name="tag")
        rows = rows.filter(select(1).select_from(member).where(member.c.value == tag).exists())
    return rows


def _page(rows: Any, table: Any, query: Any) -> tuple[list[Any], int]:
    """Return one page of rows in their order, and how many there are in all.

    Only ids are counted, ordered and passed over: an index has them, and whole rows are read of this page alone.
    """
    identifier = getattr(table, _ID_COLUMN[table])
    order = [_order(table, field) for field in query.sort_by or ()]
    is_last_first = bool(query.sort_by) and query.sort_by[-1].direction == SortDirection.desc
    order.append(identifier.desc() if is_last_first else identifier)  # so that an index can be read backwards
    total = rows.with_entities(func.count(identifier)).scalar()
    size = query.max_items
    if size is not None and size < 0:
        raise InputError("The number of jobs on a page cannot be negative")
    if size == 0:
        return [], total
    ids = rows.with_entities(identifier).order_by(*order).limit(size).offset(_offset(query))
    found = rows.session.query(table).filter(identifier.in_(ids.scalar_subquery())).order_by(*order)
    return found.all(), total


def _order(table: Any, field: Any) -> Any:
    if field.name not in table.__table__.columns:
        known = ", ".join(sorted(table.__table__.columns.keys()))
        raise InputError(f"There is no field '{field.name}' to sort by", hint=f"Sort by one of: {known}")
    column = getattr(table, field.name)
    return column.desc() if field.direction == SortDirection.desc else column.asc()


def _offset(query: Any) -> int:
    token = query.next_token or "0"
    if not (token.isascii() and token.isdigit() and len(token) < len(str(2**63))):
        raise InputError(f"'{token[:40]}' is not the place of a page")
    return int(token)
