"""A job that was retried, ended and collected while nobody watched is told by the file that its last run left."""

from dataclasses import replace

from nbargo_shared.outcome import State
from unit.watcher_store.world import (
    END,
    FAILED,
    FAILURE,
    JOB,
    OBJECT,
    OUTCOME,
    RUNNING,
    SCOPE,
    STOPPED,
    UID,
    World,
    see,
)

AGAIN = replace(OUTCOME, started_at=END + 60_000, ended_at=END + 90_000)
UNDER_WAY = replace(AGAIN, state=State.RUNNING, ended_at=None)


async def lists_nothing(world: World, version: str = "90") -> None:
    async with world.projector() as projector:
        await projector.listed(SCOPE, uids=frozenset(), resource_version=version)
        await projector.sweep()


def forget(world: World) -> None:
    world.sql("DELETE FROM jobs")
    world.sql("DROP TABLE IF EXISTS nbargo_projected")


def told(world: World) -> tuple[object, ...]:
    row = world.row()
    assert row is not None
    return row["status"], row["status_message"], row["start_time"], row["end_time"]


async def test_a_retry_that_nobody_saw_counts(world: World) -> None:
    for first in (FAILED, STOPPED):
        forget(world)
        world.leave(FAILURE)
        async with world.projector() as projector:
            await see(projector, first)
        world.leave(AGAIN)
        await lists_nothing(world)
        assert told(world) == ("COMPLETED", None, AGAIN.started_at, AGAIN.ended_at)
        before = world.rows()
        await lists_nothing(world, "91")
        assert world.rows() == before


async def test_one_that_died_without_a_word_has_failed_anew(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, STOPPED)
    world.leave(UNDER_WAY)
    await lists_nothing(world)
    assert told(world)[0] == "FAILED"
    assert "deleted before its result" in str(told(world)[1])


async def test_a_retry_that_is_still_there_says_itself_how_it_is(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, FAILED)
        world.cluster.put(replace(RUNNING, started_at=END + 50_000, resource_version="80"))
        world.leave(UNDER_WAY)
        await projector.listed(SCOPE, uids=frozenset({UID}), resource_version="79")
        await projector.sweep()
    assert told(world) == ("IN_PROGRESS", None, END + 50_000, None)


async def test_a_retry_of_a_job_that_only_files_have_told_of_says_itself_how_it_is(world: World) -> None:
    # While the API server is away, the files are looked through all the same.
    for running in (True, False):
        forget(world)
        world.leave(FAILURE)
        async with world.projector() as projector:
            await projector.sweep()
            assert told(world)[0] == "FAILED"
            world.leave(UNDER_WAY)
            if running:
                world.cluster.put(replace(RUNNING, started_at=END + 50_000, resource_version="80"))
            await projector.sweep()
        world.cluster.objects.clear()
        assert told(world)[0] == ("IN_PROGRESS" if running else "FAILED")


async def test_a_workflow_that_turns_up_after_its_file_alone_was_known_says_how_it_is(world: World) -> None:
    # Its own start comes before that of the pod, which the file tells.
    stopped = replace(STOPPED, started_at=END + 50_000, finished_at=END + 91_000, resource_version="80")
    running = replace(RUNNING, started_at=END + 50_000, resource_version="80")
    for file, now, status in ((AGAIN, stopped, "STOPPED"), (UNDER_WAY, running, "IN_PROGRESS")):
        forget(world)
        async with world.projector() as projector:
            for left in (FAILURE, file):
                world.leave(left)
                await projector.sweep()
            assert told(world)[2] == AGAIN.started_at
            await see(projector, now)
        assert told(world)[0] == status


async def test_late_news_of_the_run_before_do_not_bring_its_failure_back(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, FAILED)
    world.leave(AGAIN)
    await lists_nothing(world)
    async with world.projector() as projector:
        await see(projector, FAILED, replace(FAILED, resource_version="31", message="late"))
    assert told(world)[0] == "COMPLETED"


async def test_the_file_of_a_retry_says_nothing_of_the_failure_before(world: World) -> None:
    world.leave(UNDER_WAY)
    async with world.projector() as projector:
        await see(projector, FAILED)
    assert told(world) == ("FAILED", FAILED.message, FAILED.started_at, END)


async def test_the_file_of_a_resubmitted_copy_says_nothing_of_the_job(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, FAILED)
    before = world.rows()
    world.leave(replace(AGAIN, workflow_uid="another-uid"))
    await lists_nothing(world)
    assert world.rows() == before


async def test_a_nodes_clock_may_be_some_seconds_ahead(world: World) -> None:
    ahead = 5000
    world.leave(replace(FAILURE, started_at=END + ahead - 200, ended_at=END + ahead))
    async with world.projector() as projector:
        await see(projector, FAILED)
    assert told(world)[1] == str(FAILURE.error)


async def test_a_retry_opens_a_row_that_was_made_from_the_file_before_its_workflow_was_seen(world: World) -> None:
    # A watcher that goes on from its checkpoint looks through the files before it has caught up with the events.
    for file in (FAILURE, OUTCOME):  # OUTCOME: it was stopped just as its notebook had ended
        forget(world)
        world.leave(file)
        async with world.projector() as projector:
            await projector.sweep()
            assert told(world)[3] == file.ended_at
            await see(projector, replace(OBJECT, started_at=END + 60_000, resource_version="40"))
        assert told(world) == ("QUEUED", None, END + 60_000, None)


async def test_the_run_that_the_file_tells_of_does_not_open_its_row_when_it_is_seen_late(world: World) -> None:
    world.leave(OUTCOME)
    async with world.projector() as projector:
        await projector.sweep()
        before = told(world)
        await see(projector, replace(RUNNING, phase="Pending"))
        assert told(world) == before
        await see(projector, STOPPED)
    assert told(world)[0] == "STOPPED"


async def test_the_file_of_the_run_that_the_row_tells_of_changes_nothing(world: World) -> None:
    world.leave(FAILURE)
    async with world.projector() as projector:
        await see(projector, FAILED)
    before = world.rows()
    await lists_nothing(world)
    assert world.rows() == before
    assert world.cluster.asked == []


async def test_the_end_of_a_run_whose_workflow_had_vanished_counts(world: World) -> None:
    world.leave(replace(OUTCOME, state=State.RUNNING, ended_at=None))
    async with world.projector() as projector:
        await see(projector, RUNNING)
    await lists_nothing(world)
    assert told(world)[0] == "FAILED"
    world.leave(OUTCOME)
    await lists_nothing(world, "91")
    assert told(world) == ("COMPLETED", None, OUTCOME.started_at, OUTCOME.ended_at)


async def test_a_retry_after_a_success_that_the_file_alone_told_counts(world: World) -> None:
    # It was stopped just as its notebook had ended: Argo calls that failed, and can retry it.
    async with world.projector() as projector:
        await see(projector, RUNNING)
    world.leave(OUTCOME)
    await lists_nothing(world)
    assert told(world)[0] == "COMPLETED"
    world.leave(replace(AGAIN, state=State.FAILED, error=FAILURE.error))
    await lists_nothing(world, "91")
    assert told(world)[0] == "FAILED"


async def test_a_row_that_the_user_deleted_stays_deleted(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, FAILED)
    world.sql("DELETE FROM jobs WHERE job_id = ?", JOB)
    world.leave(AGAIN)
    await lists_nothing(world)
    assert world.rows() == []
