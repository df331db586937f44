"""Sizes, variables, time limits and retries in the pods that Argo's controller makes, and what it does with them."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from nbargo_shared.labels import object_name
from support import notebooks as make
from support.waiting import eventually

if TYPE_CHECKING:
    from cluster.access import Workflows
    from support.rest import Rest
    from support.stack import MakeStack, Stack

COUNT = "import os, time\nwith open('attempts', 'a') as file: file.write(f'{os.getppid()}\\n')"
WAIT_AT_FIRST = "if len(open('attempts').readlines()) == 1: time.sleep(600)"
SIZE = {"cpu": "500m", "memory": "1Gi", "gpu": 1, "tolerations": [{"key": "gpu", "operator": "Exists"}]}


def runners(stack: Stack, job_id: str) -> list[int]:
    file = stack.staged(job_id) / "attempts"
    return [int(line) for line in file.read_text(encoding="utf-8").split()] if file.exists() else []


def submit(rest: Rest, notebook: str, **parameters: Any) -> str:
    return rest.create(notebook, output_formats=["ipynb", "log"], runtime_environment_parameters=parameters)


def log(stack: Stack, job_id: str) -> str:
    files = stack.rest.download(job_id)
    return (stack.place.notebooks / files["log"]).read_text(encoding="utf-8")


def main_container(pod: dict[str, Any]) -> dict[str, Any]:
    (found,) = [each for each in pod["spec"]["containers"] if each["name"] == "main"]
    return dict(found)


def test_the_pod_has_the_size_the_variables_and_the_deadline(make_stack: MakeStack, workflows: Workflows) -> None:
    stack = make_stack(f"--ArgoScheduler.compute_types={ {'gpu': SIZE} }")
    make.write(stack.place.notebooks / "sized.ipynb", "import os; print(os.environ['GREETING'])")
    wishes = {"cpu": 2, "env.GREETING": "$(HOME) costs $$5", "timeout": "10m"}
    job_id = submit(stack.rest, "sized.ipynb", **wishes)
    pod = workflows.wait_ended_pod(object_name(job_id))
    amounts = {"cpu": "2", "memory": "1Gi", "nvidia.com/gpu": "1"}
    assert main_container(pod)["resources"] == {"limits": amounts, "requests": amounts}
    assert {"key": "gpu", "operator": "Exists"} in pod["spec"]["tolerations"]
    assert pod["spec"]["activeDeadlineSeconds"] == 25 * 60
    assert stack.rest.wait_for(job_id, "COMPLETED")["compute_type"] is None
    assert make.outputs_of(stack.place.notebooks / stack.rest.download(job_id)["ipynb"]) == "$(HOME) costs $$5\n"


@pytest.mark.parametrize("loss", ["killed", "deleted"])
def test_a_pod_that_is_lost_is_followed_by_another_and_the_row_is_one(
    stack: Stack, rest: Rest, workflows: Workflows, loss: str
) -> None:
    make.write(stack.place.notebooks / f"{loss}.ipynb", COUNT, WAIT_AT_FIRST, "print('done')")
    before = rest.listed()
    job_id = submit(rest, f"{loss}.ipynb", retries=2)
    eventually(lambda: runners(stack, job_id), what="the first attempt runs", seconds=60)
    if loss == "killed":
        os.kill(runners(stack, job_id)[0], signal.SIGKILL)
    else:
        pod = workflows.wait_running_pod(object_name(job_id))
        cluster = workflows.cluster
        cluster.api.delete(f"{cluster.collection('pods')}/{pod['metadata']['name']}")
    assert rest.wait_for(job_id, "COMPLETED", seconds=120)["status_message"] is None
    assert rest.listed() - before == {job_id}
    assert len(runners(stack, job_id)) == 2
    text = log(stack, job_id)
    assert [line for line in text.splitlines() if line.startswith("Attempt")] == ["Attempt 1 of 3", "Attempt 2 of 3"]


def test_a_failing_notebook_is_tried_again_by_choice_alone(stack: Stack, rest: Rest, workflows: Workflows) -> None:
    make.write(stack.place.notebooks / "fails.ipynb", COUNT, "raise ValueError('no')")
    once = submit(rest, "fails.ipynb", retries=1)
    twice = submit(rest, "fails.ipynb", retries=1, retry_on="failure")
    for job_id in (once, twice):
        assert rest.wait_for(job_id, "FAILED", seconds=120)["status_message"] == "ValueError: no (cell 2)"
    assert (len(runners(stack, once)), len(runners(stack, twice))) == (1, 2)
    assert len(workflows.pods(object_name(once))) == 1


def test_a_time_limit_is_the_reason_and_not_tried_again(stack: Stack, rest: Rest) -> None:
    make.write(stack.place.notebooks / "slow.ipynb", COUNT, "time.sleep(600)")
    job_id = submit(rest, "slow.ipynb", timeout="20s", retries=1)
    assert rest.wait_for(job_id, "FAILED", seconds=120)["status_message"] == (
        "TimeoutError: the run took longer than its limit of 20 seconds (cell 2)"
    )
    assert len(runners(stack, job_id)) == 1
