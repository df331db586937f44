"""P23: whatever the database does, the events wait, the watcher says why, and all is written when it is well again."""

import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from statistics import quantiles

import pytest

from nbargo_local.api.store import WORKFLOWS
from nbargo_local.faults.answers import unanswered
from nbargo_shared import labels
from nbargo_watcher import store as store_module
from support.faulty import Faulty, faulty
from support.following import Follower, make_database
from support.half_commit import leave_half_a_commit
from support.jobs import NAMESPACE, job_id

EVENTS = 100


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    # SQLite waits for a lock in real time, a second for each try; how long is of no matter here.
    monkeypatch.setattr(store_module, "BUSY_TIMEOUT", 0.02)


@contextmanager
def held(database: Path) -> Iterator[None]:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


@asynccontextmanager
async def followed() -> AsyncIterator[tuple[Faulty, Follower]]:
    async with faulty() as it:
        it.run(1)
        yield it, await it.following()


def happens(it: Faulty) -> None:
    """Let many things happen to jobs."""
    before = it.scene.server.store.revision
    for number in range(2, EVENTS):
        it.run(number)
    it.jobs.do("succeed", 1)
    assert it.scene.server.store.revision - before >= EVENTS


async def broken(it: Faulty, follower: Follower, *, word: str) -> None:
    """Let a minute pass in which the database cannot be used."""
    happens(it)
    await it.clock.run(60)
    told = " ".join(follower.telemetry.degraded.values())
    assert word in told, told


async def mended(it: Faulty, follower: Follower, *, lists: int) -> None:
    await it.true(within=35)
    await it.clock.until(lambda: follower.telemetry.degraded == {}, within=35)
    assert it.lists == lists


async def test_a_minute_of_an_exclusive_lock_under_a_hundred_events() -> None:
    async with followed() as (it, follower):
        with held(it.scene.database):
            happens(it)
            await it.clock.run(60)
            assert "locked" in " ".join(follower.telemetry.degraded.values())
        await mended(it, follower, lists=1)


async def test_a_database_that_is_read_only_for_a_minute() -> None:
    async with followed() as (it, follower):
        await pragma(follower, "query_only = 1")
        await broken(it, follower, word="read-only")
        await pragma(follower, "query_only = 0")
        await mended(it, follower, lists=1)


async def test_a_disk_that_is_full_for_a_minute() -> None:
    async with followed() as (it, follower):
        pages = it.scene.sql("PRAGMA page_count")[0][0]
        await pragma(follower, f"max_page_count = {pages}")
        await broken(it, follower, word="full")
        await pragma(follower, "max_page_count = 100000")
        await mended(it, follower, lists=1)


async def pragma(follower: Follower, text: str) -> None:
    assert follower.life is not None
    for connection in follower.life.connections:
        if connection._running:
            await connection.execute_fetchall(f"PRAGMA {text}")


async def test_half_a_commit_that_a_killed_program_left() -> None:
    async with faulty() as it:
        it.run(1)
        leave_half_a_commit(it.scene.database)
        follower = await it.following()
        happens(it)
        leave_half_a_commit(it.scene.database)
        await mended(it, follower, lists=1)


async def test_a_file_in_the_databases_place_is_filled_from_the_cluster() -> None:
    async with followed() as (it, follower):
        make_database(it.scene.folder / "new")
        (it.scene.folder / "new").replace(it.scene.database)
        happens(it)
        await mended(it, follower, lists=2)


async def test_a_table_that_is_gone_for_a_minute() -> None:
    async with followed() as (it, follower):
        it.scene.sql("ALTER TABLE jobs RENAME TO jobs_elsewhere")
        await broken(it, follower, word="no table 'jobs'")
        it.scene.sql("ALTER TABLE jobs_elsewhere RENAME TO jobs")
        await it.true(within=35)


async def test_a_schema_of_another_version_for_a_minute() -> None:
    async with followed() as (it, follower):
        it.scene.sql("ALTER TABLE jobs RENAME COLUMN packaged_files TO files")
        await broken(it, follower, word="no column packaged_files")
        it.scene.sql("ALTER TABLE jobs RENAME COLUMN files TO packaged_files")
        await it.true(within=35)


async def test_no_lock_is_held_while_the_server_is_asked() -> None:
    async with followed() as (it, follower):
        rule = it.plan.add("get", unanswered())
        name = labels.object_name(job_id(1))
        it.scene.server.store.patch(WORKFLOWS, NAMESPACE, name, {"metadata": {"labels": {labels.USER_LABEL: None}}})
        await it.clock.until(lambda: rule.hits > 0)
        with closing(sqlite3.connect(it.scene.database, timeout=0)) as connection, connection:
            connection.execute("UPDATE jobs SET tags = '[]'")
        assert follower.telemetry.degraded == {}


async def test_the_lab_writes_beside_hundreds_of_changes() -> None:
    async with followed() as (it, _):
        waits = []
        for number in range(2, 200):
            it.run(number)
            began = time.perf_counter()
            it.scene.sql("UPDATE jobs SET tags = '[]' WHERE job_id = ?", job_id(1))
            waits.append(time.perf_counter() - began)
            await it.clock.run(0.01)
        await it.true(within=35)
        assert quantiles(waits, n=100)[-1] < 0.5
