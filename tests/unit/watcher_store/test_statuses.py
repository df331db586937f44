"""What the rows of live and ended workflows say."""

from dataclasses import replace

import pytest

from nbargo_shared.outcome import State
from nbargo_watcher.model import Observed
from unit.watcher_store.world import (
    FAILED,
    FAILURE,
    OBJECT,
    OUTCOME,
    RECORD,
    RUNNING,
    START,
    STOPPED,
    SUCCEEDED,
    UID,
    World,
    see,
)

UNKNOWN_PHASE = replace(RUNNING, phase="Omitted", resource_version="40")
STOP_WANTED = replace(RUNNING, stop_requested=True)
STOPPED_WHILE_WAITING = replace(SUCCEEDED, shutdown="Terminate", ran=False)


@pytest.mark.parametrize(
    ("observed", "status"),
    [
        (OBJECT, "QUEUED"),
        (replace(OBJECT, phase="Pending"), "QUEUED"),
        (RUNNING, "IN_PROGRESS"),
        (STOP_WANTED, "STOPPING"),
        (SUCCEEDED, "COMPLETED"),
        (STOPPED_WHILE_WAITING, "STOPPED"),
        (STOPPED, "STOPPED"),
        (FAILED, "FAILED"),
        (replace(FAILED, phase="Error"), "FAILED"),
    ],
)
async def test_a_row_says_what_the_phase_stands_for(world: World, observed: Observed, status: str) -> None:
    async with world.projector() as projector:
        await see(projector, observed)
    assert world.status() == status


async def test_only_a_failure_has_a_message(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, replace(RUNNING, message="waiting for a lock"))
        running = world.row()
        await see(projector, FAILED)
    failed = world.row()
    assert running is not None
    assert failed is not None
    assert running["status_message"] is None
    assert failed["status_message"] == "exit code 1"


async def test_a_failure_names_the_notebooks_own_error_from_the_file(world: World) -> None:
    world.leave(FAILURE)
    async with world.projector() as projector:
        await see(projector, FAILED)
    row = world.row()
    assert row is not None
    assert row["status_message"] == "ZeroDivisionError: division (cell 3)"


async def test_a_failure_names_the_notebooks_own_error_from_the_parameter(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, replace(FAILED, outcome_json=FAILURE.to_json()))
    row = world.row()
    assert row is not None
    assert row["status_message"] == "ZeroDivisionError: division (cell 3)"


async def test_the_later_of_file_and_parameter_tells_of_a_retried_job(world: World) -> None:
    earlier = replace(FAILURE, started_at=START - 900_000, ended_at=START - 800_000)
    world.leave(replace(OUTCOME, state=State.RUNNING, ended_at=None))
    async with world.projector() as projector:
        await see(projector, replace(FAILED, outcome_json=earlier.to_json()))
    row = world.row()
    assert row is not None
    assert row["status_message"] == "exit code 1"
    assert row["start_time"] == OUTCOME.started_at


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', "\0"])
async def test_a_broken_outcome_file_counts_as_none(world: World, text: str) -> None:
    world.leave(FAILURE, text)
    async with world.projector() as projector:
        await see(projector, replace(FAILED, outcome_json=text))
    row = world.row()
    assert row is not None
    assert row["status_message"] == "exit code 1"


async def test_another_workflows_outcome_does_not_decide(world: World) -> None:
    world.leave(replace(FAILURE, workflow_uid="uid-of-a-copy"))
    async with world.projector() as projector:
        await see(projector, replace(FAILED, uid=UID))
    row = world.row()
    assert row is not None
    assert row["status_message"] == "exit code 1"


async def test_an_unknown_phase_leaves_the_row_as_it_is(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING, UNKNOWN_PHASE)
    assert world.status() == "IN_PROGRESS"


async def test_a_renamed_job_is_renamed_while_it_runs_and_after(world: World) -> None:
    second = replace(RECORD, name="second", update_time=START + 1)
    third = replace(RECORD, name="third", update_time=SUCCEEDED.finished_at + 5)  # type: ignore[operator]
    async with world.projector() as projector:
        await see(projector, RUNNING, replace(RUNNING, job_json=second.to_json(), resource_version="21"))
        running = world.row()
        await see(projector, replace(SUCCEEDED, job_json=second.to_json()))
        await see(projector, replace(SUCCEEDED, job_json=third.to_json(), resource_version="31"))
    ended = world.row()
    assert running is not None
    assert ended is not None
    assert (running["name"], running["update_time"]) == ("second", START + 1)
    assert (ended["name"], ended["status"], ended["update_time"]) == ("third", "COMPLETED", third.update_time)


async def test_other_columns_are_never_overwritten(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING)
        world.sql("UPDATE jobs SET tags = 'theirs', pid = 7, create_time = 1, name = 'theirs', url = '/x'")
        await see(projector, SUCCEEDED)
    row = world.row()
    assert row is not None
    found = [row[name] for name in ("status", "tags", "pid", "create_time", "name", "url")]
    assert found == ["COMPLETED", "theirs", 7, 1, "theirs", "/x"]
