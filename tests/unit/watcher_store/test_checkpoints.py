"""The checkpoint moves only with the rows, and what changes nothing commits nothing."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from anyio import CancelScope

from nbargo_shared.errors import DatabaseError, FilesError
from nbargo_watcher.evidence import Change
from nbargo_watcher.model import Event
from nbargo_watcher.outcomes import Scan
from nbargo_watcher.store import Checkpoint, Store, Version
from unit.watcher_store.world import JOB, OBJECT, OUTCOME, RUNNING, SCOPE, SUCCEEDED, World, delete, of_job, see

STORY = (OBJECT, RUNNING, SUCCEEDED)
ARCHIVING = [replace(SUCCEEDED, resource_version=str(number)) for number in range(31, 60)]


def contents(path: Path) -> bytes:
    return path.read_bytes()


async def test_the_checkpoint_is_in_the_commit_that_holds_the_rows(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING)
        assert world.sql("SELECT resource_version FROM nbargo_checkpoint")[0][0] == "20"
    async with world.projector() as projector:
        assert await projector.checkpoint(SCOPE) == "20"


async def test_a_failed_commit_moves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise DatabaseError("full")

    async with world.projector() as projector:
        await see(projector, OBJECT)
        with monkeypatch.context() as patch:
            patch.setattr(Store, "_write", fail)
            with pytest.raises(DatabaseError):
                await see(projector, RUNNING)
        assert world.status() == "QUEUED"
        assert await projector.checkpoint(SCOPE) == "10"
        assert projector.tally.changed == 0
        await see(projector, RUNNING)
    assert world.status() == "IN_PROGRESS"


async def test_a_checkpoint_of_another_server_is_not_used(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING)
    async with world.projector(server="another") as projector:
        assert await projector.checkpoint(SCOPE) is None


async def test_a_list_moves_the_checkpoint(world: World) -> None:
    async with world.projector() as projector:
        await projector.page(SCOPE, [RUNNING])
        assert await projector.checkpoint(SCOPE) is None
        await projector.listed(SCOPE, uids=frozenset({RUNNING.uid}), resource_version="44")
        assert await projector.checkpoint(SCOPE) == "44"


async def test_what_a_list_moved_is_in_the_file_after_the_look_through_the_outcome_files(world: World) -> None:
    async with world.projector() as projector:
        await projector.listed(SCOPE, uids=frozenset(), resource_version="5")
        await see(projector, OBJECT, RUNNING)
        assert world.status() == "IN_PROGRESS"
        assert world.sql("SELECT * FROM nbargo_checkpoint") == []
        assert await projector.checkpoint(SCOPE) == "20"
    async with world.projector() as projector:  # an orderly end before the look does not write it, either
        assert await projector.checkpoint(SCOPE) is None
        await projector.listed(SCOPE, uids=frozenset({RUNNING.uid}), resource_version="21")
        await see(projector, SUCCEEDED)
        await projector.sweep()
        assert world.sql("SELECT resource_version FROM nbargo_checkpoint")[0][0] == "30"


async def test_a_list_that_ends_during_the_look_waits_for_the_next_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.projector() as projector:
        await projector.listed(SCOPE, uids=frozenset(), resource_version="5")
        await see(projector, RUNNING)
        with monkeypatch.context() as patch:
            step = Scan.step

            async def listing(scan: Scan) -> list[str]:
                await projector.listed(SCOPE, uids=frozenset({RUNNING.uid}), resource_version="25")
                return await step(scan)

            patch.setattr(Scan, "step", listing)
            await projector.sweep()
        assert world.sql("SELECT * FROM nbargo_checkpoint") == []
        await projector.sweep()
        assert world.sql("SELECT resource_version FROM nbargo_checkpoint")[0][0] == "25"


async def test_a_bookmark_that_comes_while_the_one_before_is_written_stays_in_memory(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Store.commit
    async with world.projector() as projector:
        await projector.events("workflows/other", [], resource_version="5")
        await projector.listed(SCOPE, uids=frozenset(), resource_version="6")

        async def another_comes(self: Store, changes: Any, checkpoint: Checkpoint, *, version: Version | None) -> bool:
            written = await commit(self, changes, checkpoint, version=version)
            if checkpoint.scope == SCOPE:
                monkeypatch.setattr(Store, "commit", commit)
                await projector.events(SCOPE, [], resource_version="7")
            return written

        monkeypatch.setattr(Store, "commit", another_comes)
        world.monotonic += 300
        await projector.sweep()
        stored = world.sql("SELECT resource_version FROM nbargo_checkpoint ORDER BY 1")
        assert [row[0] for row in stored] == ["5", "6"]
        assert await projector.checkpoint(SCOPE) == "7"


async def test_a_look_that_fails_writes_no_checkpoint(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_: Scan) -> list[str]:
        raise FilesError("The volume does not answer")

    async with world.projector() as projector:
        await projector.listed(SCOPE, uids=frozenset(), resource_version="5")
        await see(projector, RUNNING)
        with monkeypatch.context() as patch:
            patch.setattr(Scan, "step", away)
            with pytest.raises(FilesError):
                await projector.sweep()
        assert world.sql("SELECT * FROM nbargo_checkpoint") == []


async def test_replayed_events_leave_the_file_as_it_is(world: World) -> None:
    world.leave(OUTCOME)
    async with world.projector() as projector:
        await see(projector, *STORY)
    before = contents(world.database)
    async with world.projector() as projector:
        assert await projector.checkpoint(SCOPE) == "30"
        await see(projector, *STORY, *STORY)
        await projector.page(SCOPE, [SUCCEEDED])
        await projector.listed(SCOPE, uids=frozenset({SUCCEEDED.uid}), resource_version="30")
        await projector.sweep()
        assert projector.tally.commits == 0
        assert projector.tally.unchanged == 7
    assert contents(world.database) == before


async def test_newer_versions_that_change_nothing_commit_nothing(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, *STORY)
        before = contents(world.database)
        await see(projector, *ARCHIVING)
        assert contents(world.database) == before
        assert await projector.checkpoint(SCOPE) == "59"


async def test_bookmarks_are_written_every_few_minutes_and_at_the_end(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING)
        for version in range(100, 110):
            world.monotonic += 20
            await projector.events(SCOPE, [], resource_version=str(version))
        assert world.sql("SELECT resource_version FROM nbargo_checkpoint")[0][0] == "20"
        world.monotonic += 100
        await projector.events(SCOPE, [], resource_version="120")
        assert world.sql("SELECT resource_version FROM nbargo_checkpoint")[0][0] == "120"
        await projector.events(SCOPE, [], resource_version="130")
        assert projector.tally.commits == 2
    async with world.projector() as projector:
        assert await projector.checkpoint(SCOPE) == "130"


async def test_a_second_single_run_writes_nothing(world: World) -> None:
    async with world.projector(once=True) as projector:
        await projector.page(SCOPE, [SUCCEEDED, of_job(RUNNING, 2)])
        await projector.listed(SCOPE, uids=frozenset({SUCCEEDED.uid, "uid-2"}), resource_version="44")
    before = contents(world.database)
    async with world.projector(once=True) as projector:
        await projector.page(SCOPE, [SUCCEEDED, of_job(RUNNING, 2)])
        await projector.listed(SCOPE, uids=frozenset({SUCCEEDED.uid, "uid-2"}), resource_version="48")
    assert contents(world.database) == before


async def test_a_lost_database_is_rebuilt_column_by_column(world: World, fresh_database: Path) -> None:
    world.leave(OUTCOME)
    async with world.projector() as projector:
        await see(projector, *STORY, *(of_job(item, 2) for item in STORY[:2]))
        await delete(projector, SUCCEEDED, "40")
    before = world.rows()
    world.database.write_bytes(contents(fresh_database))
    async with world.projector(once=True) as projector:
        await projector.page(SCOPE, [of_job(RUNNING, 2)])
        await projector.listed(SCOPE, uids=frozenset({"uid-2"}), resource_version="50")
        await projector.sweep()
    assert world.rows() == before
    assert {row["job_id"] for row in before} == {JOB, of_job(RUNNING, 2).job_id}


async def test_a_large_batch_is_written_in_short_transactions(world: World) -> None:
    events = [Event(observed=of_job(RUNNING, number)) for number in range(1200)]
    async with world.projector() as projector:
        await projector.events(SCOPE, events, resource_version="77")
        assert projector.tally.commits == 3
        assert projector.tally.added == 1200
        assert await projector.checkpoint(SCOPE) == "77"


async def test_the_checkpoint_comes_with_the_last_transaction_of_a_batch(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [Event(observed=of_job(RUNNING, number)) for number in range(600)]
    commit = Store.commit
    written: list[int] = []

    async def second_fails(
        self: Store, changes: Sequence[Change], checkpoint: Checkpoint | None, *, version: Version | None
    ) -> bool:
        if written:
            raise DatabaseError("full")
        written.append(len(changes))
        return await commit(self, changes, checkpoint, version=version)

    async with world.projector() as projector:
        await see(projector, OBJECT)
        with monkeypatch.context() as patch:
            patch.setattr(Store, "commit", second_fails)
            with pytest.raises(DatabaseError):
                await projector.events(SCOPE, events, resource_version="77")
        assert written == [500]
        assert await projector.checkpoint(SCOPE) == "10"
        await projector.events(SCOPE, events, resource_version="77")
        assert await projector.checkpoint(SCOPE) == "77"
    assert len(world.rows()) == 600


async def test_replayed_events_do_not_move_the_checkpoint_back(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, *STORY, OBJECT)
        assert await projector.checkpoint(SCOPE) == "30"


async def test_a_commit_that_is_cancelled_half_way_is_written_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, loop = Store._write, asyncio.get_running_loop()
    async with world.projector() as projector:
        with CancelScope() as scope:

            def cancelled(self: Store, *what: Any) -> None:
                loop.call_soon_threadsafe(scope.cancel)
                write(self, *what)

            monkeypatch.setattr(Store, "_write", cancelled)
            await see(projector, RUNNING, SUCCEEDED)
        monkeypatch.setattr(Store, "_write", write)
        assert scope.cancelled_caught
        assert world.status() == "IN_PROGRESS"
        assert world.sql("SELECT resource_version FROM nbargo_checkpoint")[0][0] == "20"
        await see(projector, RUNNING, SUCCEEDED)
    assert world.status() == "COMPLETED"
