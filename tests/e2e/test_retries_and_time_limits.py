"""Retries and time limits: what is tried again, how often, and what the one row of the job says."""

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from support import notebooks as make
from support.programs import wait_until_gone
from support.rest import Rest
from support.stack import Stack
from support.waiting import eventually

pytestmark = pytest.mark.e2e

COUNT = "import os, pathlib, time\nwith open('attempts', 'a') as file: file.write(f'{os.getppid()}\\n')"
"""A cell that leaves a line for each attempt: the process id of the runner, whose child the kernel is."""
KILLED = "The job was killed, most often because it used too much memory: choose a larger size, or run it again"
WAIT_AT_FIRST = "if len(open('attempts').readlines()) == 1: time.sleep(600)"
FAIL_AT_FIRST = "if len(open('attempts').readlines()) == 1: raise ValueError('not today')"


def pods(stack: Stack, job_id: str) -> int:
    """Return how many pods the job's Workflow has had."""
    nodes = stack.workflows()[job_id]["status"]["nodes"].values()
    return sum(node["type"] == "Pod" for node in nodes)


def runners(stack: Stack, job_id: str) -> list[int]:
    """Return the process ids of the runners so far."""
    file = stack.staged(job_id) / "attempts"
    return [int(line) for line in file.read_text(encoding="utf-8").split()] if file.exists() else []


def kill_runner(stack: Stack, job_id: str, attempt: int) -> None:
    """Kill the runner of an attempt as a node that goes down does."""
    eventually(lambda: len(runners(stack, job_id)) == attempt, what=f"attempt {attempt} runs")
    pid = runners(stack, job_id)[-1]
    os.kill(pid, signal.SIGKILL)
    wait_until_gone(pid, seconds=10)


def submit(rest: Rest, notebook: str, **parameters: Any) -> str:
    formats = ["ipynb", "log"]
    return rest.create(notebook, output_formats=formats, runtime_environment_parameters=parameters)


def log(rest: Rest, notebooks: Path, job_id: str) -> str:
    return (notebooks / rest.download(job_id)["log"]).read_text(encoding="utf-8")


def attempts_in(text: str) -> list[str]:
    return re.findall(r"Attempt \d+ of \d+", text)


def test_a_failure_of_the_infrastructure_is_tried_again_and_the_job_stays_one_row(
    rest: Rest, stack: Stack, notebooks: Path
) -> None:
    make.write(notebooks / "lost.ipynb", COUNT, WAIT_AT_FIRST, "print('done')")
    before = rest.listed()
    job_id = submit(rest, "lost.ipynb", retries=2)
    kill_runner(stack, job_id, 1)
    job = rest.wait_for(job_id, "COMPLETED")
    assert job["status_message"] is None
    assert rest.listed() - before == {job_id}
    assert (len(runners(stack, job_id)), pods(stack, job_id)) == (2, 2)
    assert attempts_in(log(rest, notebooks, job_id)) == ["Attempt 1 of 3", "Attempt 2 of 3"]
    assert make.outputs_of(notebooks / rest.download(job_id)["ipynb"]) == "done\n"


def test_when_all_attempts_are_lost_the_row_says_so(rest: Rest, stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "always lost.ipynb", COUNT, "time.sleep(600)")
    job_id = submit(rest, "always lost.ipynb", retries=1)
    kill_runner(stack, job_id, 1)
    kill_runner(stack, job_id, 2)
    job = rest.wait_for(job_id, "FAILED")
    assert job["status_message"] == (f"{KILLED} [No more retries left: main: Error (exit code 137)]")
    assert pods(stack, job_id) == 2


def test_without_retries_a_lost_job_has_failed(rest: Rest, stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "once.ipynb", COUNT, "time.sleep(600)")
    job_id = submit(rest, "once.ipynb")
    kill_runner(stack, job_id, 1)
    assert rest.wait_for(job_id, "FAILED")["status_message"] == f"{KILLED} [main: Error (exit code 137)]"
    assert (len(runners(stack, job_id)), pods(stack, job_id)) == (1, 1)


def test_a_failing_notebook_is_not_tried_again_by_default(rest: Rest, stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "fails.ipynb", COUNT, FAIL_AT_FIRST)
    job_id = submit(rest, "fails.ipynb", retries=2)
    assert rest.wait_for(job_id, "FAILED")["status_message"] == "ValueError: not today (cell 2)"
    assert (len(runners(stack, job_id)), pods(stack, job_id)) == (1, 1)
    assert attempts_in(log(rest, notebooks, job_id)) == ["Attempt 1 of 3"]


def test_a_failing_notebook_is_tried_again_by_choice(rest: Rest, stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "second.ipynb", COUNT, FAIL_AT_FIRST, "print('done')")
    job_id = submit(rest, "second.ipynb", retries=2, retry_on="failure")
    job = rest.wait_for(job_id, "COMPLETED")
    assert job["status_message"] is None
    assert (len(runners(stack, job_id)), pods(stack, job_id)) == (2, 2)
    text = log(rest, notebooks, job_id)
    assert attempts_in(text) == ["Attempt 1 of 3", "Attempt 2 of 3"]
    assert "ValueError: not today (cell 2)" in text


def test_a_notebook_that_fails_every_time_tells_its_last_error(rest: Rest, stack: Stack, notebooks: Path) -> None:
    number = "n = len(open('attempts').readlines())"
    make.write(notebooks / "never.ipynb", COUNT, number, "raise ValueError(f'attempt {n}')")
    job_id = submit(rest, "never.ipynb", retries=1, retry_on="failure")
    assert rest.wait_for(job_id, "FAILED")["status_message"] == "ValueError: attempt 2 (cell 3)"
    assert pods(stack, job_id) == 2


def test_a_time_limit_ends_the_notebook_and_is_the_reason(rest: Rest, stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "slow.ipynb", COUNT, "print('so far')", "time.sleep(600)")
    job_id = submit(rest, "slow.ipynb", timeout="8s", retries=2)
    job = rest.wait_for(job_id, "FAILED")
    assert job["status_message"] == "TimeoutError: the run took longer than its limit of 8 seconds (cell 3)"
    assert pods(stack, job_id) == 1, "more time is what it needs, not another attempt"
    assert make.outputs_of(notebooks / rest.download(job_id)["ipynb"]) == "so far\n"
    assert job["status_message"] in log(rest, notebooks, job_id)


def test_a_time_limit_that_is_long_enough_changes_nothing(rest: Rest, stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "quick.ipynb", "print('done')")
    job_id = submit(rest, "quick.ipynb", timeout=3600)
    assert rest.wait_for(job_id, "COMPLETED")["status_message"] is None
    (template,) = stack.workflows()[job_id]["spec"]["templates"]
    assert template["activeDeadlineSeconds"] == 3600 + 15 * 60


def test_a_stopped_job_is_not_tried_again(rest: Rest, stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "stopped.ipynb", COUNT, "time.sleep(600)")
    job_id = submit(rest, "stopped.ipynb", retries=2, retry_on="failure")
    eventually(lambda: runners(stack, job_id), what="it runs")
    rest.stop(job_id)
    assert rest.wait_for(job_id, "STOPPED")["status_message"] is None
    assert pods(stack, job_id) == 1


def test_a_run_of_a_definition_is_tried_again_too(rest: Rest, stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "defined again.ipynb", COUNT, FAIL_AT_FIRST)
    parameters = {"retries": 1, "retry_on": "failure", "timeout": "5m"}
    definition_id = rest.define("defined again.ipynb", runtime_environment_parameters=parameters)
    job_id = rest.run_now(definition_id)
    rest.wait_for(job_id, "COMPLETED")
    assert pods(stack, job_id) == 2
    assert list(rest.runs(definition_id)) == [job_id]
    rest.undefine(definition_id)
