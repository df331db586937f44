from pathlib import Path
from typing import Any

from nbargo_local.controller.names import fnv32a
from support.controller_bench import Bench, Object, node_named, shell, waiting


def step(name: str, template: str, **values: Any) -> Object:
    parameters = [{"name": key, "value": value} for key, value in values.items()]
    return {"name": name, "template": template, "arguments": {"parameters": parameters}}


def steps(*groups: list[Object], **fields: Any) -> Object:
    return {"name": "main", "steps": list(groups), **fields}


def producer(path: Path, **fields: Any) -> Object:
    declared = {"parameters": [{"name": "o", "valueFrom": {"path": str(path)}, **fields}]}
    return shell(f"echo made > {path}", name="producer", outputs=declared)


PRINTER = shell("echo '{{inputs.parameters.x}}'", name="printer", inputs={"parameters": [{"name": "x"}]})


async def test_groups_run_one_after_the_other(bench: Bench, tmp_path: Path) -> None:
    order = tmp_path / "order"
    leaf = shell(f"echo $0{{{{inputs.parameters.x}}}} >> {order}", name="leaf", inputs={"parameters": [{"name": "x"}]})
    bench.submit(steps([step("a", "leaf", x="1")], [step("b", "leaf", x="2")], [step("c", "leaf", x="3")]), leaf)
    assert (await bench.ended())["status"]["phase"] == "Succeeded"
    assert order.read_text().replace("sh", "").split() == ["1", "2", "3"]


async def test_the_steps_of_a_group_run_side_by_side(bench: Bench, tmp_path: Path) -> None:
    first = shell(f"touch {tmp_path}/1; until [ -e {tmp_path}/2 ]; do sleep 0.01; done", name="first")
    second = shell(f"touch {tmp_path}/2; until [ -e {tmp_path}/1 ]; do sleep 0.01; done", name="second")
    bench.submit(steps([step("a", "first"), step("b", "second")]), first, second)
    assert (await bench.ended())["status"]["phase"] == "Succeeded"


async def test_nodes_have_argos_names_ids_types_and_children(bench: Bench) -> None:
    bench.submit(steps([step("a", "leaf")], [step("b", "leaf")]), shell("true", name="leaf"))
    nodes = (await bench.ended())["status"]["nodes"]
    names = {node["name"]: node for node in nodes.values()}
    assert set(names) == {"wf", "wf[0]", "wf[0].a", "wf[1]", "wf[1].b"}
    assert all(key == node["id"] for key, node in nodes.items())
    assert names["wf[0].a"]["id"] == f"wf-{fnv32a('wf[0].a')}"
    assert [names[name]["type"] for name in ("wf", "wf[0]", "wf[0].a")] == ["Steps", "StepGroup", "Pod"]
    assert names["wf[0].a"]["displayName"] == "a"
    assert names["wf[0]"]["displayName"] == "[0]"
    assert names["wf[0].a"]["boundaryID"] == names["wf[0]"]["boundaryID"] == "wf"
    assert names["wf"]["children"] == [names["wf[0]"]["id"]]
    assert names["wf[0]"]["children"] == [names["wf[0].a"]["id"]]
    assert names["wf[0].a"]["children"] == [names["wf[1]"]["id"]]
    assert names["wf"]["outboundNodes"] == [names["wf[1].b"]["id"]]
    assert names["wf"]["progress"] == "2/2"


def test_ids_are_fnv_hashes() -> None:
    assert fnv32a("") == 2166136261
    assert fnv32a("a") == 0xE40C292C
    assert fnv32a("foobar") == 0xBF9CF968


async def test_outputs_go_from_step_to_step(bench: Bench, tmp_path: Path) -> None:
    value = "{{steps.a.outputs.parameters.o}} {{steps.a.status}} {{steps.a.exitCode}}"
    bench.submit(steps([step("a", "producer")], [step("b", "printer", x=value)]), producer(tmp_path / "o"), PRINTER)
    workflow = await bench.ended()
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"]
    assert bench.log(node_named(workflow, "b")["id"]) == "made Succeeded 0\n"


async def test_a_global_output_is_known_to_the_steps_after_it(bench: Bench, tmp_path: Path) -> None:
    value = "{{workflow.outputs.parameters.all}}"
    made = producer(tmp_path / "o", globalName="all")
    bench.submit(steps([step("a", "producer")], [step("b", "printer", x=value)]), made, PRINTER)
    workflow = await bench.ended()
    assert workflow["status"]["outputs"]["parameters"] == [{"name": "all", "value": "made"}]
    assert bench.log(node_named(workflow, "b")["id"]) == "made\n"


async def test_a_steps_template_has_outputs_of_its_own(bench: Bench, tmp_path: Path) -> None:
    source = {"parameter": "{{steps.a.outputs.parameters.o}}"}
    declared = {"parameters": [{"name": "whole", "valueFrom": source, "globalName": "g"}]}
    bench.submit(steps([step("a", "producer")], outputs=declared), producer(tmp_path / "o"))
    status = (await bench.ended())["status"]
    assert status["nodes"]["wf"]["outputs"]["parameters"] == [{"name": "whole", "globalName": "g", "value": "made"}]
    assert status["outputs"]["parameters"] == [{"name": "g", "value": "made"}]


async def test_a_failed_step_fails_the_workflow_and_names_the_child(bench: Bench) -> None:
    bench.submit(steps([step("a", "leaf")], [step("b", "leaf")]), shell("exit 7", name="leaf"))
    status = (await bench.ended())["status"]
    child = f"wf-{fnv32a('wf[0].a')}"
    assert (status["phase"], status["message"]) == ("Failed", f"child '{child}' failed")
    assert len(status["nodes"]) == 3
    assert status["nodes"][child]["message"] == "main: Error (exit code 7)"


async def test_a_group_waits_for_all_of_its_steps_when_one_failed(bench: Bench, tmp_path: Path) -> None:
    bench.submit(
        steps([step("bad", "bad"), step("slow", "slow")]),
        shell("exit 1", name="bad"),
        waiting(tmp_path / "go", name="slow"),
    )
    await bench.node("Failed", "bad")
    assert bench.get()["status"]["phase"] == "Running"
    (tmp_path / "go").touch()
    workflow = await bench.ended()
    assert workflow["status"]["phase"] == "Failed"
    assert node_named(workflow, "slow")["phase"] == "Succeeded"
    assert workflow["status"]["progress"] == "1/2"


async def test_continue_on_lets_the_next_group_run(bench: Bench) -> None:
    bad = step("a", "bad") | {"continueOn": {"failed": True}}
    bench.submit(steps([bad], [step("b", "good")]), shell("exit 1", name="bad"), shell("true", name="good"))
    workflow = await bench.ended()
    assert workflow["status"]["phase"] == "Succeeded"
    assert node_named(workflow, "b")["phase"] == "Succeeded"


async def test_steps_within_steps(bench: Bench) -> None:
    inner: Object = {"name": "inner", "steps": [[step("leaf", "leaf", x="{{inputs.parameters.x}}")]]}
    inner["inputs"] = {"parameters": [{"name": "x"}]}
    leaf = {**PRINTER, "name": "leaf"}
    bench.submit(steps([step("outer", "inner", x="deep")]), inner, leaf)
    workflow = await bench.ended()
    assert workflow["status"]["phase"] == "Succeeded"
    assert bench.log(node_named(workflow, "leaf")["id"]) == "deep\n"
    assert node_named(workflow, "leaf")["name"] == "wf[0].outer[0].leaf"


async def test_pods_of_steps_are_named_by_template_and_hash(bench: Bench) -> None:
    bench.submit(steps([step("a", "leaf")]), shell("echo {{pod.name}} {{steps.name}}", name="leaf"))
    workflow = await bench.ended()
    assert bench.log(node_named(workflow, "a")["id"]) == f"wf-leaf-{fnv32a('wf[0].a')} a\n"


async def test_an_error_of_a_step_is_told_with_its_path(bench: Bench) -> None:
    leaf = shell(
        "true", name="leaf", activeDeadlineSeconds="{{inputs.parameters.x}}", inputs={"parameters": [{"name": "x"}]}
    )
    bench.submit(steps([step("a", "leaf", x="soon")]), leaf)
    status = (await bench.ended())["status"]
    assert status["phase"] == "Failed"
    reason = "value 'soon' cannot be resolved to an int"
    assert status["message"] == f"step group deemed errored due to child wf[0].a error: {reason}"
