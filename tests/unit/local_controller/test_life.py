from pathlib import Path

import pytest

from nbargo_local.api.store import WORKFLOWS
from nbargo_local.controller.names import COMPLETED_LABEL, PHASE_LABEL
from support.controller_bench import Bench, Object, container, eventually, phase_of, shell, waiting

CRASHING = (
    ("exit 1", "main: Error (exit code 1)", "1"),
    ("exit 42", "main: Error (exit code 42)", "42"),
    ("kill -9 $$$$", "main: Error (exit code 137)", "137"),
)


async def test_a_workflow_goes_from_no_phase_to_running_to_succeeded(bench: Bench) -> None:
    with bench.store.subscribe() as events:
        bench.submit(shell("true"))
        await bench.ended()
        phases = [phase_of((await events.get()).object) for _ in range(len(events))]
    assert list(dict.fromkeys(phases)) == ["", "Running", "Succeeded"]


async def test_phase_and_labels_are_written_in_one_update(bench: Bench) -> None:
    with bench.store.subscribe() as events:
        bench.submit(shell("false"))
        await bench.ended()
        seen = [(await events.get()).object for _ in range(len(events))]
    for workflow in seen[1:]:
        labels, phase = workflow["metadata"]["labels"], phase_of(workflow)
        assert labels[PHASE_LABEL] == phase
        assert labels[COMPLETED_LABEL] == ("true" if phase == "Failed" else "false")
        assert (workflow["status"]["finishedAt"] is not None) == (phase == "Failed")


async def test_the_phase_is_running_at_once_while_the_pod_is_pending(bench: Bench) -> None:
    with bench.store.subscribe() as events:
        bench.submit(shell("true"))
        await bench.ended()
        await events.get()
        first = (await events.get()).object
    assert phase_of(first) == "Running"
    assert first["status"]["nodes"]["wf"]["phase"] == "Pending"
    assert first["status"]["progress"] == "0/1"


async def test_a_success_has_times_progress_conditions_and_no_message(bench: Bench) -> None:
    bench.submit(shell("true"))
    status = (await bench.ended())["status"]
    assert status["startedAt"] == status["finishedAt"] == "2026-11-23T08:00:00Z"
    assert status["progress"] == "1/1"
    assert "message" not in status
    assert {"type": "Completed", "status": "True"} in status["conditions"]
    assert {"type": "PodRunning", "status": "False"} in status["conditions"]


async def test_times_are_whole_seconds_of_the_clock(bench: Bench) -> None:
    bench.clock.advance(0.75)
    bench.submit(shell("read never < /dev/zero; sleep 1000"))
    await bench.node("Running")
    await bench.advance(90.5)
    bench.patch({"spec": {"shutdown": "Terminate"}})
    status = (await bench.ended())["status"]
    assert (status["startedAt"], status["finishedAt"]) == ("2026-11-23T08:00:00Z", "2026-11-23T08:01:31Z")


@pytest.mark.parametrize(("command", "message", "code"), CRASHING)
async def test_a_failed_pod_gives_the_workflow_its_message(bench: Bench, command: str, message: str, code: str) -> None:
    bench.submit(shell(command))
    status = (await bench.ended())["status"]
    assert (status["phase"], status["message"], status["progress"]) == ("Failed", message, "0/1")
    assert status["nodes"]["wf"]["outputs"]["exitCode"] == code
    assert status["nodes"]["wf"]["message"] == message


async def test_a_program_that_is_not_there_fails_the_pod_as_argos_executor_does(bench: Bench) -> None:
    bench.submit(container("no-such-program"))
    status = (await bench.ended())["status"]
    reason = 'failed to find name in PATH: exec: "no-such-program": executable file not found in $PATH'
    assert (status["phase"], status["message"]) == ("Failed", f"main: Error (exit code 64): {reason}")


async def test_a_single_pod_is_a_node_named_like_the_workflow(bench: Bench) -> None:
    bench.submit(shell("true", name="job"))
    nodes = (await bench.ended())["status"]["nodes"]
    assert list(nodes) == ["wf"]
    expected = {"id": "wf", "name": "wf", "displayName": "wf", "type": "Pod", "templateName": "job"}
    assert expected.items() <= nodes["wf"].items()
    assert nodes["wf"]["templateScope"] == "local/wf"


async def test_declared_metadata_is_on_the_workflow_from_its_start(bench: Bench) -> None:
    declared = {"labels": {"team": "a"}, "annotations": {"note": "b"}}
    bench.submit(shell("true"), labels={"own": "c"}, workflowMetadata=declared)
    metadata = (await bench.ended())["metadata"]
    assert metadata["labels"]["team"] == "a"
    assert metadata["labels"]["own"] == "c"
    assert metadata["annotations"]["note"] == "b"


async def test_annotations_keep_their_braces(bench: Bench) -> None:
    text = '{"a": "{{workflow.name}}", "b": "{{"}'
    workflow = bench.submit(shell("true"))
    bench.patch({"metadata": {"annotations": {"nbargo/job": text}}}, workflow["metadata"]["name"])
    assert (await bench.ended())["metadata"]["annotations"]["nbargo/job"] == text


async def test_what_others_write_meanwhile_is_kept(bench: Bench, tmp_path: Path) -> None:
    bench.submit(waiting(tmp_path / "go"))
    await bench.node("Running")
    bench.patch({"metadata": {"labels": {"late": "yes"}}})
    (tmp_path / "go").touch()
    workflow = await bench.ended()
    assert workflow["metadata"]["labels"]["late"] == "yes"
    assert phase_of(workflow) == "Succeeded"


async def test_a_workflow_of_another_controller_is_left_alone(bench: Bench) -> None:
    bench.submit(shell("true"), labels={"workflows.argoproj.io/controller-instanceid": "other"})
    await bench.quiet()
    assert "status" not in bench.get()


async def test_a_completed_workflow_is_not_written_again(bench: Bench) -> None:
    bench.submit(shell("true"))
    ended = await bench.ended()
    bench.patch({"metadata": {"labels": {"mine": "yes"}}})
    await bench.quiet()
    assert bench.get()["status"] == ended["status"]
    assert int(bench.get()["metadata"]["resourceVersion"]) == int(ended["metadata"]["resourceVersion"]) + 1


async def test_deleting_a_running_workflow_ends_its_process(bench: Bench) -> None:
    bench.submit(shell("trap 'echo ended; exit' TERM; echo ready; while :; do sleep 0.01; done"))
    await bench.node("Running")
    await eventually(lambda: "ready" in bench.log())
    bench.store.delete(WORKFLOWS, "default", "wf")
    await eventually(lambda: "ended" in bench.log())


async def test_a_broken_object_ends_in_error_and_the_next_one_runs(bench: Bench) -> None:
    broken: Object = {"name": "main", "container": ["not", "an", "object"]}
    bench.submit(broken, name="broken")
    bench.submit(shell("true"), name="sound")
    assert phase_of(await bench.ended("broken")) == "Error"
    assert phase_of(await bench.ended("sound")) == "Succeeded"
