"""What a user did to a row stands: deleted stays deleted, and a stop is not undone by a late Running."""

from dataclasses import replace

import pytest

from unit.watcher_store.world import (
    FAILED,
    OBJECT,
    OUTCOME,
    RUNNING,
    SCOPE,
    START,
    STOPPED,
    SUCCEEDED,
    World,
    delete,
    see,
)

LATER = replace(RUNNING, resource_version="22", message="still running")


async def test_a_deleted_row_stays_deleted(world: World) -> None:
    world.leave(OUTCOME)
    async with world.projector() as projector:
        await see(projector, RUNNING)
        world.sql("DELETE FROM jobs")
        await see(projector, LATER, SUCCEEDED)
        await projector.page(SCOPE, [SUCCEEDED])
        await projector.listed(SCOPE, uids=frozenset(), resource_version="50")
        await delete(projector, SUCCEEDED, "60")
        await projector.sweep()
    async with world.projector() as projector:
        await see(projector, SUCCEEDED)
    assert world.rows() == []
    assert world.cluster.asked == []


async def test_rebuild_brings_deleted_rows_back(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, SUCCEEDED)
        before = world.rows()
        world.sql("DELETE FROM jobs")
    async with world.projector(rebuild=True) as projector:
        assert await projector.checkpoint(SCOPE) is None
        await projector.page(SCOPE, [SUCCEEDED])
    assert world.rows() == before


@pytest.mark.parametrize("intent", ["STOPPING", "STOPPED"])
async def test_a_running_event_does_not_undo_a_stop(world: World, intent: str) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING)
        world.sql("UPDATE jobs SET status = ?", intent)
        await see(projector, LATER)
    assert world.status() == intent


@pytest.mark.parametrize("intent", ["STOPPING", "STOPPED"])
async def test_a_stop_of_a_queued_job_outlives_its_start(world: World, intent: str) -> None:
    async with world.projector() as projector:
        await see(projector, OBJECT)
        world.sql("UPDATE jobs SET status = ?", intent)
        await see(projector, RUNNING, LATER)
    row = world.row()
    assert row is not None
    assert (row["status"], row["start_time"]) == (intent, START)


async def test_a_stop_before_the_start_is_not_taken_for_an_attempt_that_has_ended(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, OBJECT)
        world.sql("UPDATE jobs SET status = 'STOPPED', end_time = ?", START - 1)
        await see(projector, RUNNING)
    assert world.status() == "STOPPED"


@pytest.mark.parametrize(("observed", "status"), [(SUCCEEDED, "COMPLETED"), (STOPPED, "STOPPED"), (FAILED, "FAILED")])
async def test_the_end_of_a_stopping_job_counts(world: World, observed: object, status: str) -> None:
    assert isinstance(observed, type(OBJECT))
    async with world.projector() as projector:
        await see(projector, RUNNING)
        world.sql("UPDATE jobs SET status = 'STOPPING'")
        await see(projector, observed)
    assert world.status() == status


async def test_a_stopping_job_that_vanished_is_stopped(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING)
        world.sql("UPDATE jobs SET status = 'STOPPING'")
        await delete(projector, RUNNING, "25")
    assert world.status() == "STOPPED"


async def test_a_job_stopped_by_the_user_that_vanished_keeps_its_row(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING)
        world.sql("UPDATE jobs SET status = 'STOPPED'")
        before = world.rows()
        await projector.listed(SCOPE, uids=frozenset(), resource_version="50")
    assert world.rows() == before
    assert world.cluster.asked == []


async def test_a_retry_ends_the_stop(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING)
        world.sql("UPDATE jobs SET status = 'STOPPED'")
        await see(projector, replace(RUNNING, resource_version="40", started_at=START + 60_000))
    assert world.status() == "IN_PROGRESS"


async def test_a_stop_that_the_cluster_has_withdrawn_is_over(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, replace(RUNNING, stop_requested=True), LATER)
    assert world.status() == "IN_PROGRESS"


async def test_a_row_that_somebody_else_made_is_adopted(world: World) -> None:
    world.sql(
        "INSERT INTO jobs (job_id, name, status, input_filename, runtime_environment_name, tags)"
        " VALUES (?, 'n', 'CREATED', 'n.ipynb', 'e', 'theirs')",
        OBJECT.job_id,
    )
    async with world.projector() as projector:
        await see(projector, RUNNING)
    row = world.row()
    assert row is not None
    assert (row["status"], row["name"], row["tags"]) == ("IN_PROGRESS", "numbers", "theirs")
