"""A deletion is resolved, not mapped."""

from dataclasses import replace

import pytest

from nbargo_shared.errors import ClusterRefusedError, ClusterUnreachableError
from nbargo_shared.outcome import State
from nbargo_shared.status import DISAPPEARED, INTERRUPTED
from nbargo_watcher.evidence import Source
from unit.watcher_store.world import (
    END,
    FAILED,
    FAILURE,
    OBJECT,
    OUTCOME,
    RUNNING,
    START,
    STOPPED,
    SUCCEEDED,
    World,
    delete,
    see,
)

BEING_DELETED = replace(RUNNING, deleting=True, resource_version="25")


async def test_the_last_body_tells_the_end(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING)
        await delete(projector, SUCCEEDED)
    row = world.row()
    assert row is not None
    assert (row["status"], row["end_time"]) == ("COMPLETED", END)
    assert projector.tally.resolved == {Source.OBJECT: 1}
    assert world.cluster.asked == []


async def test_the_outcome_file_tells_the_end(world: World) -> None:
    world.leave(OUTCOME)
    async with world.projector() as projector:
        await see(projector, RUNNING)
        await delete(projector, RUNNING, "25")
    row = world.row()
    assert row is not None
    assert (row["status"], row["start_time"], row["end_time"]) == ("COMPLETED", OUTCOME.started_at, OUTCOME.ended_at)
    assert projector.tally.resolved == {Source.OUTCOME_FILE: 1}


async def test_a_workflow_gone_without_a_trace_failed(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING)
        await delete(projector, BEING_DELETED)
    row = world.row()
    assert row is not None
    assert (row["status"], row["status_message"], row["start_time"]) == ("FAILED", DISAPPEARED, START)
    assert projector.tally.resolved == {Source.MISSING: 1}
    assert world.cluster.asked == []


async def test_a_workflow_gone_while_stopping_is_stopped(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, replace(RUNNING, stop_requested=True))
        await delete(projector, RUNNING, "25")
    assert world.status() == "STOPPED"


async def test_a_workflow_gone_after_a_stop_was_asked_for_while_queued_is_stopped(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, OBJECT, replace(OBJECT, stop_requested=True, resource_version="11"))
        await projector.listed("workflows/argo", uids=frozenset(), resource_version="15")
    assert world.status() == "STOPPED"


@pytest.mark.parametrize(("state", "message"), [(State.INTERRUPTED, INTERRUPTED), (State.RUNNING, DISAPPEARED)])
async def test_an_unfinished_outcome_tells_why(world: World, state: State, message: str) -> None:
    world.leave(replace(OUTCOME, state=state, ended_at=None))
    async with world.projector() as projector:
        await see(projector, RUNNING)
        await delete(projector, RUNNING, "25")
    row = world.row()
    assert row is not None
    assert (row["status"], row["status_message"]) == ("FAILED", message)


async def test_an_object_that_only_left_the_selector_changes_nothing(world: World) -> None:
    world.cluster.put(replace(RUNNING, user="somebody-else"))
    async with world.projector() as projector:
        await see(projector, RUNNING)
        before = world.row()
        await delete(projector, RUNNING, "25")
    assert world.row() == before


async def test_another_object_of_the_same_name_does_not_count_as_there(world: World) -> None:
    world.cluster.put(replace(RUNNING, uid="uid-2"))
    async with world.projector() as projector:
        await see(projector, RUNNING)
        await delete(projector, RUNNING, "25")
    assert world.status() == "FAILED"


async def test_a_deletion_is_kept_while_the_cluster_cannot_be_asked(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING)
        world.cluster.error = ClusterUnreachableError("no answer")
        with pytest.raises(ClusterUnreachableError):
            await delete(projector, RUNNING, "25")
        assert world.status() == "IN_PROGRESS"
        assert await projector.checkpoint("workflows/argo") == "20"
        world.cluster.error = None
        await delete(projector, RUNNING, "25")
    assert world.status() == "FAILED"


async def test_a_deletion_that_may_not_be_looked_into_is_left_to_the_next_list(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING)
        world.cluster.error = ClusterRefusedError("may not get")
        await delete(projector, RUNNING, "25")
        assert world.status() == "IN_PROGRESS"
        assert projector.tally.unresolved == 1
        world.cluster.error = None
        await projector.listed("workflows/argo", uids=frozenset(), resource_version="26")
    assert world.status() == "FAILED"


async def test_a_deletion_of_a_job_that_was_never_seen_makes_its_row(world: World) -> None:
    world.leave(FAILURE)
    async with world.projector() as projector:
        await delete(projector, RUNNING)
    row = world.row()
    assert row is not None
    assert (row["status"], row["status_message"]) == ("FAILED", "ZeroDivisionError: division (cell 3)")


async def test_a_collected_workflow_leaves_its_ended_row_alone(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, FAILED)
        before = world.row()
        await delete(projector, FAILED, "35")
        await projector.listed("workflows/argo", uids=frozenset(), resource_version="36")
    assert world.row() == before


async def test_a_retry_that_vanished_is_not_told_by_the_attempt_before(world: World) -> None:
    world.leave(FAILURE)
    retried = replace(RUNNING, started_at=END + 1000, resource_version="40")
    async with world.projector() as projector:
        await see(projector, FAILED)
        await delete(projector, retried)
    row = world.row()
    assert row is not None
    assert (row["status_message"], row["start_time"]) == (DISAPPEARED, END + 1000)


async def test_a_retry_that_vanished_is_told_by_its_own_outcome(world: World) -> None:
    retried = replace(RUNNING, started_at=END + 1000, resource_version="40")
    async with world.projector() as projector:
        await see(projector, FAILED)
        world.leave(replace(OUTCOME, started_at=END + 2000, ended_at=END + 3000))
        await delete(projector, retried)
    row = world.row()
    assert row is not None
    assert (row["status"], row["end_time"]) == ("COMPLETED", END + 3000)


async def test_a_retry_that_vanished_was_not_stopped_because_the_attempt_before_was(world: World) -> None:
    retried = replace(RUNNING, started_at=END + 1000, resource_version="40")
    async with world.projector() as projector:
        await see(projector, STOPPED)
        await delete(projector, retried)
    assert world.status() == "FAILED"


async def test_a_successor_that_vanished_before_it_started_has_no_start(world: World) -> None:
    successor = replace(OBJECT, uid="uid-2", resource_version="80")
    async with world.projector() as projector:
        await see(projector, FAILED)
        await delete(projector, successor)
    row = world.row()
    assert row is not None
    assert (row["status_message"], row["start_time"]) == (DISAPPEARED, None)
