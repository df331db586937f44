from pathlib import Path
from typing import Any

import pytest

from nbargo_local.controller.depends import condition_of, holds, names_in
from nbargo_local.controller.templating import TemplateError
from support.controller_bench import Bench, Object, node_named, shell, waiting

GOOD, BAD = shell("true", name="good"), shell("exit 1", name="bad")


def task(name: str, template: str = "good", *dependencies: str, **fields: Any) -> Object:
    return {"name": name, "template": template, "dependencies": list(dependencies), **fields}


def dag(*tasks: Object, **fields: Any) -> Object:
    return {"name": "main", "dag": {"tasks": list(tasks), **fields}}


async def test_a_task_runs_after_those_that_it_depends_on(bench: Bench, tmp_path: Path) -> None:
    order = tmp_path / "order"
    leaf = shell(f"echo {{{{tasks.name}}}} >> {order}", name="good")
    bench.submit(dag(task("d", "good", "b", "c"), task("c", "good", "a"), task("b", "good", "a"), task("a")), leaf)
    status = (await bench.ended())["status"]
    assert (status["phase"], status["progress"]) == ("Succeeded", "4/4")
    ran = order.read_text().split()
    assert (ran[0], set(ran[1:3]), ran[3]) == ("a", {"b", "c"}, "d")


async def test_nodes_are_children_of_what_they_depend_on(bench: Bench) -> None:
    bench.submit(dag(task("a"), task("b", "good", "a")), GOOD)
    workflow = await bench.ended()
    root, first, second = workflow["status"]["nodes"]["wf"], node_named(workflow, "a"), node_named(workflow, "b")
    assert (root["type"], root["children"], root["outboundNodes"]) == ("DAG", [first["id"]], [second["id"]])
    assert (first["name"], first["boundaryID"], first["children"]) == ("wf.a", "wf", [second["id"]])


async def test_after_a_failure_what_depends_on_it_is_omitted(bench: Bench) -> None:
    bench.submit(dag(task("a", "bad"), task("b", "good", "a"), task("c")), GOOD, BAD)
    workflow = await bench.ended()
    assert workflow["status"]["phase"] == "Failed"
    assert "message" not in workflow["status"]
    omitted = node_named(workflow, "b")
    assert (omitted["type"], omitted["phase"]) == ("Skipped", "Omitted")
    assert omitted["message"] == "omitted: depends condition not met"
    assert node_named(workflow, "c")["phase"] == "Succeeded"


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
async def test_an_omitted_task_counts_as_failed_if_one_branch_did(bench: Bench, order: tuple[str, str]) -> None:
    tasks = {"a": task("a", "bad"), "b": task("b")}
    bench.submit(dag(*(tasks[name] for name in order), task("c", "good", *order)), GOOD, BAD)
    workflow = await bench.ended()
    assert node_named(workflow, "c")["phase"] == "Omitted"
    assert workflow["status"]["phase"] == "Failed"


async def test_outputs_go_from_task_to_task(bench: Bench, tmp_path: Path) -> None:
    declared = {"parameters": [{"name": "o", "valueFrom": {"path": str(tmp_path / "o")}}]}
    producer = shell(f"echo made > {tmp_path}/o", name="producer", outputs=declared)
    printer = shell("echo {{inputs.parameters.x}}", name="printer", inputs={"parameters": [{"name": "x"}]})
    given = {"parameters": [{"name": "x", "value": "{{tasks.a.outputs.parameters.o}}"}]}
    bench.submit(dag(task("a", "producer"), task("b", "printer", "a", arguments=given)), producer, printer)
    workflow = await bench.ended()
    assert workflow["status"]["phase"] == "Succeeded"
    assert bench.log(node_named(workflow, "b")["id"]) == "made\n"


async def test_depends_can_ask_for_a_failure(bench: Bench) -> None:
    after = {"name": "mend", "template": "good", "depends": "a.Failed || a.Errored"}
    bench.submit(dag({"name": "a", "template": "bad"}, after), GOOD, BAD)
    workflow = await bench.ended()
    assert node_named(workflow, "mend")["phase"] == "Succeeded"
    assert workflow["status"]["phase"] == "Succeeded"


async def test_only_the_targets_and_what_they_need_run(bench: Bench) -> None:
    bench.submit(dag(task("a"), task("b", "good", "a"), task("c"), target="b"), GOOD)
    workflow = await bench.ended()
    assert {node["displayName"] for node in workflow["status"]["nodes"].values()} == {"wf", "a", "b"}


async def test_a_failed_dag_waits_for_what_runs(bench: Bench, tmp_path: Path) -> None:
    bench.submit(dag(task("a", "bad"), task("b", "slow")), BAD, waiting(tmp_path / "go", name="slow"))
    await bench.node("Failed", "a")
    await bench.quiet()
    assert bench.get()["status"]["phase"] == "Running"
    (tmp_path / "go").touch()
    assert (await bench.ended())["status"]["phase"] == "Failed"


TASKS: dict[str, Object] = {name: task(name) for name in ("a", "b-1", "c")}


@pytest.mark.parametrize(
    ("depends", "phases", "result"),
    [
        ("a", {"a": "Succeeded"}, True),
        ("a", {"a": "Skipped"}, True),
        ("a", {"a": "Failed"}, False),
        ("a && b-1", {"a": "Succeeded", "b-1": "Omitted"}, False),
        ("a || b-1.Failed", {"a": "Error", "b-1": "Failed"}, True),
        ("!a.Succeeded && (b-1 || c.Omitted)", {"a": "Failed", "b-1": "Failed", "c": "Omitted"}, True),
        ("a.Succeeded || a.Failed && b-1.Failed", {"a": "Succeeded", "b-1": "Succeeded"}, True),
    ],
)
def test_conditions(depends: str, phases: dict[str, str], result: bool) -> None:  # noqa: FBT001 - a table's column
    assert holds(condition_of({"depends": depends}, TASKS), phases) is result


def test_names_are_found_once() -> None:
    assert names_in(condition_of({"depends": "b-1 && (a.Failed || a.Succeeded)"}, TASKS)) == ["b-1", "a"]


@pytest.mark.parametrize("depends", ["a &&", "(a", "a b-1", "a ?? b-1", "a.Exploded"])
def test_what_is_no_condition_is_refused(depends: str) -> None:
    with pytest.raises(TemplateError):
        holds(condition_of({"depends": depends}, TASKS), {"a": "Succeeded"})
