from pathlib import Path

import pytest

from support.controller_bench import Bench, shell, waiting

HANDLER = shell("echo '{{workflow.status}}'; echo '{{workflow.failures}}'", name="bye")


@pytest.mark.parametrize(("command", "phase"), [("true", "Succeeded"), ("exit 2", "Failed")])
async def test_the_exit_handler_runs_after_the_end_and_knows_it(bench: Bench, command: str, phase: str) -> None:
    bench.submit(shell(command), HANDLER, onExit="bye")
    workflow = await bench.ended()
    assert workflow["status"]["phase"] == phase
    handler = next(node for node in workflow["status"]["nodes"].values() if node["name"] == "wf.onExit")
    assert (handler["type"], handler["phase"], handler["nodeFlag"]) == ("Pod", "Succeeded", {"hooked": True})
    log = bench.log(handler["id"])
    assert log.startswith(phase)
    assert ("exit code 2" in log) == (phase == "Failed")


async def test_a_failed_exit_handler_fails_a_workflow_that_succeeded(bench: Bench) -> None:
    bench.submit(shell("true"), shell("exit 5", name="bye"), onExit="bye")
    status = (await bench.ended())["status"]
    assert (status["phase"], status["message"]) == ("Failed", "main: Error (exit code 5)")


async def test_stop_runs_the_exit_handler(bench: Bench, tmp_path: Path) -> None:
    bench.submit(waiting(tmp_path / "never"), shell(f"touch {tmp_path}/bye", name="bye"), onExit="bye")
    await bench.node("Running")
    bench.patch({"spec": {"shutdown": "Stop"}})
    status = (await bench.ended())["status"]
    assert status["message"] == "Stopped with strategy 'Stop'"
    assert (tmp_path / "bye").exists()


async def test_terminate_does_not(bench: Bench, tmp_path: Path) -> None:
    bench.submit(waiting(tmp_path / "never"), shell(f"touch {tmp_path}/bye", name="bye"), onExit="bye")
    await bench.node("Running")
    bench.patch({"spec": {"shutdown": "Terminate"}})
    await bench.ended()
    assert not (tmp_path / "bye").exists()


async def test_the_deadline_spares_the_exit_handler(bench: Bench, tmp_path: Path) -> None:
    bench.submit(
        waiting(tmp_path / "never"),
        waiting(tmp_path / "go", name="bye"),
        onExit="bye",
        activeDeadlineSeconds=10,
    )
    await bench.node("Running")
    await bench.advance(10)
    await bench.node("Running", "wf.onExit")
    await bench.advance(100)
    (tmp_path / "go").touch()
    workflow = await bench.ended()
    assert workflow["status"]["message"] == "Step exceeded its deadline"
    assert workflow["status"]["progress"] == "1/2"
