"""A definition's row goes when its CronWorkflow does, and only then; one that a user deleted stays deleted."""

from dataclasses import replace

from nbargo_shared.errors import ClusterUnreachableError
from unit.watcher_definitions.samples import (
    DEFINITION,
    OBJECT,
    OTHER,
    RECORD,
    RUN,
    RUN_UID,
    SCOPE,
    UNSCHEDULED,
    another,
    delete,
    leave,
    relist,
    row,
    rows,
    see,
    state,
    version,
)
from unit.watcher_store.world import SCOPE as WORKFLOWS
from unit.watcher_store.world import World
from unit.watcher_store.world import see as see_workflow

MANY = [another(f"5f0c3c4a-1b1e-4b52-9c3a-{number:012d}") for number in range(1, 51)]


async def test_deleting_one_with_kubectl_removes_its_row_and_no_run(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, OBJECT, another(OTHER))
        await see_workflow(projector, RUN)
        await delete(projector, OBJECT, "50")
    assert [found["job_definition_id"] for found in rows(world)] == [OTHER]
    assert world.status(RUN_UID) == "IN_PROGRESS"
    assert projector.tally.definitions == {"added": 2, "removed": 1}


async def test_what_comes_late_does_not_bring_it_back(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, version(10))
        await delete(projector, OBJECT, "50")
        await see(projector, version(20), version(10))
        await projector.page(SCOPE, [version(20)])
    assert rows(world) == []


async def test_one_that_is_applied_again_comes_back(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, version(10))
        await delete(projector, OBJECT, "50")
        await see(projector, replace(version(60), uid="cron-uid-2"))
        assert row(world) is not None
        await delete(projector, replace(OBJECT, uid="cron-uid-1"), "70")
    assert row(world) is not None, "the deletion is the first one's"


async def test_absence_counts_after_a_complete_list_only(world: World) -> None:
    async with world.projector() as projector:
        await relist(projector, OBJECT, another(OTHER))
        await projector.page(SCOPE, [another(OTHER)])
        assert len(rows(world)) == 2
        await projector.listed(SCOPE, uids=frozenset({another(OTHER).uid}), resource_version="200")
    assert [found["job_definition_id"] for found in rows(world)] == [OTHER]


async def test_a_list_of_workflows_says_nothing_about_definitions(world: World) -> None:
    async with world.projector() as projector:
        await relist(projector, OBJECT)
        await projector.listed(WORKFLOWS, uids=frozenset(), resource_version="200")
        await projector.listed("cronworkflows/other", uids=frozenset(), resource_version="200")
    assert row(world) is not None


async def test_one_that_left_the_selector_or_a_list_and_is_there_keeps_its_row(world: World) -> None:
    world.cluster.put(OBJECT)
    async with world.projector() as projector:
        await relist(projector, OBJECT)
        await delete(projector, OBJECT, "150")
        await relist(projector, resource_version="200")
    assert row(world) is not None


async def test_an_absence_that_cannot_be_looked_into_waits_for_the_next_list(world: World) -> None:
    async with world.projector() as projector:
        await relist(projector, OBJECT)
        world.cluster.error = ClusterUnreachableError("no answer")
        await relist(projector, resource_version="200")
        assert row(world) is not None
        assert projector.degraded == ""
        world.cluster.error = None
        await relist(projector, resource_version="300")
    assert rows(world) == []


async def test_a_mass_disappearance_is_believed_at_the_second_list(world: World) -> None:
    async with world.projector() as projector:
        await relist(projector, *MANY)
        await relist(projector, resource_version="200")
        assert len(rows(world)) == len(MANY)
        assert "cronworkflows" in projector.degraded
        world.monotonic += 61
        await relist(projector, resource_version="300")
        assert projector.degraded == ""
    assert rows(world) == []


async def test_one_that_turns_up_again_unchanged_is_taken_back(world: World) -> None:
    async with world.projector() as projector:
        await relist(projector, OBJECT)
        await relist(projector, resource_version="200")
        assert rows(world) == []
        await relist(projector, OBJECT, resource_version="300")
    assert row(world) is not None


async def test_a_row_that_a_user_deleted_stays_deleted(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, version(10))
        world.sql("DELETE FROM job_definitions")
        await see(projector, version(20, suspended=True))
        await relist(projector, version(20, suspended=True))
        leave(world, UNSCHEDULED)
        await projector.sweep_definitions()
        await delete(projector, version(20), "150")
        await projector.sweep_definitions()
    async with world.projector() as projector:
        await see(projector, replace(version(160), uid="cron-uid-2"))
    assert rows(world) == []


async def test_rebuild_brings_back_what_a_user_deleted(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, OBJECT, another(OTHER))
        before = rows(world)
        world.sql("DELETE FROM job_definitions WHERE job_definition_id = ?", DEFINITION)
    async with world.projector(rebuild=True) as projector:
        assert await projector.checkpoint(SCOPE) is None
        await relist(projector, OBJECT, another(OTHER))
    assert rows(world) == before


async def test_rows_of_another_scheduler_are_never_removed(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, OBJECT)
        world.sql(
            "INSERT INTO job_definitions (job_definition_id, runtime_environment_name, input_filename) "
            "VALUES ('stock-1', 'python3', 'a.ipynb')"
        )
        await relist(projector, resource_version="200")
    assert [found["job_definition_id"] for found in rows(world)] == ["stock-1"]


async def test_a_file_of_the_jobs_alone_is_taken_over_as_it_is(world: World) -> None:
    """What an earlier version left has the same tables, with jobs only."""
    async with world.projector() as projector:
        await see_workflow(projector, replace(RUN, scheduled=False, definition_id=""))
    jobs = world.rows()
    async with world.projector() as projector:
        await relist(projector, OBJECT)
        await relist(projector, resource_version="200")
    assert (world.rows(), rows(world)) == (jobs, [])


async def test_paused_while_the_watcher_was_off(world: World) -> None:
    async with world.projector() as projector:
        await relist(projector, OBJECT)
    async with world.projector() as projector:
        await relist(projector, version(150, suspended=True), resource_version="200")
    assert state(world) == (RECORD.schedule, RECORD.timezone, 0)
