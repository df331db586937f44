"""Two watchers, and the lab beside them, on one database."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from anyio import create_task_group

from nbargo_shared.errors import DatabaseError
from nbargo_watcher.evidence import Change, Evidence
from nbargo_watcher.model import Observed
from nbargo_watcher.resolve import Resolver
from nbargo_watcher.rows import Row
from nbargo_watcher.statements import Known
from nbargo_watcher.store import Checkpoint, Store, Version
from unit.watcher_store.world import (
    END,
    FAILED,
    FAILURE,
    OBJECT,
    OUTCOME,
    RUNNING,
    SCOPE,
    SUCCEEDED,
    World,
    delete,
    of_job,
    see,
)

Commit = Callable[..., Awaitable[bool]]


def interrupt(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], Awaitable[None]], *, times: int = 1) -> None:
    """Let something happen between the decision and the write lock."""
    original: Commit = Store.commit
    left = [None] * times

    async def commit(
        self: Store, changes: Sequence[Change], checkpoint: Checkpoint | None, *, version: Version | None
    ) -> bool:
        if left:
            left.pop()
            await meanwhile()
        return await original(self, changes, checkpoint, version=version)

    monkeypatch.setattr(Store, "commit", commit)


async def test_the_second_watcher_finds_nothing_to_do(world: World) -> None:
    async with world.projector() as first, world.projector() as second:
        for observed in (OBJECT, RUNNING, SUCCEEDED):
            await see(first, observed)
            await see(second, observed)
        assert (first.tally.commits, second.tally.commits) == (3, 0)
    assert world.status() == "COMPLETED"


async def test_two_watchers_that_insert_at_once_make_one_row(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.projector() as first, world.projector() as second:
        interrupt(monkeypatch, lambda: see(second, SUCCEEDED))
        await see(first, RUNNING)
        assert first.tally.added == 0
    assert world.status() == "COMPLETED"


async def test_a_watcher_that_knows_less_does_not_undo_a_success(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.projector() as first, world.projector() as second:
        await see(first, RUNNING)

        async def success() -> None:
            await delete(second, SUCCEEDED, "25")

        interrupt(monkeypatch, success)
        await first.listed(SCOPE, uids=frozenset(), resource_version="26")
    assert world.status() == "COMPLETED"


@pytest.mark.parametrize("seen", [OBJECT, RUNNING, replace(OBJECT, started_at=END + 60_000)])
async def test_a_file_says_nothing_of_a_workflow_that_the_other_watcher_has_seen_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch, seen: Observed
) -> None:
    world.leave(FAILURE)
    async with world.projector() as first, world.projector() as second:
        interrupt(monkeypatch, lambda: see(second, seen))
        await first.sweep()
    assert world.status() == ("IN_PROGRESS" if seen is RUNNING else "QUEUED")


@pytest.mark.parametrize("statement", ["UPDATE jobs SET status = 'STOPPED'", "DELETE FROM jobs"])
async def test_what_the_lab_writes_before_the_commit_counts(
    world: World, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    async def lab() -> None:
        world.sql(statement)

    async with world.projector() as projector:
        await see(projector, OBJECT)
        interrupt(monkeypatch, lab)
        await see(projector, RUNNING)
    assert world.status() == (None if "DELETE" in statement else "STOPPED")


async def test_a_row_deleted_while_an_absence_is_looked_into_stays_deleted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.leave(OUTCOME)
    complete = Resolver.complete

    async def slow(self: Resolver, batch: Sequence[Evidence], known: dict[str, Known[Row]]) -> object:
        if batch[0].gone:
            world.sql("DELETE FROM jobs")
        return await complete(self, batch, known)

    monkeypatch.setattr(Resolver, "complete", slow)
    async with world.projector() as projector:
        await see(projector, RUNNING)
        await delete(projector, RUNNING, "25")
    assert world.rows() == []


async def test_a_database_that_is_always_being_written_is_a_transient_error(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lab() -> None:
        world.sql("UPDATE jobs SET pid = coalesce(pid, 0) + 1")

    async with world.projector() as projector:
        await see(projector, OBJECT)
        with monkeypatch.context() as patch:
            interrupt(patch, lab, times=100)
            with pytest.raises(DatabaseError) as raised:
                await see(projector, RUNNING)
        assert raised.value.transient
        await see(projector, RUNNING)
    assert world.status() == "IN_PROGRESS"


async def test_no_lock_is_held_while_the_cluster_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def get(namespace: str, name: str) -> None:  # noqa: ARG001 - the cluster's signature
        with closing(sqlite3.connect(world.database, timeout=0)) as other, other:
            other.execute("UPDATE jobs SET pid = 1")

    async with world.projector() as projector:
        await see(projector, RUNNING, of_job(FAILED, 2))
        monkeypatch.setattr(world.cluster, "get", get)
        await delete(projector, RUNNING, "25")
    row = world.row()
    assert row is not None
    assert (row["status"], row["pid"]) == ("FAILED", 1)


async def test_a_successor_in_the_same_batch_as_its_predecessor_wins(world: World) -> None:
    successor = replace(RUNNING, uid="uid-2", resource_version="80", started_at=4_000_000)
    async with world.projector() as projector:
        await projector.page(SCOPE, [FAILED, successor])
    assert world.status() == "IN_PROGRESS"


async def test_two_streams_of_one_watcher_do_not_undo_each_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.projector() as projector:
        await see(projector, OBJECT)

        async def other_stream() -> None:
            await projector.page("workflows/other", [SUCCEEDED])

        interrupt(monkeypatch, other_stream)
        await see(projector, RUNNING)
    assert world.status() == "COMPLETED"


async def test_a_heartbeat_in_the_middle_of_a_commit_waits_for_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, loop = Store._write, asyncio.get_running_loop()
    async with world.projector() as projector, create_task_group() as group:

        def beaten(self: Store, *what: Any) -> None:
            loop.call_soon_threadsafe(group.start_soon, projector.beat, "me")
            write(self, *what)

        monkeypatch.setattr(Store, "_write", beaten)
        await see(projector, RUNNING)
        monkeypatch.setattr(Store, "_write", write)
        assert world.status() == "IN_PROGRESS"
    assert projector.tally.commits == 1
