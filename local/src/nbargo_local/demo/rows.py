"""What is in scheduler.sqlite, read from outside: the demo shows it, and judges by it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from nbargo_shared.database import open_to_read


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The columns of a job that a person looks at."""

    job_id: str
    name: str
    status: str
    status_message: str | None
    start_time: int | None
    end_time: int | None


def read(database: Path) -> dict[str, Row]:
    """Return all jobs by id; none while the database is not there.

    Args:
        database: jupyter-scheduler's file. Nothing is changed in it.
    """
    try:
        with closing(open_to_read(database)) as connection:
            cursor = connection.execute("SELECT job_id, name, status, status_message, start_time, end_time FROM jobs")
            names = [column[0] for column in cursor.description]
            rows = [Row(**dict(zip(names, values, strict=True))) for values in cursor]
    except sqlite3.OperationalError:
        return {}
    return {row.job_id: row for row in rows}


def changes(before: dict[str, Row], after: dict[str, Row]) -> Iterator[Row]:
    """Yield the rows whose status is new.

    Args:
        before: As read last.
        after: As read now.
    """
    for job_id, row in after.items():
        old = before.get(job_id)
        if old is None or old.status != row.status:
            yield row
