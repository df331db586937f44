from pathlib import Path

import pytest

from support.controller_bench import Bench, eventually, shell, waiting


async def test_the_workflows_deadline_fails_it(bench: Bench, tmp_path: Path) -> None:
    bench.submit(waiting(tmp_path / "never"), activeDeadlineSeconds=60)
    await bench.node("Running")
    await bench.advance(59)
    assert bench.get()["status"]["phase"] == "Running"
    await bench.advance(1)
    status = (await bench.ended())["status"]
    assert (status["phase"], status["message"]) == ("Failed", "Step exceeded its deadline")
    assert status["nodes"]["wf"]["message"] == "Step exceeded its deadline"


async def test_the_templates_deadline_fails_the_pod(bench: Bench, tmp_path: Path) -> None:
    bench.submit(waiting(tmp_path / "never", activeDeadlineSeconds=30))
    await bench.node("Running")
    await bench.advance(30)
    status = (await bench.ended())["status"]
    message = "Pod was active on the node longer than the specified deadline"
    assert (status["phase"], status["message"]) == ("Failed", message)


@pytest.mark.parametrize("value", ["15", "{{workflow.parameters.seconds}}"])
async def test_the_templates_deadline_may_be_a_string(bench: Bench, tmp_path: Path, value: str) -> None:
    arguments = {"parameters": [{"name": "seconds", "value": "15"}]}
    bench.submit(waiting(tmp_path / "never", activeDeadlineSeconds=value), arguments=arguments)
    await bench.node("Running")
    await bench.advance(15)
    assert (await bench.ended())["status"]["message"].startswith("Pod was active")


async def test_the_deadline_is_counted_from_the_workflows_start(bench: Bench, tmp_path: Path) -> None:
    steps = {"name": "main", "steps": [[{"name": "a", "template": "a"}], [{"name": "b", "template": "b"}]]}
    bench.submit(
        steps,
        waiting(tmp_path / "go", name="a"),
        waiting(tmp_path / "never", name="b"),
        activeDeadlineSeconds=60,
    )
    await bench.node("Running", "a")
    await bench.advance(40)
    (tmp_path / "go").touch()
    await bench.node("Running", "b")
    await bench.advance(20)
    assert (await bench.ended())["status"]["phase"] == "Failed"


async def test_a_deadline_added_later_holds(bench: Bench, tmp_path: Path) -> None:
    bench.submit(waiting(tmp_path / "never"))
    await bench.node("Running")
    await bench.advance(100)
    bench.patch({"spec": {"activeDeadlineSeconds": 60}})
    assert (await bench.ended())["status"]["message"] == "Step exceeded its deadline"


async def test_the_workflow_ends_only_when_its_process_has(bench: Bench) -> None:
    text = "trap 'echo asked; until [ -e $GO ]; do sleep 0.01; done; exit' TERM; echo up; while :; do sleep 0.01; done"
    template = shell(text)
    go = bench.workdir / "go"
    template["container"]["env"] = [{"name": "GO", "value": str(go)}]
    bench.submit(template, activeDeadlineSeconds=10)
    await bench.node("Running")
    await eventually(lambda: "up" in bench.log())
    await bench.advance(10)
    await eventually(lambda: "asked" in bench.log())
    workflow = bench.get()
    assert workflow["status"]["nodes"]["wf"]["phase"] == "Failed"
    assert workflow["status"]["phase"] == "Running"
    go.touch()
    assert (await bench.ended())["status"]["phase"] == "Failed"
