from pathlib import Path
from typing import Any

from support.controller_bench import Bench, Object, phase_of, shell, waiting


def fan_out(leaf: Object, count: int, **fields: Any) -> list[Object]:
    group = [{"name": f"s{number}", "template": leaf["name"]} for number in range(count)]
    return [{"name": "main", "steps": [group], **fields}, leaf]


def in_phase(bench: Bench, phase: str) -> int:
    nodes = bench.get().get("status", {}).get("nodes", {}).values()
    return sum(node["type"] == "Pod" and node["phase"] == phase for node in nodes)


async def test_more_pods_than_places_are_pending(idle_bench: Bench, tmp_path: Path) -> None:
    async with idle_bench.controller(places=2):
        idle_bench.submit(*fan_out(waiting(tmp_path / "go", name="leaf"), 5))
        await idle_bench.until(lambda _: in_phase(idle_bench, "Running") == 2)
        await idle_bench.quiet()
        pods = [node for node in idle_bench.get()["status"]["nodes"].values() if node["type"] == "Pod"]
        assert [pod["phase"] for pod in pods] == ["Running"] * 2 + ["Pending"] * 3
        assert pods[-1]["message"] == "Unschedulable: 0/1 nodes are available: 1 Too many pods."
        (tmp_path / "go").touch()
        workflow = await idle_bench.ended()
    assert phase_of(workflow) == "Succeeded"
    assert workflow["status"]["progress"] == "5/5"
    assert all("message" not in node for node in workflow["status"]["nodes"].values())


async def test_the_workflows_parallelism_limits_its_pods(bench: Bench, tmp_path: Path) -> None:
    bench.submit(*fan_out(waiting(tmp_path / "go", name="leaf"), 4), parallelism=2)
    await bench.until(lambda _: in_phase(bench, "Running") == 2)
    await bench.quiet()
    assert in_phase(bench, "Pending") == 0
    (tmp_path / "go").touch()
    workflow = await bench.ended()
    assert (phase_of(workflow), workflow["status"]["progress"]) == ("Succeeded", "4/4")


async def test_a_templates_parallelism_limits_its_steps(bench: Bench, tmp_path: Path) -> None:
    bench.submit(*fan_out(waiting(tmp_path / "go", name="leaf"), 3, parallelism=1))
    await bench.until(lambda _: in_phase(bench, "Running") == 1)
    await bench.quiet()
    assert sum(node["type"] == "Pod" for node in bench.get()["status"]["nodes"].values()) == 1
    (tmp_path / "go").touch()
    assert phase_of(await bench.ended()) == "Succeeded"


async def test_fail_fast_starts_nothing_more_after_a_failure(bench: Bench) -> None:
    bench.submit(*fan_out(shell("exit 1", name="leaf"), 3, parallelism=1, failFast=True))
    status = (await bench.ended())["status"]
    assert status["phase"] == "Failed"
    assert status["message"] == "template has failed or errored children and failFast enabled"
    assert sum(node["type"] == "Pod" for node in status["nodes"].values()) == 1
