from pathlib import Path

from nbargo_local.api.store import WORKFLOWS
from support.controller_bench import Bench, Object, node_named, phase_of, shell, waiting


def pausing(**suspend: str) -> list[Object]:
    main = {"name": "main", "steps": [[{"name": "pause", "template": "pause"}], [{"name": "go", "template": "go"}]]}
    return [main, {"name": "pause", "suspend": suspend}, shell("true", name="go")]


async def test_a_suspended_workflow_is_running_and_runs_nothing(bench: Bench) -> None:
    bench.submit(shell("true"), suspend=True)
    await bench.quiet()
    status = bench.get()["status"]
    assert status["phase"] == "Running"
    assert "nodes" not in status
    bench.patch({"spec": {"suspend": None}})
    assert phase_of(await bench.ended()) == "Succeeded"


async def test_a_workflow_that_is_suspended_while_it_runs_does_not_end(bench: Bench, tmp_path: Path) -> None:
    bench.submit(waiting(tmp_path / "go"))
    await bench.node("Running")
    bench.patch({"spec": {"suspend": True}})
    (tmp_path / "go").touch()
    await bench.node("Succeeded")
    await bench.quiet()
    assert phase_of(bench.get()) == "Running"
    bench.patch({"spec": {"suspend": False}})
    assert phase_of(await bench.ended()) == "Succeeded"


async def test_a_shutdown_of_a_suspended_workflow_waits_for_its_resumption(bench: Bench) -> None:
    bench.submit(shell("true"), suspend=True)
    await bench.quiet()
    bench.patch({"spec": {"shutdown": "Stop"}})
    await bench.quiet()
    assert phase_of(bench.get()) == "Running"


async def test_a_suspend_template_with_a_duration_goes_on_by_itself(bench: Bench) -> None:
    bench.submit(*pausing(duration="1m"))
    workflow = await bench.node("Running", "pause")
    assert node_named(workflow, "pause")["type"] == "Suspend"
    await bench.advance(59)
    assert node_named(bench.get(), "pause")["phase"] == "Running"
    await bench.advance(1)
    workflow = await bench.ended()
    assert (phase_of(workflow), workflow["status"]["progress"]) == ("Succeeded", "2/2")


async def test_argo_resume_lets_a_suspend_template_go_on(bench: Bench) -> None:
    bench.submit(*pausing())
    workflow = await bench.node("Running", "pause")
    node = node_named(workflow, "pause")["id"]
    ended = {"phase": "Succeeded", "finishedAt": "2026-11-23T08:00:00Z"}
    bench.patch({"status": {"nodes": {node: ended}}})
    assert phase_of(await bench.ended()) == "Succeeded"


async def test_stop_ends_a_suspend_template(bench: Bench) -> None:
    bench.submit(*pausing())
    await bench.node("Running", "pause")
    bench.patch({"spec": {"shutdown": "Stop"}})
    workflow = await bench.ended()
    assert workflow["status"]["message"] == "Stopped with strategy 'Stop'"
    assert node_named(workflow, "pause")["message"] == "Stopped with strategy 'Stop'"


async def test_the_deadline_ends_a_suspend_template(bench: Bench) -> None:
    bench.submit(*pausing(), activeDeadlineSeconds=30)
    await bench.node("Running", "pause")
    await bench.advance(30)
    assert node_named(await bench.ended(), "pause")["message"] == "Step exceeded its deadline"


async def test_a_suspended_workflow_can_be_deleted(bench: Bench) -> None:
    bench.submit(*pausing(duration="1h"))
    await bench.node("Running", "pause")
    bench.store.delete(WORKFLOWS, "default", "wf")
    await bench.advance(3600)
    assert bench.store.get(WORKFLOWS, "default", "wf") is None
