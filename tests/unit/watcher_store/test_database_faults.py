"""Every fault of the database is an error of its own kind, loses no event, and heals without a restart."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from jupyter_scheduler.orm import create_tables

from nbargo_shared.errors import DatabaseError, SchemaError
from nbargo_watcher import store as store_module
from nbargo_watcher.dberrors import MissingError, ReplacedError
from nbargo_watcher.statements import JOBS
from nbargo_watcher.store import Store, wait_for_database
from unit.watcher_store.world import OBJECT, RUNNING, SCOPE, SUCCEEDED, World, of_job, see


@contextmanager
def held(database: Path, kind: str) -> Iterator[None]:
    """Hold a lock as another program."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(f"BEGIN {kind}")
        yield
        connection.execute("ROLLBACK")


@pytest.mark.parametrize("kind", ["IMMEDIATE", "EXCLUSIVE"])
async def test_a_locked_database_is_waited_for_and_the_events_are_kept(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(store_module, "BUSY_TIMEOUT", 0.05)
    async with world.projector() as projector:
        await see(projector, OBJECT)
        with held(world.database, kind):
            for _ in range(3):
                with pytest.raises(DatabaseError, match="locked") as raised:
                    await see(projector, RUNNING)
                assert raised.value.transient
        await see(projector, RUNNING)
    assert world.status() == "IN_PROGRESS"
    assert [str(change.row.status) for change in world.changes] == ["QUEUED", "IN_PROGRESS"]


async def test_a_lock_is_no_matter_for_an_event_that_changes_nothing(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING)
        with held(world.database, "IMMEDIATE"):
            await see(projector, replace(RUNNING, resource_version="21"))
        assert projector.tally.commits == 1


async def test_a_full_disk_is_an_error_and_the_events_are_kept(world: World) -> None:
    many = [of_job(RUNNING, number) for number in range(400)]
    async with world.projector() as projector:
        pages = world.sql("PRAGMA page_count")[0][0]
        await projector._store._connection.execute_fetchall(f"PRAGMA max_page_count = {pages + 2}")
        for _ in range(2):
            with pytest.raises(DatabaseError, match="full") as raised:
                await projector.page(SCOPE, many)
            assert raised.value.transient
        assert world.rows() == []
        await projector._store._connection.execute_fetchall("PRAGMA max_page_count = 100000")
        await projector.page(SCOPE, many)
    assert len(world.rows()) == 400


async def test_a_read_only_database_is_an_error_and_the_events_are_kept(world: World) -> None:
    async with world.projector() as projector:
        await projector._store._connection.execute("PRAGMA query_only = 1")
        with pytest.raises(DatabaseError, match="read-only") as raised:
            await see(projector, OBJECT)
        assert raised.value.transient
        await projector._store._connection.execute("PRAGMA query_only = 0")
        await see(projector, OBJECT)
    assert world.status() == "QUEUED"


async def test_a_replaced_file_is_noticed_before_anything_is_written(world: World, fresh_database: Path) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING)
        world.database.rename(world.database.with_name("old"))
        shutil.copy(fresh_database, world.database)
        with pytest.raises(ReplacedError) as raised:
            await see(projector, SUCCEEDED)
    assert raised.value.transient
    assert world.rows() == []
    async with world.projector() as projector:
        assert await projector.checkpoint(SCOPE) is None
        await projector.page(SCOPE, [SUCCEEDED])
    assert world.status() == "COMPLETED"


async def test_a_replaced_file_is_noticed_by_an_event_that_changes_nothing(world: World, fresh_database: Path) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING)
        world.database.rename(world.database.with_name("old"))
        shutil.copy(fresh_database, world.database)
        with pytest.raises(ReplacedError):
            await see(projector, RUNNING)


async def test_a_removed_file_is_noticed(world: World) -> None:
    async with world.projector() as projector:
        world.database.unlink()
        with pytest.raises(ReplacedError, match="removed"):
            await projector.beat("me")
    assert not world.database.exists()


async def test_a_dropped_table_is_noticed_and_comes_back(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, OBJECT)
        world.sql("DROP TABLE jobs")
        with pytest.raises(MissingError, match="no such table") as raised:
            await see(projector, RUNNING)
        assert raised.value.transient


async def test_a_missing_database_is_not_made(world: World) -> None:
    world.database.unlink()
    with pytest.raises(MissingError, match="is not there"):
        async with world.projector():
            pass
    assert not world.database.exists()


async def test_a_database_without_the_jobs_table_is_an_error_with_a_hint(world: World) -> None:
    world.sql("DROP TABLE jobs")
    with pytest.raises(MissingError) as raised:
        async with world.projector():
            pass
    assert "jupyter-scheduler" in raised.value.hint


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("ALTER TABLE jobs DROP COLUMN packaged_files", "no column packaged_files"),
        ("ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT NULL", "needs a value for owner"),
        ("CREATE TABLE nbargo_projected (job_id TEXT)", "another version of nbargo"),
    ],
)
async def test_a_foreign_schema_is_refused(world: World, statement: str, words: str) -> None:
    if "owner" in statement:
        world.sql("DROP TABLE jobs")
        world.sql(f"CREATE TABLE jobs ({', '.join(JOBS.columns)}, owner TEXT NOT NULL)")
    else:
        world.sql(statement)
    with pytest.raises(SchemaError, match=words) as raised:
        async with world.projector():
            pass
    assert not raised.value.transient


async def test_columns_that_a_newer_version_adds_are_left_alone(world: World) -> None:
    world.sql("ALTER TABLE jobs ADD COLUMN backend_id VARCHAR(256)")
    async with world.projector() as projector:
        await see(projector, OBJECT)
    row = world.row()
    assert row is not None
    assert row["backend_id"] is None


async def test_a_file_that_is_no_database_is_refused(world: World) -> None:
    world.database.write_bytes(b"not a database, and longer than a header" * 100)
    with pytest.raises(SchemaError, match="damaged or not a database"):
        async with world.projector():
            pass


@pytest.mark.parametrize("mode", ["delete", "truncate", "wal"])
async def test_the_journal_mode_stays_as_it_was_found(world: World, mode: str) -> None:
    with closing(sqlite3.connect(world.database)) as other:
        assert other.execute(f"PRAGMA journal_mode = {mode}").fetchone() == (mode,)
        async with world.projector() as projector:
            await see(projector, OBJECT)
            found = await projector._store._connection.execute_fetchall("PRAGMA journal_mode")
        assert {row[0] for row in found} == {"wal" if mode == "wal" else "delete"}
        assert world.status() == "QUEUED"


async def test_the_watcher_waits_until_jupyter_scheduler_has_made_its_tables(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.sqlite"
    steps: list[Callable[[], object]] = [
        lambda: None,
        path.touch,
        lambda: None,
        lambda: create_tables(f"sqlite:///{path}"),
    ]
    reasons: list[str] = []

    async def sleeper(_: float) -> None:
        steps.pop(0)()

    await wait_for_database(path, sleeper=sleeper, on_wait=lambda error: reasons.append(error.message))
    assert steps == []
    assert [reason.rsplit("/", 1)[-1] for reason in reasons] == [
        "scheduler.sqlite is not there",
        "The database has no table 'jobs'",
    ]
    async with Store(path):
        pass
