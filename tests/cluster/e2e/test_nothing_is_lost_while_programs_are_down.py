"""The cluster and the outcome files are the truth: the watcher, the lab and the database may all be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbargo_shared.labels import object_name
from support import notebooks as make
from support.programs import is_running, wait_until_gone
from support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.access import Workflows
    from cluster.argocli import ArgoCli
    from support.stack import MakeStack, Stack

# It does not end on SIGTERM, so its pod still runs when Argo calls the stopped workflow ended.
STUBBORN = """
import pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path("ready").touch()
time.sleep(600)
"""


def gated(stack: Stack) -> Path:
    """Write gated.ipynb, which runs until a file is there; returns the file."""
    gate = stack.place.root / "gate"
    cell = f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.02)"
    make.write(stack.place.notebooks / "gated.ipynb", cell)
    return gate


def test_a_workflow_deleted_by_its_ttl_while_the_watcher_is_off(make_stack: MakeStack) -> None:
    stack = make_stack("--ArgoScheduler.workflow_ttl=1")
    gate = gated(stack)
    make.write(stack.place.notebooks / "fails.ipynb", "1 / 0")
    job_id = stack.rest.create("gated.ipynb", output_formats=["ipynb"])
    stack.rest.wait_for(job_id, "IN_PROGRESS")
    stack.kill("watcher")
    failing = stack.rest.create("fails.ipynb", output_formats=["ipynb"])  # listed by `watcher --once`
    gate.touch()
    eventually(lambda: not stack.workflows(), what="Argo has collected both Workflows", every=0.25)
    assert stack.rest.job(job_id)["status"] == "IN_PROGRESS"
    stack.start_watcher()
    job = stack.rest.wait_for(job_id, "COMPLETED")
    assert job["create_time"] <= job["start_time"] < job["end_time"]
    failed = stack.rest.wait_for(failing, "FAILED")
    assert failed["status_message"] == "ZeroDivisionError: division by zero (cell 1)"
    assert failed["create_time"] <= failed["start_time"] < failed["end_time"]


def test_a_lost_database_comes_back_column_by_column(
    make_stack: MakeStack, workflows: Workflows, argo: ArgoCli
) -> None:
    stack = make_stack()
    rest = stack.rest
    gate = gated(stack)
    folder = stack.place.notebooks / "folder"
    make.write(folder / "ok.ipynb", "print(a)", parameters="a = 1")
    make.write(stack.place.notebooks / "fails.ipynb", "1 / 0")
    full = {
        "parameters": {"a": '"{{x}}"'},
        "tags": ["x"],
        "package_input_folder": True,
        "runtime_environment_parameters": {"cpu": 2},
    }
    make.write(folder / "stubborn.ipynb", STUBBORN)
    completed, stopped = (rest.create(f"folder/{name}.ipynb", **full) for name in ("ok", "stubborn"))
    failed, retried = (rest.create("fails.ipynb", output_formats=["ipynb"]) for _ in range(2))
    running = rest.create("gated.ipynb", output_formats=["ipynb"])
    eventually((stack.staged(stopped) / "ready").exists, what="the stubborn notebook runs")
    rest.stop(stopped)
    first = rest.wait_for(retried, "FAILED")
    argo.retry(object_name(retried))
    rest.wait_for(completed, "COMPLETED")
    rest.wait_for(failed, "FAILED")
    rest.wait_for(stopped, "STOPPED")
    workflows.wait_ended_pod(object_name(stopped))
    rest.wait_for(running, "IN_PROGRESS")
    eventually(lambda: (rest.job(retried)["end_time"] or 0) > first["end_time"], what="the retried job has ended")
    argo.resubmit(object_name(failed))
    before = stack.rows()
    assert {job_id: row["status"] for job_id, row in before.items()} == {
        completed: "COMPLETED",
        failed: "FAILED",
        stopped: "STOPPED",
        running: "IN_PROGRESS",
        retried: "FAILED",
    }

    stack.stop("lab")
    stack.stop("watcher")
    stack.place.database.unlink()
    stack.start_lab()
    assert stack.rows() == {}
    result = stack.once()
    assert result.returncode == 0, result.stderr
    assert stack.rows() == before

    stack.start_watcher()
    gate.touch()
    stack.rest.wait_for(running, "COMPLETED")


def test_the_lab_and_the_watcher_killed_and_started_again_in_between(make_stack: MakeStack) -> None:
    stack = make_stack()
    gate = gated(stack)
    make.write(stack.place.notebooks / "endless.ipynb", make.PID_AND_WAIT)
    ending, endless = (stack.rest.create(f"{name}.ipynb", output_formats=["ipynb"]) for name in ("gated", "endless"))
    file = stack.staged(endless) / "pid"
    pid = int(eventually(lambda: file.exists() and file.read_text(encoding="utf-8"), what="the kernel runs"))
    stack.rest.wait_for(ending, "IN_PROGRESS")
    stack.kill("watcher")
    stack.kill("lab")
    gate.touch()
    rest = stack.start_lab()
    stack.start_watcher()
    assert is_running(pid)
    rest.wait_for(ending, "COMPLETED")
    rest.stop(endless)
    wait_until_gone(pid, seconds=60)
    rest.wait_for(endless, "STOPPED")
    after = rest.create("gated.ipynb", output_formats=["ipynb"])
    rest.wait_for(after, "COMPLETED")
