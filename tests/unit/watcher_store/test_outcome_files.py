"""Outcome files: read safely, and enough to make the row of a job whose Workflow nobody saw."""

import os
from dataclasses import replace

import pytest

from nbargo_shared.errors import FilesError
from nbargo_shared.outcome import MAX_BYTES, Outcome, State
from nbargo_shared.status import DISAPPEARED
from nbargo_watcher import outcomes
from nbargo_watcher.model import Observed
from nbargo_watcher.outcomes import OutcomeFiles, read_outcome
from unit.watcher_store.world import (
    END,
    FAILED,
    FAILURE,
    JOB,
    OUTCOME,
    RECORD,
    RUNNING,
    SCOPE,
    STOPPED,
    SUCCEEDED,
    World,
    job,
    see,
)

STILL_RUNNING = replace(OUTCOME, state=State.RUNNING, ended_at=None)


def test_an_outcome_is_read(world: World) -> None:
    world.leave(OUTCOME)
    assert read_outcome(world.staging, JOB) == OUTCOME


def test_a_missing_file_or_directory_is_no_outcome(world: World) -> None:
    assert read_outcome(world.staging, JOB) is None
    (world.staging / JOB).mkdir(parents=True)
    assert read_outcome(world.staging, JOB) is None


@pytest.mark.parametrize("job_id", ["", ".", "..", "../x", "a/b-c", "/etc-x", "no_dash", "a-b\0"])
def test_what_is_not_a_job_id_is_never_opened(world: World, job_id: str) -> None:
    world.leave(OUTCOME)
    assert read_outcome(world.staging, job_id) is None


def test_a_link_in_the_files_place_is_not_followed(world: World) -> None:
    path = world.leave(OUTCOME)
    path.rename(path.with_name("real.json"))
    path.symlink_to("real.json")
    assert read_outcome(world.staging, JOB) is None


def test_a_link_in_the_directorys_place_is_not_followed(world: World) -> None:
    world.leave(OUTCOME)
    (world.staging / JOB).rename(world.staging / "elsewhere")
    (world.staging / JOB).symlink_to("elsewhere")
    assert read_outcome(world.staging, JOB) is None


def test_a_fifo_does_not_block(world: World) -> None:
    world.leave(OUTCOME).unlink()
    os.mkfifo(world.staging / JOB / "outcome.json")
    assert read_outcome(world.staging, JOB) is None


def test_a_huge_file_is_not_read_whole(world: World) -> None:
    path = world.leave(OUTCOME)
    with path.open("ab") as file:
        file.truncate(MAX_BYTES * 1000)
    assert read_outcome(world.staging, JOB) is None


def test_another_jobs_outcome_is_none(world: World) -> None:
    other = replace(OUTCOME, job_id=job(2), job=replace(RECORD, job_id=job(2)))
    world.leave(OUTCOME, other.to_json())
    assert read_outcome(world.staging, JOB) is None


async def test_a_volume_that_does_not_answer_is_an_error_and_not_an_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(*_: object, **__: object) -> bytes:
        raise OSError(116, "Stale file handle")

    async with world.projector() as projector:
        await see(projector, RUNNING)
        with monkeypatch.context() as patch:
            patch.setattr(outcomes, "_read", stale)
            with pytest.raises(FilesError) as raised:
                await see(projector, SUCCEEDED)
        assert raised.value.transient
        assert world.status() == "IN_PROGRESS"
        await see(projector, SUCCEEDED)
    assert world.status() == "COMPLETED"


async def test_all_directories_are_walked(world: World) -> None:
    for number in range(1203):
        (world.staging / job(number)).mkdir(parents=True)
    (world.staging / "not_a_job").mkdir()
    scan, found = OutcomeFiles(world.staging).scan(), []
    while step := await scan.step():
        assert len(step) <= 500
        found += step
    assert sorted(found) == [job(number) for number in range(1203)]


async def test_a_job_that_nobody_saw_gets_its_row_from_the_file_alone(world: World) -> None:
    world.leave(FAILURE)
    async with world.projector() as projector:
        await projector.listed(SCOPE, uids=frozenset(), resource_version="50")
        await projector.sweep()
    row = world.row()
    assert row is not None
    assert [row[name] for name in ("name", "status", "status_message", "start_time", "end_time")] == [
        "numbers",
        "FAILED",
        "ZeroDivisionError: division (cell 3)",
        FAILURE.started_at,
        FAILURE.ended_at,
    ]


async def test_a_row_from_the_file_is_the_row_from_the_object(world: World) -> None:
    world.leave(OUTCOME)
    async with world.projector() as projector:
        await projector.sweep()
        before = world.rows()
        await see(projector, SUCCEEDED)
    assert world.rows() == before


async def test_an_object_that_turns_up_after_the_file_does_not_open_the_row_again(world: World) -> None:
    world.leave(OUTCOME)
    async with world.projector() as projector:
        await projector.sweep()
        await see(projector, RUNNING)
    assert world.status() == "COMPLETED"


async def test_a_running_outcome_waits_until_a_later_list_lacks_its_workflow(world: World) -> None:
    world.leave(STILL_RUNNING)
    world.wall = STILL_RUNNING.started_at / 1000 + 30
    async with world.projector() as projector:
        await projector.sweep()
        await projector.listed(SCOPE, uids=frozenset(), resource_version="50")
        await projector.sweep()
        assert world.row() is None
        world.wall += 60
        await projector.listed(SCOPE, uids=frozenset(), resource_version="51")
        await projector.sweep()
    row = world.row()
    assert row is not None
    assert (row["status"], row["status_message"]) == ("FAILED", DISAPPEARED)


async def test_an_unfinished_row_without_a_known_workflow_is_resolved_by_its_file(world: World) -> None:
    statement = "INSERT INTO jobs (job_id, name, status, input_filename, runtime_environment_name) VALUES (?,?,?,?,?)"
    world.sql(statement, JOB, "kept", "IN_PROGRESS", "n.ipynb", "e")
    world.sql(statement, job(2), "another program's", "IN_PROGRESS", "n.ipynb", "e")
    world.leave(OUTCOME)
    async with world.projector() as projector:
        await projector.sweep()
    assert [(row["name"], row["status"]) for row in world.rows()] == [
        ("kept", "COMPLETED"),
        ("another program's", "IN_PROGRESS"),
    ]


async def test_a_sweep_of_what_is_known_reads_no_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.leave(OUTCOME)
    async with world.projector() as projector:
        await see(projector, SUCCEEDED)
        monkeypatch.setattr(outcomes, "_read", lambda *_, **__: pytest.fail("read"))
        await projector.sweep()


PACKAGED = replace(RECORD, package_input_folder=True)
LATE = replace(OUTCOME, state=State.INTERRUPTED, ended_at=END + 1500, files=("a.txt",), job=PACKAGED)


@pytest.mark.parametrize("ended", [STOPPED, FAILED])
@pytest.mark.parametrize("outcome", [replace(STILL_RUNNING, job=PACKAGED), LATE])
async def test_the_end_of_a_pod_that_argo_does_not_wait_for_changes_no_row(
    world: World, ended: Observed, outcome: Outcome
) -> None:
    """Argo calls a workflow ended as soon as it is stopped or its deadline is over; its pod takes its time."""
    world.leave(outcome)
    async with world.projector() as projector:
        await see(projector, replace(ended, job_json=PACKAGED.to_json()))
    row = world.row()
    assert row is not None
    assert (row["start_time"], row["end_time"], row["packaged_files"]) == (OUTCOME.started_at, END, "[]")


async def test_a_notebook_that_ended_while_it_was_stopped_changes_no_row(world: World) -> None:
    world.leave(replace(LATE, state=State.COMPLETED))
    async with world.projector() as projector:
        await see(projector, replace(STOPPED, job_json=PACKAGED.to_json()))
    row = world.row()
    assert row is not None
    assert (row["status"], row["end_time"], row["packaged_files"]) == ("STOPPED", END, "[]")
