"""A program that is killed in the middle of a commit leaves half of it, and whoever comes next takes that back."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from nbargo_local.demo import rows
from nbargo_shared.database import open_to_read
from nbargo_shared.tables import HEARTBEAT_TABLE
from support.half_commit import leave_half_a_commit
from unit.watcher_reflector.program import JOB, Place, until


@pytest.fixture
def journal(place: Place) -> Path:
    place.make_database()
    with closing(sqlite3.connect(place.database)) as connection, connection:
        connection.execute(f"CREATE TABLE {HEARTBEAT_TABLE} (watcher TEXT PRIMARY KEY, beat_at INTEGER NOT NULL)")
        connection.execute(f"INSERT INTO {HEARTBEAT_TABLE} VALUES ('x', ?)", (int(time.time() * 1000),))  # noqa: S608 - a constant
    return leave_half_a_commit(place.database)


def undone(journal: Path) -> bool:
    return not journal.exists()


async def test_a_watcher_that_starts_after_it_does_its_work(place: Place, journal: Path) -> None:
    async with place.running():
        await until(lambda: undone(journal))
        await until(lambda: place.status() == "IN_PROGRESS")


async def test_a_single_run_after_it_makes_the_rows_true(place: Place, journal: Path) -> None:
    status, out, err = await place.once("--output", "json")
    assert (status, json.loads(out)["added"], err) == (0, 1, "")
    assert undone(journal)
    assert place.statuses() == {JOB: "IN_PROGRESS"}


async def test_a_dry_run_after_it_tells_the_changes(place: Place, journal: Path) -> None:
    status, out, err = await place.once("--dry-run")
    assert (status, err) == (0, "")
    assert f"{JOB}: no row -> IN_PROGRESS" in out
    assert undone(journal)
    assert place.status() is None


@pytest.mark.usefixtures("journal")
async def test_the_heartbeat_from_before_it_is_read(place: Place) -> None:
    async with place.running("--check") as process:
        out, _ = await process.communicate()
    assert (process.returncode, b"The last heartbeat" in out) == (0, True), out


async def test_the_demo_reads_the_rows_from_before_it(place: Place) -> None:
    place.make_database()
    assert (await place.once())[0] == 0
    leave_half_a_commit(place.database)
    assert [row.status for row in rows.read(place.database).values()] == ["IN_PROGRESS"]


def test_who_opens_it_to_read_can_change_nothing(place: Place) -> None:
    place.make_database()
    with closing(open_to_read(place.database)) as connection, pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM jobs")
