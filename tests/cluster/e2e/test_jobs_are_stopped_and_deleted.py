"""Stop and delete, of running and of ended jobs, and deletion behind nbargo's back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbargo_shared import outcome
from nbargo_shared.labels import object_name
from nbargo_shared.status import DISAPPEARED, INTERRUPTED
from support import notebooks as make
from support.programs import is_running, wait_until_gone
from support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.access import Workflows
    from support.rest import Rest
    from support.stack import Stack

KILL_SECONDS = 60.0
ROW_SECONDS = 20.0


def running(stack: Stack) -> tuple[str, int]:
    """Submit a notebook that does not end, and return its job's id and its kernel's pid."""
    make.write(stack.place.notebooks / "endless.ipynb", make.PID_AND_WAIT)
    job_id = stack.rest.create("endless.ipynb", output_formats=["ipynb"])
    file = stack.staged(job_id) / "pid"
    pid = int(eventually(lambda: file.exists() and file.read_text(encoding="utf-8"), what="the kernel runs"))
    assert is_running(pid)
    return job_id, pid


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def wait_until_pod_is_gone(workflows: Workflows, job_id: str) -> None:
    eventually(lambda: not workflows.pods(object_name(job_id)), what="the pod is gone")


def test_stop_ends_the_kernel_by_argos_own_stop(stack: Stack, rest: Rest, workflows: Workflows) -> None:
    job_id, pid = running(stack)
    rest.wait_for(job_id, "IN_PROGRESS")
    rest.stop(job_id)
    wait_until_gone(pid, seconds=KILL_SECONDS)
    end = workflows.wait_end(object_name(job_id))
    job = rest.wait_for(job_id, "STOPPED", seconds=ROW_SECONDS)
    assert job["status_message"] is None
    assert job["start_time"] < job["end_time"]
    assert (end["status"]["phase"], end["status"]["message"]) == ("Failed", "Stopped with strategy 'Stop'")
    left = stack.staged(job_id) / "outcome.json"
    # Written when the kernel is gone, by a pod that Argo does not wait for.
    eventually(
        lambda: outcome.parse(left.read_bytes()).state is outcome.State.INTERRUPTED,
        what="the pod has left its last word",
        seconds=KILL_SECONDS,
    )


def test_stopping_a_job_that_has_ended_changes_nothing(stack: Stack, rest: Rest, notebooks: Path) -> None:
    make.write(notebooks / "short.ipynb", "pass")
    job_id = rest.create("short.ipynb", output_formats=["ipynb"])
    ended = rest.wait_for(job_id, "COMPLETED")
    version = stack.workflows()[job_id]["metadata"]["resourceVersion"]
    rest.stop(job_id)
    assert rest.job(job_id) == ended
    assert stack.workflows()[job_id]["metadata"]["resourceVersion"] == version


def test_delete_removes_everything_of_one_job_and_nothing_of_another(
    stack: Stack, rest: Rest, notebooks: Path, workflows: Workflows
) -> None:
    make.write(notebooks / "short.ipynb", "pass")
    kept, ended = (rest.create("short.ipynb", output_formats=["ipynb"]) for _ in range(2))
    for job_id in (kept, ended):
        rest.wait_for(job_id, "COMPLETED")
    live, pid = running(stack)
    row, files = stack.rows()[kept], contents(stack.staged(kept))
    for job_id in (ended, live):
        rest.delete(job_id)
        assert job_id not in rest.listed()
        assert not stack.staged(job_id).exists()
        assert job_id not in stack.workflows()
    wait_until_gone(pid, seconds=KILL_SECONDS)
    for job_id in (ended, live):
        wait_until_pod_is_gone(workflows, job_id)
        assert not stack.staged(job_id).exists(), "the job's end made its folder again"
    result = stack.once()
    assert result.returncode == 0, result.stderr
    rows = stack.rows()
    assert not {ended, live} & set(rows)
    assert rows[kept] == row
    assert contents(stack.staged(kept)) == files
    assert workflows.pods(object_name(kept))


def test_a_workflow_deleted_in_the_cluster_while_it_runs_fails_with_a_reason(
    stack: Stack, rest: Rest, workflows: Workflows
) -> None:
    job_id, pid = running(stack)
    rest.wait_for(job_id, "IN_PROGRESS")
    stack.delete_workflow(job_id)
    job = rest.wait_for(job_id, "FAILED")
    # Whether the pod's last word is there yet is a race.
    assert job["status_message"] in {DISAPPEARED, INTERRUPTED}
    assert job["start_time"] is not None
    wait_until_gone(pid, seconds=KILL_SECONDS)
    wait_until_pod_is_gone(workflows, job_id)
    assert stack.once().returncode == 0
    told = rest.job(job_id)
    assert (told["status"], told["status_message"]) == ("FAILED", INTERRUPTED)  # its last word is there by now
    assert told["end_time"] >= told["start_time"] == job["start_time"]
    assert stack.once().returncode == 0
    assert rest.job(job_id) == told
