"""A run that a CronWorkflow started is a job whose id is the Workflow's uid."""

import json
from dataclasses import replace

import pytest

from nbargo_shared.outcome import State
from nbargo_shared.run import file_name
from nbargo_watcher.decode import Decoder
from nbargo_watcher.model import Observed
from unit.watcher_definitions.samples import DEFINITION, OTHER, RUN, RUN_RECORD, RUN_UID
from unit.watcher_store.world import END, OUTCOME, START, World, delete, see

ENDED = replace(RUN, phase="Succeeded", finished_at=END, completed=True, ran=True, resource_version="30")
OUTCOME_OF_RUN = replace(OUTCOME, job_id=RUN_UID, workflow_uid=RUN_UID, job=RUN_RECORD)


async def test_its_row_appears_when_it_starts_with_what_the_definition_was_then(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, RUN)
    found = world.row(RUN_UID)
    assert found is not None
    assert {name: found[name] for name in ("job_definition_id", "name", "status", "create_time", "start_time")} == {
        "job_definition_id": DEFINITION,
        "name": "numbers",
        "status": "IN_PROGRESS",
        "create_time": START,
        "start_time": START,
    }
    assert (json.loads(found["parameters"]), json.loads(found["tags"])) == ({"n": "3"}, ["a"])


async def test_its_row_is_the_same_from_the_workflow_and_from_its_outcome_file(world: World) -> None:
    world.leave(OUTCOME_OF_RUN)
    async with world.projector() as projector:
        await see(projector, RUN, ENDED)
        seen = world.rows()
        for table in ("jobs", "nbargo_projected"):
            world.sql(f"DELETE FROM {table}")  # noqa: S608 - our own names
        await projector.sweep()
    assert world.rows() == seen
    assert world.status(RUN_UID) == "COMPLETED"


async def test_one_that_came_and_went_while_nobody_watched_gets_its_row_once(world: World) -> None:
    world.leave(OUTCOME_OF_RUN)
    async with world.projector() as projector:
        await projector.sweep()
        before = world.rows()
        await projector.sweep()
        await delete(projector, ENDED, "40")
    assert world.rows() == before
    assert len(before) == 1
    assert before[0]["output_formats"] == '["ipynb", "html"]'
    assert file_name("numbers-{time}.ipynb", created_ms=START) == RUN_RECORD.output_files["ipynb"]


async def test_one_that_a_user_deleted_stays_deleted(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, RUN)
        world.sql("DELETE FROM jobs")
        world.leave(OUTCOME_OF_RUN)
        await see(projector, ENDED)
        await projector.sweep()
    assert world.rows() == []


async def test_one_that_was_killed_while_nobody_watched_says_so(world: World) -> None:
    world.leave(replace(OUTCOME_OF_RUN, state=State.INTERRUPTED))
    async with world.projector() as projector:
        await projector.sweep()
    assert world.status(RUN_UID) == "FAILED"


async def test_a_copy_by_argo_resubmit_is_a_run_of_its_own(world: World) -> None:
    copy = replace(RUN, uid=OTHER, job_id=OTHER, name="copy", resubmitted=True, resource_version="50")
    async with world.projector() as projector:
        await see(projector, RUN, copy)
    assert {found["job_id"] for found in world.rows()} == {RUN_UID, OTHER}


@pytest.mark.parametrize(
    "bad",
    [
        replace(RUN, job_json=RUN_RECORD.to_json()),
        replace(RUN, job_json=None),
        replace(RUN, definition_id=OTHER),
        replace(RUN, uid="no id", job_id="no id"),
    ],
)
async def test_a_template_that_is_not_valid_is_set_aside(world: World, bad: Observed) -> None:
    async with world.projector() as projector:
        await see(projector, bad)
    assert world.rows() == []
    assert len(world.quarantined) == 1


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"nbargo/definition-id": DEFINITION}, (RUN_UID, DEFINITION, True)),
        ({"nbargo/definition-id": DEFINITION, "nbargo/job-id": OTHER}, (OTHER, DEFINITION, False)),
        ({"nbargo/job-id": OTHER}, (OTHER, "", False)),
        ({}, ("", "", False)),
    ],
)
def test_what_it_is_follows_from_its_labels(tags: dict[str, str], expected: tuple[str, str, bool]) -> None:
    item = {"kind": "Workflow", "metadata": {"name": "a", "uid": RUN_UID, "resourceVersion": "1", "labels": tags}}
    found = Decoder(kind="Workflow", namespace="argo").object(json.dumps(item).encode())
    assert isinstance(found, Observed)
    assert (found.job_id, found.definition_id, found.scheduled) == expected
