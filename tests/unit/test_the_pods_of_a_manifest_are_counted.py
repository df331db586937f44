import runpy
from pathlib import Path
from typing import Any

import pytest

SCRIPT = runpy.run_path(str(Path(__file__).resolve().parents[2] / "bench/harness/steps.py"))
pods, holds = SCRIPT["pods"], SCRIPT["holds"]
ENDED_WELL = "{{steps.main.status}} == Succeeded && {{steps.tidy.status}} == Succeeded"
ENDED_BADLY = "{{steps.main.status}} == Failed || {{steps.tidy.status}} == Failed"


def step(name: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": name, "template": name, **more}]


GIVEN = {"parameters": [{"name": "job_id", "value": '"a-b"'}]}
SPEC: dict[str, Any] = {
    "entrypoint": "steps",
    "templates": [
        {"name": "main", "container": {"command": ["true"]}},
        {"name": "tidy", "script": {"source": "pass"}},
        {
            "name": "good",
            "inputs": {"parameters": [{"name": "job_id"}, {"name": "definition", "default": "null"}]},
            "script": {"source": "print({{inputs.parameters.job_id}}, {{inputs.parameters.definition}})"},
        },
        {"name": "bad", "script": {"source": "pass"}},
        {
            "name": "steps",
            "steps": [
                step("main"),
                step("tidy"),
                step("bad", when=ENDED_BADLY),
                step("good", when=ENDED_WELL, arguments=GIVEN),
            ],
        },
    ],
}


@pytest.mark.parametrize("manifest", [{"spec": SPEC}, {"spec": {"schedules": [], "workflowSpec": SPEC}}])
def test_steps_whose_condition_is_not_met_are_no_pods(manifest: dict[str, Any]) -> None:
    assert [pod.name for pod in pods(manifest)] == ["main", "tidy", "good"]
    assert [pod.name for pod in pods(manifest, {"main": "Failed"})] == ["main", "tidy", "bad"]
    assert [pod.name for pod in pods(manifest, {"tidy": "Error"})] == ["main", "tidy"]


def test_a_single_template_is_one_pod() -> None:
    (pod,) = pods({"spec": {**SPEC, "entrypoint": "tidy"}})
    assert pod.program() == "pass"


def test_a_program_has_its_inputs_and_their_defaults() -> None:
    *_, last = pods({"spec": SPEC})
    assert last.program() == 'print("a-b", null)'


def test_a_condition_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no comparison"):
        holds("{{workflow.status}} == Failed", {})
    assert holds("{{steps.main.status}} != Failed", {})
