"""With no watcher a created job is listed all the same; with a sidecar's heartbeat no second one is started."""

import psutil
import pytest

from support import notebooks as make
from support.programs import wait_until_gone
from support.stack import MakeStack, Stack
from support.waiting import eventually

pytestmark = pytest.mark.e2e


def watchers_of_the_lab(stack: Stack) -> list[int]:
    children = psutil.Process(stack.program("lab").pid).children(recursive=True)
    return [child.pid for child in children if "nbargo_watcher" in " ".join(command_line(child))]


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # it ended meanwhile, or is a zombie
        return []


def test_with_no_watcher_at_all_a_job_is_listed_and_its_status_goes_on(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.start_argo()
    stack.start_lab()
    make.write(stack.place.notebooks / "short.ipynb", "pass")
    job_id = stack.rest.create("short.ipynb")
    assert job_id in stack.rest.listed()
    stack.rest.wait_for(job_id, "COMPLETED")


def test_the_child_ends_with_the_lab_even_when_that_is_killed(make_stack: MakeStack) -> None:
    stack = make_stack(NBARGO_WATCHER="child")
    stack.start_argo()
    stack.start_lab()
    child = eventually(lambda: watchers_of_the_lab(stack), what="the lab has started its watcher")[0]
    stack.kill("lab")
    wait_until_gone(child, seconds=10)


def test_with_a_sidecar_no_child_is_started(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.start_argo()
    stack.start_lab()
    make.write(stack.place.notebooks / "short.ipynb", "pass")
    stack.stop("lab")
    stack.start_watcher()
    eventually(stack.heartbeats, what="the sidecar's heartbeat is in the database")
    stack.start_lab()
    job_id = stack.rest.create("short.ipynb")
    stack.rest.wait_for(job_id, "COMPLETED")
    assert watchers_of_the_lab(stack) == []


def test_a_dead_sidecar_is_made_up_for_at_the_next_job(make_stack: MakeStack) -> None:
    """The heartbeat is still fresh, so no child yet: `watcher --once` lists the job all the same."""
    stack = make_stack(NBARGO_WATCHER="sidecar")
    stack.start_argo()
    stack.start_lab()
    make.write(stack.place.notebooks / "short.ipynb", "pass")
    job_id = stack.rest.create("short.ipynb")
    assert job_id in stack.rest.listed()
    assert "watcher" in stack.program("lab").output
