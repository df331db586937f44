"""Delete removes Workflow, files and row of one job, and the row stays gone."""

from pathlib import Path

import pytest

from support import notebooks as make
from support.programs import wait_until_gone
from support.stack import Stack
from support.waiting import eventually

pytestmark = pytest.mark.e2e

KILL_SECONDS = 15.0


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_delete_removes_everything_of_one_job(stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "kept.ipynb", "pass")
    kept, gone = (stack.rest.create("kept.ipynb", package_input_folder=False) for _ in range(2))
    for job_id in (kept, gone):
        stack.rest.wait_for(job_id, "COMPLETED")
    before = contents(stack.staged(kept))
    stack.rest.delete(gone)
    assert gone not in stack.rest.listed()
    assert not stack.staged(gone).exists()
    assert gone not in stack.workflows()
    assert kept in stack.workflows()
    assert contents(stack.staged(kept)) == before
    result = stack.once()
    assert result.returncode == 0, result.stderr
    assert gone not in stack.rows()
    assert kept in stack.rows()


def test_deleting_a_running_job_ends_it(stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "endless.ipynb", make.PID_AND_WAIT)
    job_id = stack.rest.create("endless.ipynb")
    file = stack.staged(job_id) / "pid"
    pid = int(eventually(lambda: file.exists() and file.read_text(encoding="utf-8"), what="the kernel runs"))
    stack.rest.delete(job_id)
    wait_until_gone(pid, seconds=KILL_SECONDS)
    assert stack.once().returncode == 0
    assert job_id not in stack.rows()
    assert not stack.staged(job_id).exists()


def test_several_jobs_are_deleted_in_one_request(stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "batch.ipynb", "pass")
    ids = [stack.rest.create("batch.ipynb", output_formats=["ipynb"]) for _ in range(3)]
    for job_id in ids:
        stack.rest.wait_for(job_id, "COMPLETED")
    stack.rest.ok("DELETE", "batch/jobs", params={"job_id": ids[:2]})
    assert stack.rest.listed() & set(ids) == {ids[2]}
    assert set(stack.workflows()) & set(ids) == {ids[2]}


def test_a_job_whose_workflow_is_gone_can_be_deleted(stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "orphan.ipynb", "pass")
    job_id = stack.rest.create("orphan.ipynb")
    stack.rest.wait_for(job_id, "COMPLETED")
    stack.delete_workflow(job_id)
    stack.rest.delete(job_id)
    assert job_id not in stack.rest.listed()
    assert not stack.staged(job_id).exists()
