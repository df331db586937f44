from pathlib import Path

import psutil
import pytest

from support.controller_bench import Bench, alive, container, eventually, node_named, shell, waiting

KERNEL = """
import subprocess, sys, time
kernel = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], start_new_session=True)
print(kernel.pid, flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("strategy", ["Stop", "Terminate"])
async def test_a_shutdown_fails_the_workflow_and_says_so(bench: Bench, tmp_path: Path, strategy: str) -> None:
    bench.submit(waiting(tmp_path / "never"))
    await bench.node("Running")
    bench.patch({"spec": {"shutdown": strategy}})
    status = (await bench.ended())["status"]
    assert (status["phase"], status["message"]) == ("Failed", f"Stopped with strategy '{strategy}'")
    assert status["nodes"]["wf"]["message"] == f"workflow shutdown with strategy:  {strategy}"
    assert status["nodes"]["wf"]["outputs"] == {"exitCode": "143"}


async def test_a_workflow_that_is_stopped_before_it_starts_runs_nothing(bench: Bench) -> None:
    bench.submit(shell("true"), shutdown="Stop")
    status = (await bench.ended())["status"]
    assert (status["phase"], status["message"]) == ("Failed", "Stopped with strategy 'Stop'")
    assert not (bench.workdir / "wf").exists()


async def test_a_process_that_ends_well_on_stop_is_a_stopped_workflow_all_the_same(bench: Bench) -> None:
    bench.submit(shell("trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done"))
    await bench.node("Running")
    await eventually(lambda: "up" in bench.log())
    bench.patch({"spec": {"shutdown": "Stop"}})
    status = (await bench.ended())["status"]
    assert (status["phase"], status["message"]) == ("Failed", "Stopped with strategy 'Stop'")


async def test_a_process_that_ignores_the_request_is_killed(idle_bench: Bench) -> None:
    async with idle_bench.controller(grace=0.05):
        idle_bench.submit(shell("trap '' TERM; echo $$$$; while :; do sleep 0.01; done"))
        await idle_bench.node("Running")
        await eventually(lambda: bool(idle_bench.log().strip()))
        idle_bench.patch({"spec": {"shutdown": "Stop"}})
        status = (await idle_bench.ended())["status"]
    assert status["nodes"]["wf"]["outputs"]["exitCode"] == "137"
    assert not alive(int(idle_bench.log()))


async def test_a_kernel_in_a_session_of_its_own_ends_with_its_notebook(bench: Bench) -> None:
    bench.submit(container("python", "-c", KERNEL))
    await bench.node("Running")
    await eventually(lambda: "\n" in bench.log())
    kernel = int(bench.log())
    assert alive(kernel)
    bench.patch({"spec": {"shutdown": "Stop"}})
    await bench.ended()
    assert not alive(kernel)


async def test_what_a_process_leaves_behind_ends_with_it(bench: Bench) -> None:
    bench.submit(shell("setsid sleep 1000 & echo $!"))
    await bench.ended()
    assert not alive(int(bench.log()))


async def test_a_pending_pod_is_not_started_any_more(idle_bench: Bench, tmp_path: Path) -> None:
    async with idle_bench.controller(places=1):
        idle_bench.submit(waiting(tmp_path / "go"), name="first")
        await idle_bench.node("Running", "first", name="first")
        idle_bench.submit(shell("true"), name="second")
        await idle_bench.node("Pending", "second", name="second")
        idle_bench.patch({"spec": {"shutdown": "Terminate"}}, "second")
        status = (await idle_bench.ended("second"))["status"]
    assert status["message"] == "Stopped with strategy 'Terminate'"
    assert not (idle_bench.workdir / "second").exists()


async def test_steps_after_the_stopped_one_do_not_run(bench: Bench, tmp_path: Path) -> None:
    main = {"name": "main", "steps": [[{"name": "a", "template": "a"}], [{"name": "b", "template": "b"}]]}
    bench.submit(main, waiting(tmp_path / "never", name="a"), shell("true", name="b"))
    await bench.node("Running", "a")
    bench.patch({"spec": {"shutdown": "Stop"}})
    workflow = await bench.ended()
    assert workflow["status"]["message"] == "Stopped with strategy 'Stop'"
    assert {node["displayName"] for node in workflow["status"]["nodes"].values()} == {"wf", "[0]", "a"}


async def test_a_dag_is_stopped_with_its_tasks(bench: Bench, tmp_path: Path) -> None:
    tasks = [{"name": "a", "template": "a"}, {"name": "b", "template": "b", "dependencies": ["a"]}]
    bench.submit(
        {"name": "main", "dag": {"tasks": tasks}}, waiting(tmp_path / "never", name="a"), shell("true", name="b")
    )
    await bench.node("Running", "a")
    bench.patch({"spec": {"shutdown": "Stop"}})
    workflow = await bench.ended()
    assert (workflow["status"]["phase"], workflow["status"]["message"]) == ("Failed", "Stopped with strategy 'Stop'")
    assert node_named(workflow, "a")["phase"] == "Failed"


async def test_leaving_the_controller_leaves_no_process(idle_bench: Bench) -> None:
    before = set(psutil.Process().children(recursive=True))  # of other tests in this process
    async with idle_bench.controller():
        idle_bench.submit(container("python", "-c", KERNEL), name="notebook")
        idle_bench.submit(shell("echo $$$$; exec sleep 1000"), name="shell")
        await idle_bench.node("Running", "notebook", name="notebook")
        await eventually(lambda: "\n" in idle_bench.log("notebook", "notebook"))
        await eventually(lambda: "\n" in idle_bench.log("shell", "shell"))
    for name in ("notebook", "shell"):
        assert not alive(int(idle_bench.log(name, name)))
    assert set(psutil.Process().children(recursive=True)) <= before
