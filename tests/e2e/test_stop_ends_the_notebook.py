"""Stop kills the notebook's process, and the row says so; nothing of it depends on the lab's memory."""

from pathlib import Path

import pytest

from support import notebooks as make
from support.programs import is_running, wait_until_gone
from support.stack import MakeStack, Stack
from support.waiting import eventually

pytestmark = pytest.mark.e2e

ROW_SECONDS = 2.0
KILL_SECONDS = 15.0


def kernel_of(stack: Stack, job_id: str) -> int:
    file = stack.staged(job_id) / "pid"
    return int(eventually(lambda: file.exists() and file.read_text(encoding="utf-8"), what="the kernel runs"))


def stop_and_check(stack: Stack, job_id: str) -> None:
    pid = kernel_of(stack, job_id)
    assert is_running(pid)
    stack.rest.wait_for(job_id, "IN_PROGRESS")
    stack.rest.stop(job_id)
    wait_until_gone(pid, seconds=KILL_SECONDS)
    job = stack.rest.wait_for(job_id, "STOPPED", seconds=ROW_SECONDS)
    assert job["status_message"] is None
    assert job["start_time"] <= job["end_time"]


def test_stop_kills_the_notebook(stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "endless.ipynb", make.PID_AND_WAIT)
    stop_and_check(stack, stack.rest.create("endless.ipynb"))


def test_stop_works_after_other_jobs_were_made(stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "endless.ipynb", make.PID_AND_WAIT)
    make.write(notebooks / "other.ipynb", "pass")
    job_id = stack.rest.create("endless.ipynb")
    kernel_of(stack, job_id)
    other = stack.rest.create("other.ipynb")
    stack.rest.wait_for(other, "COMPLETED")
    stop_and_check(stack, job_id)
    assert stack.rest.job(other)["status"] == "COMPLETED"


def test_stopping_a_job_that_has_ended_changes_nothing(stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "short.ipynb", "pass")
    job_id = stack.rest.create("short.ipynb")
    ended = stack.rest.wait_for(job_id, "COMPLETED")
    stack.rest.stop(job_id)
    assert stack.rest.job(job_id) == ended


def test_stop_works_after_the_lab_restarted(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.start_argo()
    stack.start_watcher()
    stack.start_lab()
    make.write(stack.place.notebooks / "endless.ipynb", make.PID_AND_WAIT)
    job_id = stack.rest.create("endless.ipynb")
    kernel_of(stack, job_id)
    stack.stop("lab")
    stack.start_lab()
    stop_and_check(stack, job_id)
