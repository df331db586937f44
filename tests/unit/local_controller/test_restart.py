import asyncio
import os
import signal
import sys
from pathlib import Path

from nbargo_local.api.store import WORKFLOWS
from nbargo_local.controller.processes import MARK, marked
from support.controller_bench import Bench, Object, alive, eventually, node_named, phase_of, shell, waiting


def retried(bench: Bench, *, phase: str, nodes: Object) -> None:
    """Do to a finished workflow what `argo retry` does."""
    bench.patch(
        {
            "metadata": {"labels": {"workflows.argoproj.io/completed": None}},
            "spec": {"shutdown": None},
            "status": {
                "phase": phase,
                "message": None,
                "startedAt": "2026-11-23T09:00:00Z" if phase else None,
                "finishedAt": None,
                "nodes": nodes,
            },
        }
    )


async def test_a_pod_that_is_gone_after_a_restart_is_an_error(idle_bench: Bench, tmp_path: Path) -> None:
    async with idle_bench.controller():
        idle_bench.submit(waiting(tmp_path / "never"))
        await idle_bench.node("Running")
    assert phase_of(idle_bench.get()) == "Running"
    async with idle_bench.controller():
        status = (await idle_bench.ended())["status"]
    assert (status["phase"], status["message"]) == ("Error", "pod deleted")


async def test_a_lost_pod_is_retried_if_errors_are(idle_bench: Bench, tmp_path: Path) -> None:
    strategy = {"limit": 1, "retryPolicy": "OnError"}
    text = f"[ -e {tmp_path}/again ] || {{ touch {tmp_path}/again; sleep 1000; }}"
    async with idle_bench.controller():
        idle_bench.submit(shell(text, retryStrategy=strategy))
        await idle_bench.node("Running", "wf(0)")
        await eventually((tmp_path / "again").exists)
    async with idle_bench.controller():
        workflow = await idle_bench.ended()
    assert phase_of(workflow) == "Succeeded"
    assert node_named(workflow, "wf(0)")["message"] == "pod deleted"


async def test_a_pending_pod_starts_after_a_restart(idle_bench: Bench, tmp_path: Path) -> None:
    async with idle_bench.controller(places=1):
        idle_bench.submit(waiting(tmp_path / "never"), name="first")
        await idle_bench.node("Running", "first", name="first")
        idle_bench.submit(shell("true"), name="second")
        await idle_bench.node("Pending", "second", name="second")
    async with idle_bench.controller():
        assert phase_of(await idle_bench.ended("second")) == "Succeeded"


async def test_a_workflow_submitted_while_the_controller_was_off_runs(idle_bench: Bench) -> None:
    idle_bench.submit(shell("true"))
    async with idle_bench.controller():
        assert phase_of(await idle_bench.ended()) == "Succeeded"


async def test_a_deadline_that_passed_while_the_controller_was_off_holds(idle_bench: Bench) -> None:
    async with idle_bench.controller(places=1):
        idle_bench.submit({"name": "main", "suspend": {}}, activeDeadlineSeconds=10)
        await idle_bench.node("Running")
    idle_bench.clock.advance(60)
    async with idle_bench.controller():
        assert (await idle_bench.ended())["status"]["message"] == "Step exceeded its deadline"


async def test_processes_of_a_controller_that_was_killed_are_ended_by_the_next_one(idle_bench: Bench) -> None:
    mark = f"{idle_bench.workdir.resolve()}:left"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import time; time.sleep(1000)", env={**os.environ, MARK: mark}, start_new_session=True
    )
    try:
        await eventually(lambda: process.pid in marked(mark))
        async with idle_bench.controller():
            assert await process.wait() == -signal.SIGKILL
    finally:
        if process.returncode is None:
            process.kill()


async def test_argo_retry_runs_a_failed_workflow_again(bench: Bench, tmp_path: Path) -> None:
    for phase, again in (("", "one"), ("Running", "two")):
        path = tmp_path / again
        bench.submit(shell(f"[ -e {path} ]"), name=again)
        assert phase_of(await bench.ended(again)) == "Failed"
        path.touch()
        bench.clock.advance(3600)
        bench.patch({"status": {"nodes": {again: None}}}, again)
        bench.patch(
            {
                "metadata": {"labels": {"workflows.argoproj.io/completed": None}},
                "status": {"phase": phase, "message": None, "startedAt": None, "finishedAt": None},
            },
            again,
        )
        workflow = await bench.ended(again)
        assert phase_of(workflow) == "Succeeded"
        assert workflow["metadata"]["labels"]["workflows.argoproj.io/completed"] == "true"
        assert workflow["metadata"]["labels"]["workflows.argoproj.io/phase"] == "Succeeded"
        assert workflow["status"]["startedAt"] == bench.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_argo_retry_keeps_the_steps_that_succeeded(bench: Bench, tmp_path: Path) -> None:
    main = {"name": "main", "steps": [[{"name": "a", "template": "a"}], [{"name": "b", "template": "b"}]]}
    ran = tmp_path / "ran"
    bench.submit(main, shell(f"echo a >> {ran}", name="a"), shell(f"[ -e {tmp_path}/go ]", name="b"))
    workflow = await bench.ended()
    assert phase_of(workflow) == "Failed"
    (tmp_path / "go").touch()
    nodes: Object = {node_named(workflow, "b")["id"]: None}
    nodes |= {
        node_named(workflow, name)["id"]: {"phase": "Running", "message": None, "finishedAt": None}
        for name in ("wf", "[1]")
    }
    retried(bench, phase="Running", nodes=nodes)
    assert phase_of(await bench.ended()) == "Succeeded"
    assert ran.read_text() == "a\n"


async def test_a_workflow_of_the_same_name_is_another_one(bench: Bench, tmp_path: Path) -> None:
    bench.submit(waiting(tmp_path / "never"))
    await bench.node("Running")
    bench.store.delete(WORKFLOWS, "default", "wf")
    bench.submit(shell("true"))
    assert phase_of(await bench.ended()) == "Succeeded"


async def test_cancelling_the_run_ends_its_processes(idle_bench: Bench) -> None:
    idle_bench.submit(shell("echo $$$$; exec sleep 1000"))
    running = asyncio.create_task(idle_bench.controller().run())
    await idle_bench.node("Running")
    await eventually(lambda: "\n" in idle_bench.log())
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    assert not alive(int(idle_bench.log()))
