"""A user's limit of runs: those above it wait, say so, go on in their order, and can be stopped and deleted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import notebooks as make
from support.stack import Stack
from support.waiting import eventually

pytestmark = pytest.mark.e2e

LIMITS = "nbargo-limits"
WAITS = "Waiting for a free place: 2 of your runs may run at a time"
NEXT = "this job is next"
SOON = 15.0


def limited_stack(folder: Path, limit: str | None, *options: str) -> Stack:
    """Start a stack whose user has a limit in a ConfigMap; None for a ConfigMap without the user."""
    stack = Stack(folder)
    try:
        config_maps = stack.place.root / "configmaps"
        (config_maps / LIMITS).mkdir(parents=True)
        if limit is not None:
            set_limit(stack, limit)
        stack.start_argo("--config-maps", str(config_maps))
        stack.start_watcher()
        stack.start_lab(
            f"--ArgoScheduler.concurrency=config_map={LIMITS}",
            f"--ArgoScheduler.concurrency=directory={config_maps / LIMITS}",
            *options,
        )
    except BaseException:
        stack.close()
        raise
    make.write(stack.place.notebooks / "patient.ipynb", make.PID_AND_WAIT)
    make.write(stack.place.notebooks / "short.ipynb", "pass")
    return stack


def set_limit(stack: Stack, limit: str) -> None:
    (stack.place.root / "configmaps" / LIMITS / "alice").write_text(limit)


def running(stack: Stack) -> str:
    job_id = stack.rest.create("patient.ipynb", output_formats=["ipynb"])
    stack.rest.wait_for(job_id, "IN_PROGRESS")
    return job_id


def waiting(stack: Stack, notebook: str = "short.ipynb", message: str = WAITS) -> str:
    """Submit a job that has to wait, and see that the user can read why."""
    job_id = stack.rest.create(notebook, output_formats=["ipynb"])
    eventually(lambda: message in str(stack.rest.job(job_id)["status_message"]), what="the user reads why it waits")
    job = stack.rest.job(job_id)
    assert (job["status"], job["start_time"], job["end_time"]) == ("QUEUED", None, None)
    return job_id


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = limited_stack(tmp_path_factory.mktemp("limited"), "2")
    yield stack
    stack.close()


@pytest.fixture(scope="module")
def without_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = limited_stack(tmp_path_factory.mktemp("without"), None, "--ArgoScheduler.one_at_a_time=True")
    yield stack
    stack.close()


@pytest.fixture
def stack(limited: Stack) -> Iterator[Stack]:
    """A stack with a limit of 2 and without jobs."""
    yield limited
    set_limit(limited, "2")
    for definition_id in limited.rest.defined():
        limited.rest.undefine(definition_id)
    for job_id in limited.rest.listed():
        limited.rest.delete(job_id)


def test_the_third_of_two_waits_and_runs_when_one_ends(stack: Stack) -> None:
    first, second = running(stack), running(stack)
    third = waiting(stack)
    assert NEXT in stack.rest.job(third)["status_message"]
    assert stack.rest.job(first)["status"] == stack.rest.job(second)["status"] == "IN_PROGRESS"
    stack.rest.stop(first)
    ended = stack.rest.wait_for(third, "COMPLETED")
    assert ended["status_message"] is None
    assert stack.rest.job(second)["status"] == "IN_PROGRESS"


def test_a_waiting_job_that_is_stopped_is_stopped_at_once_and_leaves_its_place(stack: Stack) -> None:
    running(stack)
    running(stack)
    third, fourth = waiting(stack), waiting(stack)
    assert "1 job is before this one" in stack.rest.job(fourth)["status_message"]
    stack.rest.stop(third)
    assert stack.rest.wait_for(third, "STOPPED", seconds=SOON)["status_message"] is None
    assert not (stack.staged(third) / "outcome.json").exists(), "it has run"
    eventually(lambda: NEXT in str(stack.rest.job(fourth)["status_message"]), what="the next one moves up")


def test_a_waiting_job_that_is_deleted_is_gone_with_its_files(stack: Stack) -> None:
    first = running(stack)
    running(stack)
    third, fourth = waiting(stack), waiting(stack)
    stack.rest.delete(third)
    assert third not in stack.rest.listed()
    assert third not in stack.workflows()
    assert not stack.staged(third).exists()
    stack.rest.delete(first)
    stack.rest.wait_for(fourth, "COMPLETED")


def test_a_raised_limit_lets_those_go_who_wait(stack: Stack) -> None:
    running(stack)
    running(stack)
    third = waiting(stack)
    set_limit(stack, "3")
    stack.rest.wait_for(third, "IN_PROGRESS", "COMPLETED")


def test_runs_of_a_definition_count_too(stack: Stack) -> None:
    running(stack)
    running(stack)
    run = stack.rest.run_now(stack.rest.define("short.ipynb"))
    eventually(lambda: WAITS in str(stack.rest.job(run)["status_message"]), what="the run waits like any job")
    (cron,) = stack.cron_workflows().values()
    reference = {"configMapKeyRef": {"name": LIMITS, "key": "alice"}}
    assert cron["spec"]["workflowSpec"]["synchronization"] == {"semaphores": [reference]}


def test_a_limit_that_is_no_number_is_told_before_anything_is_submitted(stack: Stack) -> None:
    set_limit(stack, "two")
    answer = stack.rest.send("POST", "jobs", json=stack.rest.body("short.ipynb"))
    assert not answer.is_success
    assert "The limit of your runs is 'two', which is no number of runs" in answer.text
    assert not stack.workflows()


def test_a_user_without_a_key_runs_one_after_the_other_if_the_administrator_wants(without_key: Stack) -> None:
    first = running(without_key)
    second = waiting(without_key, message="1 of your runs may run at a time")
    without_key.rest.stop(first)
    without_key.rest.wait_for(second, "COMPLETED")
