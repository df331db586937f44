"""Absence counts only after a complete list, and a mass disappearance only after a second one."""

from dataclasses import replace

import pytest

from nbargo_shared.errors import ClusterUnreachableError
from nbargo_shared.outcome import State
from nbargo_watcher.evidence import Source
from nbargo_watcher.model import Observed
from nbargo_watcher.projector import Projector
from unit.watcher_store.world import FAILED, OUTCOME, RECORD, RUNNING, SCOPE, SUCCEEDED, World, job, of_job, see

MANY = [of_job(RUNNING, number) for number in range(1, 51)]
BYSTANDER = of_job(RUNNING, 99)


async def relist(projector: Projector, *objects: Observed, version: str = "100") -> None:
    await projector.page(SCOPE, objects)
    await projector.listed(SCOPE, uids=frozenset(item.uid for item in objects), resource_version=version)


def stored(world: World) -> str:
    ((version,),) = world.sql("SELECT resource_version FROM nbargo_checkpoint WHERE scope = ?", SCOPE)
    return str(version)


async def test_a_page_says_nothing_about_what_is_not_on_it(world: World) -> None:
    async with world.projector() as projector:
        await projector.page(SCOPE, MANY[:2])
        await projector.page(SCOPE, MANY[2:4])
    assert {row["status"] for row in world.rows()} == {"IN_PROGRESS"}


async def test_a_workflow_that_is_not_in_a_complete_list_is_resolved(world: World) -> None:
    world.leave(OUTCOME)
    async with world.projector() as projector:
        await relist(projector, RUNNING, BYSTANDER)
    async with world.projector() as projector:
        await relist(projector, BYSTANDER)
    assert world.status() == "COMPLETED"
    assert world.status(BYSTANDER.job_id) == "IN_PROGRESS"
    assert projector.tally.resolved == {Source.OUTCOME_FILE: 1}


async def test_a_list_says_nothing_about_another_scope(world: World) -> None:
    async with world.projector() as projector:
        await relist(projector, RUNNING)
        await projector.listed("workflows/other", uids=frozenset(), resource_version="100")
    assert world.status() == "IN_PROGRESS"


async def test_an_object_that_a_list_lacks_and_a_get_finds_is_left_alone(world: World) -> None:
    world.cluster.put(RUNNING)
    async with world.projector() as projector:
        await relist(projector, RUNNING)
        await relist(projector)
    assert world.status() == "IN_PROGRESS"


async def test_an_absence_that_cannot_be_looked_into_waits_for_the_next_list(world: World) -> None:
    async with world.projector() as projector:
        await relist(projector, RUNNING)
        world.cluster.error = ClusterUnreachableError("no answer")
        await relist(projector)
        assert world.status() == "IN_PROGRESS"
        world.cluster.error = None
        await relist(projector)
    assert world.status() == "FAILED"


async def test_an_absence_that_was_not_looked_into_is_listed_again_within_a_minute(world: World) -> None:
    async with world.projector() as projector:
        await relist(projector, RUNNING)
        await projector.sweep()
        world.cluster.error = ClusterUnreachableError("no answer")
        await relist(projector, BYSTANDER, version="110")
        await projector.sweep()
        assert (projector.confirm_at(SCOPE), projector.tally.unresolved) == (60.0, 1)
        assert stored(world) == "100", "whoever goes on from here lists again"
        world.cluster.error = None
        await relist(projector, BYSTANDER, version="120")
        await projector.sweep()
        assert (projector.confirm_at(SCOPE), projector.tally.unresolved) == (None, 0)
        assert stored(world) == "120"
    assert world.status() == "FAILED"


async def test_a_list_that_lacks_what_is_there_brings_its_news_all_the_same(world: World) -> None:
    async with world.projector() as projector:
        await relist(projector, RUNNING)
        world.cluster.put(SUCCEEDED)
        await relist(projector)
    assert world.status() == "COMPLETED"


async def test_a_running_job_that_a_list_lacks_and_nobody_knew_is_looked_for(world: World) -> None:
    world.leave(replace(OUTCOME, state=State.RUNNING, ended_at=None))
    world.cluster.put(RUNNING)
    async with world.projector() as projector:
        await relist(projector)
        await projector.sweep()
    assert world.status() == "IN_PROGRESS"


async def test_a_lost_database_does_not_come_back_one_question_at_a_time(world: World) -> None:
    for number in range(60):
        record = replace(RECORD, job_id=job(number))
        file = replace(OUTCOME, job_id=job(number), job=record, state=State.RUNNING, ended_at=None)
        world.leave(replace(file, workflow_uid=f"uid-{number}"))
    async with world.projector() as projector:
        await relist(projector)
        await projector.sweep()
    assert {row["status"] for row in world.rows()} == {"FAILED"}
    assert (len(world.rows()), len(world.cluster.asked)) == (60, 10)


async def test_a_look_through_the_files_is_repeated_if_the_server_does_not_say_what_is_there(world: World) -> None:
    world.leave(replace(OUTCOME, state=State.RUNNING, ended_at=None))
    world.cluster.error = ClusterUnreachableError("no answer")
    async with world.projector() as projector:
        await relist(projector, BYSTANDER)
        with pytest.raises(ClusterUnreachableError):
            await projector.sweep()
        assert world.status() is None
        assert world.sql("SELECT * FROM nbargo_checkpoint") == [], "whoever is killed now lists again"
        world.cluster.error = None
        await projector.sweep()
    assert (world.status(), stored(world)) == ("FAILED", "100")


@pytest.mark.parametrize(
    "other", [replace(RUNNING, user="somebody-else"), replace(RUNNING, job_id=job(9))], ids=["user", "job"]
)
async def test_what_is_found_and_somebody_elses_makes_no_row(world: World, other: Observed) -> None:
    world.leave(replace(OUTCOME, state=State.RUNNING, ended_at=None))
    world.cluster.put(other)
    async with world.projector() as projector:
        await relist(projector)
        await projector.sweep()
    assert world.rows() == []


async def test_what_was_seen_after_the_list_is_not_absent_from_it(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, replace(RUNNING, resource_version="101"))
        await relist(projector, version="100")
    assert world.status() == "IN_PROGRESS"


async def test_a_workflow_that_turns_up_again_unchanged_is_taken_back(world: World) -> None:
    async with world.projector() as projector:
        await relist(projector, RUNNING)
        await relist(projector)
        assert world.status() == "FAILED"
        await relist(projector, RUNNING)
    row = world.row()
    assert row is not None
    assert (row["status"], row["status_message"]) == ("IN_PROGRESS", None)


async def test_an_empty_list_is_not_believed_at_once(world: World) -> None:
    async with world.projector() as projector:
        await relist(projector, *MANY)
        before = world.rows()
        await relist(projector, version="200")
        world.monotonic += 59
        await relist(projector, version="201")
        assert world.rows() == before
        assert projector.degraded
        assert projector.confirm_at(SCOPE) == 60
        world.monotonic += 1
        await relist(projector, version="202")
        assert not projector.degraded
    assert {row["status"] for row in world.rows()} == {"FAILED"}


async def test_a_restart_while_a_list_is_not_believed_has_to_list_again(world: World) -> None:
    async with world.projector() as projector:
        await relist(projector, *MANY)
        await projector.sweep()
        await relist(projector, version="200")
        await projector.sweep()
        await see(projector, replace(BYSTANDER, resource_version="205"))
    async with world.projector() as projector:
        assert await projector.checkpoint(SCOPE) == "100"


async def test_a_full_list_lifts_the_brake(world: World) -> None:
    async with world.projector() as projector:
        await relist(projector, *MANY)
        await relist(projector, *MANY[:24])
        assert projector.degraded
        await relist(projector, *MANY[:25])
        assert not projector.degraded
    assert world.status(job(50)) == "FAILED"
    assert world.status(job(25)) == "IN_PROGRESS"


async def test_a_few_rows_may_vanish_at_once(world: World) -> None:
    async with world.projector() as projector:
        await relist(projector, *MANY[:19])
        await relist(projector)
    assert {row["status"] for row in world.rows()} == {"FAILED"}


async def test_a_single_run_may_confirm_with_a_second_list_at_once(world: World) -> None:
    async with world.projector(once=True) as projector:
        await relist(projector, *MANY)
        await relist(projector)
        assert {row["status"] for row in world.rows()} == {"IN_PROGRESS"}
        assert projector.confirm_at(SCOPE) is not None
        await relist(projector)
        assert projector.confirm_at(SCOPE) is None
    assert {row["status"] for row in world.rows()} == {"FAILED"}


async def test_ended_rows_never_count_as_vanished(world: World) -> None:
    ended = [of_job(item, number) for number, item in enumerate([SUCCEEDED, FAILED] * 20)]
    async with world.projector() as projector:
        await relist(projector, *ended)
        before = world.rows()
        await relist(projector)
        assert not projector.degraded
    assert world.rows() == before
    assert world.cluster.asked == []


async def test_only_some_of_many_absences_are_looked_at_one_by_one(world: World) -> None:
    many = [of_job(RUNNING, number) for number in range(200)]
    async with world.projector() as projector:
        await relist(projector, *many)
        await relist(projector, *many[:110])
    assert len(world.cluster.asked) == 50
    assert [row["status"] for row in world.rows()].count("FAILED") == 90
