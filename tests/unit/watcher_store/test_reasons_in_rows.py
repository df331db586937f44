"""The rows of jobs that wait and that failed, by what Argo leaves in their Workflows."""

import json
from dataclasses import replace
from typing import Any, Final

import pytest

from nbargo_watcher.decode import Decoder
from nbargo_watcher.model import Observed
from nbargo_watcher.wire import Seen
from unit.watcher_store.said import LOCK, NO_NODE, NO_ROOM, WAITING
from unit.watcher_store.world import FAILURE, JOB, OBJECT, RECORD, RUNNING, UID, World, see


def pod(phase: str, message: str = "", *, attempt: int | None = None, second: int = 0) -> dict[str, Any]:
    """Return a node of `status.nodes`, of a job without retries or of one of its attempts."""
    name = f"nb-{JOB}" if attempt is None else f"nb-{JOB}({attempt})"
    return {
        "id": name,
        "name": name,
        "type": "Pod",
        "phase": phase,
        "message": message,
        "startedAt": f"2026-01-01T00:00:{second:02}Z",
        "finishedAt": None,
    }


def retries(phase: str, message: str = "") -> dict[str, Any]:
    return pod(phase, message) | {"type": "Retry"}


def workflow(phase: str, *nodes: Any, message: str = "", version: int = 20, memory: Any = "4Gi") -> dict[str, Any]:
    """Return a Workflow as the API server sends it."""
    return {
        "metadata": {
            "name": OBJECT.name,
            "namespace": "argo",
            "uid": UID,
            "resourceVersion": str(version),
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"nbargo/user": "ada", "nbargo/job-id": JOB},
            "annotations": {"nbargo/job": RECORD.to_json()},
        },
        "spec": {
            "templates": [{"name": "main", "script": {"image": "x", "resources": {"limits": {"memory": memory}}}}]
        },
        "status": {
            "phase": phase,
            "message": message,
            "startedAt": "2026-01-01T00:00:01Z",
            "finishedAt": "2026-01-01T00:01:00Z" if phase == "Failed" else None,
            "nodes": {f"n{number}": node for number, node in enumerate(nodes)},
        },
    }


DECODER: Final = Decoder(kind="Workflow", namespace="argo")


def seen(body: dict[str, Any]) -> Observed:
    """Return what is read of a Workflow in a watch; a list and a get must read the same."""
    text = json.dumps(body)
    line = DECODER.line(f'{{"type": "MODIFIED", "object": {text}}}'.encode())
    assert isinstance(line, Seen)
    event = DECODER.event(line)
    listed = DECODER.page(f'{{"metadata": {{"resourceVersion": "1"}}, "items": [{text}]}}'.encode())
    assert [event.observed] == listed.objects
    assert DECODER.object(text.encode()) == event.observed
    return event.observed


async def message(world: World, *bodies: dict[str, Any]) -> tuple[str, str | None]:
    """Return status and message of the row after these, each with a newer version than the one before."""
    async with world.projector() as projector:
        for number, body in enumerate(bodies):
            await see(projector, replace(seen(body), resource_version=str(20 + number)))
    row = world.row()
    assert row is not None
    return row["status"], row["status_message"]


async def test_a_pod_that_cannot_start_is_told_while_its_workflow_runs(world: World) -> None:
    found = await message(world, workflow("Running", pod("Pending", NO_ROOM)))
    assert found == ("IN_PROGRESS", WAITING[NO_ROOM])


async def test_what_a_job_waited_for_is_gone_when_its_pod_runs(world: World) -> None:
    waiting = workflow("Running", pod("Pending", 'ImagePullBackOff: Back-off pulling image "x"'))
    assert await message(world, waiting, workflow("Running", pod("Running"))) == ("IN_PROGRESS", None)


async def test_a_pod_that_is_being_made_is_not_told(world: World) -> None:
    found = await message(world, workflow("Running", pod("Pending", "PodInitializing")))
    assert found == ("IN_PROGRESS", None)


async def test_the_pod_of_a_second_attempt_is_told_as_the_first(world: World) -> None:
    nodes = [retries("Running"), pod("Failed", "pod deleted", attempt=0), pod("Pending", NO_NODE, attempt=1)]
    assert await message(world, workflow("Running", *nodes)) == ("IN_PROGRESS", WAITING[NO_NODE])


async def test_a_pod_that_waits_beside_one_that_runs_is_not_told(world: World) -> None:
    nodes = [pod("Pending", NO_NODE, attempt=0), pod("Running", attempt=1)]
    assert await message(world, workflow("Running", *nodes)) == ("IN_PROGRESS", None)


async def test_a_job_that_waits_for_a_place_is_queued_and_says_so(world: World) -> None:
    found = await message(world, workflow("Pending", message=LOCK))
    assert found == ("QUEUED", "Waiting for a free place: 2 of your runs may run at a time")
    assert await message(world, workflow("Pending", message=LOCK), workflow("Running")) == ("IN_PROGRESS", None)


async def test_a_job_that_is_stopped_while_it_waits_says_nothing_more(world: World) -> None:
    body = workflow("Running", pod("Pending", NO_ROOM))
    body["spec"]["shutdown"] = "Terminate"
    assert await message(world, body) == ("STOPPING", None)


async def test_a_stop_by_the_user_is_not_overwritten_by_what_a_job_waits_for(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING)
        world.sql("UPDATE jobs SET status = 'STOPPED'")
        await see(projector, replace(RUNNING, message=NO_ROOM, resource_version="25"))
    row = world.row()
    assert row is not None
    assert (row["status"], row["status_message"]) == ("STOPPED", None)


async def test_what_is_told_already_is_not_written_again(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, seen(workflow("Running", pod("Pending", NO_ROOM))))
        written = len(world.changes)
        await see(projector, seen(workflow("Running", pod("Pending", NO_ROOM), version=21)))
    assert (written, len(world.changes)) == (1, 1)


async def test_an_end_for_want_of_memory_names_the_limit(world: World) -> None:
    found = await message(world, workflow("Failed", message="main: OOMKilled (exit code 137)", memory="512Mi"))
    assert found == (
        "FAILED",
        (
            "The job used more memory than its limit of 512Mi: choose a larger size, or use less at a time "
            "[main: OOMKilled (exit code 137), limits.memory=512Mi]"
        ),
    )


@pytest.mark.parametrize("end", ["No more retries left", "retryStrategy.expression evaluated to false"])
async def test_a_job_with_retries_tells_what_ended_its_last_attempt(world: World, end: str) -> None:
    nodes = [
        pod("Failed", "main: OOMKilled (exit code 137)", attempt=10, second=4),
        pod("Failed", "pod deleted", attempt=9, second=4),
        retries("Failed", end),
    ]
    found = await message(world, workflow("Failed", *nodes, message=end))
    assert found == (
        "FAILED",
        (
            "The job used more memory than its limit of 4Gi: choose a larger size, or use less at a time "
            f"[{end}: main: OOMKilled (exit code 137), limits.memory=4Gi]"
        ),
    )


async def test_the_notebooks_own_error_comes_before_any_other_reason(world: World) -> None:
    world.leave(replace(FAILURE, started_at=1_767_225_601_000, ended_at=1_767_225_650_000))
    found = await message(world, workflow("Failed", message="main: Error (exit code 137)"))
    assert found == ("FAILED", "ZeroDivisionError: division (cell 3)")


@pytest.mark.parametrize(
    "nodes",
    [None, [], "x", 7, {"n": None}, {"n": {"type": 1}}, {"n": {"type": "Pod", "phase": "Pending", "message": {}}}],
)
async def test_nodes_in_another_form_tell_nothing(world: World, nodes: Any) -> None:
    body = workflow("Running")
    body["status"]["nodes"] = nodes
    assert await message(world, body) == ("IN_PROGRESS", None)
    ended = workflow("Failed", message="No more retries left", version=30)
    ended["status"]["nodes"] = nodes
    assert seen(ended).message == "No more retries left"


@pytest.mark.parametrize("templates", [None, {}, "x", [1], [{"script": []}], [{"script": {"resources": {}}}], []])
async def test_templates_in_another_form_tell_no_limit(templates: Any) -> None:
    body = workflow("Failed", message="main: OOMKilled (exit code 137)")
    body["spec"]["templates"] = templates
    assert seen(body).message == "main: OOMKilled (exit code 137)"


def test_a_limit_that_is_a_number_is_told() -> None:
    body = workflow("Failed", message="main: OOMKilled (exit code 137)", memory=2_000_000_000)
    assert seen(body).message.endswith("limits.memory=2000000000")


def test_nodes_that_no_job_has_are_not_looked_into() -> None:
    many = [pod("Pending", NO_ROOM), *[pod("Succeeded", "x" * 1000) for _ in range(300)]]
    assert seen(workflow("Running", *many)).message == ""
