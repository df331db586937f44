from typing import Any

import pytest

from nbargo_local.controller.parameters import global_values
from support.controller_bench import Bench, container, phase_of

WORKFLOW: dict[str, Any] = {
    "metadata": {
        "name": "wf",
        "namespace": "ns",
        "uid": "u-1",
        "creationTimestamp": "2026-01-02T15:04:05Z",
        "labels": {"b": "2", "a": "1"},
        "annotations": {"workflows.argoproj.io/scheduled-time": "2026-01-02T15:00:00Z"},
    },
    "spec": {
        "entrypoint": "main",
        "serviceAccountName": "runner",
        "priority": 3,
        "arguments": {"parameters": [{"name": "p", "value": 7}]},
    },
    "status": {"outputs": {"parameters": [{"name": "o", "value": "x"}]}},
}

TAGS = {
    "workflow.name": "wf",
    "workflow.namespace": "ns",
    "workflow.uid": "u-1",
    "workflow.mainEntrypoint": "main",
    "workflow.serviceAccountName": "runner",
    "workflow.priority": "3",
    "workflow.scheduledTime": "2026-01-02T15:00:00Z",
    "workflow.creationTimestamp": "2026-01-02T15:04:05Z",
    "workflow.creationTimestamp.RFC3339": "2026-01-02T15:04:05Z",
    "workflow.creationTimestamp.s": "1767366245",
    "workflow.creationTimestamp.Y": "2026",
    "workflow.creationTimestamp.B": "January",
    "workflow.creationTimestamp.I": "03",
    "workflow.creationTimestamp.p": "PM",
    "workflow.creationTimestamp.z": "+0000",
    "workflow.creationTimestamp.L": ".000",
    "workflow.parameters.p": "7",
    "workflow.parameters": '[{"name":"p","value":"7"}]',
    "workflow.labels.a": "1",
    "workflow.labels": '{"a":"1","b":"2"}',
    "workflow.outputs.parameters.o": "x",
}


@pytest.mark.parametrize(("tag", "value"), TAGS.items())
def test_global_tags(tag: str, value: str) -> None:
    assert global_values(WORKFLOW)[tag] == value


async def echo(bench: Bench, text: str, **template: Any) -> str:
    arguments = {"parameters": [{"name": "given", "value": 'quote " and\nnewline'}, {"name": "number", "value": 3}]}
    bench.submit(container("printf", "%s", text, **template), arguments=arguments)
    workflow = await bench.ended()
    assert phase_of(workflow) == "Succeeded", workflow["status"].get("message")
    return bench.log()


async def test_arguments_arrive_unchanged(bench: Bench) -> None:
    assert await echo(bench, "{{workflow.parameters.given}}") == 'quote " and\nnewline'


async def test_the_entrypoints_inputs_are_filled_from_the_workflows_arguments(bench: Bench) -> None:
    inputs = {"parameters": [{"name": "given"}, {"name": "number"}, {"name": "extra", "default": "d", "value": "v"}]}
    text = "{{inputs.parameters.number}} {{inputs.parameters.extra}}"
    assert await echo(bench, text, inputs=inputs) == "3 v"


async def test_the_node_shows_its_inputs(bench: Bench) -> None:
    await echo(bench, "x", inputs={"parameters": [{"name": "number"}]})
    assert bench.get()["status"]["nodes"]["wf"]["inputs"] == {"parameters": [{"name": "number", "value": "3"}]}


async def test_pod_and_node_names_are_tags(bench: Bench) -> None:
    assert await echo(bench, "{{pod.name}} {{node.name}}") == "wf wf"


async def test_tags_that_nobody_knows_stay(bench: Bench) -> None:
    assert await echo(bench, "{{nobody}} {{ x }} { {a} }}") == "{{nobody}} {{ x }} { {a} }}"


async def test_a_value_with_a_tag_is_substituted_by_the_next_pass(bench: Bench) -> None:
    inputs = {"parameters": [{"name": "a", "value": "{{workflow.name}}"}]}
    assert await echo(bench, "{{inputs.parameters.a}}", inputs=inputs) == "wf"


async def test_arguments_may_refer_to_the_workflow(bench: Bench) -> None:
    arguments = {"parameters": [{"name": "a", "value": "{{workflow.uid}}"}]}
    template = container("printf", "%s", "{{inputs.parameters.a}}", inputs={"parameters": [{"name": "a"}]})
    uid = bench.submit(template, arguments=arguments)["metadata"]["uid"]
    await bench.ended()
    assert bench.log() == uid
