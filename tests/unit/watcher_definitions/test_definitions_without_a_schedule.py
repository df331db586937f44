"""A definition without a schedule has no CronWorkflow: its row is made from its file."""

from dataclasses import replace

import pytest

from nbargo_shared.errors import FilesError
from nbargo_watcher import outcomes
from unit.watcher_definitions.samples import (
    DEFINITION,
    MADE,
    OBJECT,
    RECORD,
    RUN_RECORD,
    UNSCHEDULED,
    delete,
    leave,
    relist,
    row,
    rows,
    see,
    state,
    version,
)
from unit.watcher_store.world import OUTCOME, World

LATER = MADE + 60_000


async def test_its_row_comes_from_its_file_and_survives_a_lost_database(world: World) -> None:
    leave(world, UNSCHEDULED)
    async with world.projector() as projector:
        await projector.sweep_definitions()
        before = rows(world)
        await projector.sweep_definitions()
        assert len(world.definition_changes) == 1
        for table in ("job_definitions", "nbargo_projected"):
            world.sql(f"DELETE FROM {table}")  # noqa: S608 - our own names
        await projector.sweep_definitions()
    assert rows(world) == before
    assert state(world) == (None, None, 1)
    assert before[0]["update_time"] == MADE


async def test_its_row_follows_its_file(world: World) -> None:
    leave(world, UNSCHEDULED)
    async with world.projector() as projector:
        await projector.sweep_definitions()
        leave(world, replace(UNSCHEDULED, name="other", update_time=LATER))
        await projector.sweep_definitions()
        found = row(world)
        assert found is not None
        assert (found["name"], found["update_time"], found["create_time"]) == ("other", LATER, MADE)
        leave(world, UNSCHEDULED)
        await projector.sweep_definitions()
    assert row(world) == found, "an older file was read before the newer one was written"


async def test_no_list_of_cron_workflows_removes_it(world: World) -> None:
    leave(world, UNSCHEDULED)
    async with world.projector() as projector:
        await projector.sweep_definitions()
        await relist(projector)
    assert row(world) is not None


async def test_the_cron_workflow_wins_over_the_file(world: World) -> None:
    leave(world, replace(UNSCHEDULED, name="file", update_time=LATER))
    async with world.projector() as projector:
        await relist(projector, OBJECT)
        await projector.sweep_definitions()
    assert state(world) == (RECORD.schedule, RECORD.timezone, 1)


async def test_a_schedule_is_given_and_taken_away_again(world: World) -> None:
    leave(world, UNSCHEDULED)
    async with world.projector() as projector:
        await projector.sweep_definitions()
        await see(projector, version(10, replace(RECORD, update_time=LATER)))
        assert state(world) == (RECORD.schedule, RECORD.timezone, 1)
        leave(world, replace(UNSCHEDULED, update_time=LATER + 1))
        await projector.sweep_definitions()
        assert state(world) == (RECORD.schedule, RECORD.timezone, 1), "the CronWorkflow is still there"
        await delete(projector, OBJECT, "30")
        assert state(world) == (None, None, 1)
        await see(projector, version(20))
        await relist(projector)
        await projector.sweep_definitions()
    found = row(world)
    assert found is not None
    assert (found["schedule"], found["update_time"]) == (None, LATER + 1)


async def test_a_schedule_is_taken_away_while_the_watcher_is_off(world: World) -> None:
    async with world.projector() as projector:
        await relist(projector, OBJECT)
    leave(world, replace(UNSCHEDULED, update_time=LATER))
    async with world.projector() as projector:
        await relist(projector, resource_version="200")
        assert state(world) == (None, None, 1)
        await projector.sweep_definitions()
    assert state(world) == (None, None, 1)


async def test_one_that_a_user_deleted_stays_deleted(world: World) -> None:
    leave(world, UNSCHEDULED)
    async with world.projector() as projector:
        await projector.sweep_definitions()
        world.sql("DELETE FROM job_definitions")
        leave(world, replace(UNSCHEDULED, update_time=LATER))
        await projector.sweep_definitions()
    assert rows(world) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        RECORD.to_json()[:-1],
        replace(RECORD, definition_id="5f0c3c4a-1b1e-4b52-9c3a-000000000009").to_json(),
        "x" * 100_000,
    ],
)
async def test_a_file_that_is_not_valid_counts_as_none(world: World, text: str) -> None:
    leave(world, UNSCHEDULED, text)
    async with world.projector() as projector:
        await projector.sweep_definitions()
    assert rows(world) == []


async def test_a_symbolic_link_is_not_followed(world: World) -> None:
    leave(world, UNSCHEDULED)
    elsewhere = world.staging.parent / "elsewhere"
    (world.staging / DEFINITION).rename(elsewhere)
    (world.staging / DEFINITION).symlink_to(elsewhere)
    async with world.projector() as projector:
        await projector.sweep_definitions()
    assert rows(world) == []


async def test_files_of_jobs_and_of_scheduled_definitions_are_not_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.leave(replace(OUTCOME, job_id=RUN_RECORD.job_id, job=RUN_RECORD))
    leave(world, RECORD)
    async with world.projector() as projector:
        await see(projector, OBJECT)
        await projector.sweep()
        monkeypatch.setattr(outcomes, "_read", lambda *_, **__: pytest.fail("read"))
        await projector.sweep_definitions()
    assert world.status(RUN_RECORD.job_id) == "COMPLETED"


async def test_a_volume_that_does_not_answer_removes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def stale(*_: object, **__: object) -> bytes:
        raise OSError(116, "Stale file handle")

    async with world.projector() as projector:
        await relist(projector, OBJECT)
        with monkeypatch.context() as patch:
            patch.setattr(outcomes, "_read", stale)
            with pytest.raises(FilesError):
                await relist(projector, resource_version="200")
            assert row(world) is not None
        await relist(projector, resource_version="200")
    assert rows(world) == []
