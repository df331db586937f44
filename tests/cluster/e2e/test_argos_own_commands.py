"""`argo retry` opens a row again, `argo resubmit` leaves it alone."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from cluster.access import unique
from nbargo_shared.labels import object_name
from support import notebooks as make
from support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.access import Workflows
    from cluster.argocli import ArgoCli
    from support.rest import Rest
    from support.stack import Stack


@dataclass(frozen=True, slots=True)
class Gate:
    """A notebook that fails unless it is let in, and then waits until it is let out."""

    folder: Path

    def write(self, notebook: Path, *cells: str) -> None:
        enter = f"import pathlib, time\nfolder = pathlib.Path({str(self.folder)!r})\nif not folder.exists(): 1 / 0"
        wait = "(folder / 'inside').touch()\nwhile folder.exists(): time.sleep(0.02)"
        make.write(notebook, enter, wait, *cells, "print('ran')")

    def open(self) -> None:
        self.folder.mkdir(exist_ok=True)

    def wait_until_inside(self) -> None:
        eventually((self.folder / "inside").exists, what="the notebook is let in")

    def let_out(self) -> None:
        shutil.rmtree(self.folder)


@pytest.fixture
def gate(stack: Stack, notebooks: Path) -> Gate:
    gate = Gate(stack.place.root / unique("gate"))
    gate.write(notebooks / "gated.ipynb")
    return gate


def retry_and_see_it_run(stack: Stack, argo: ArgoCli, job_id: str, gate: Gate) -> None:
    """Retry a job that has ended and check its row while it runs; the gate is then open for its end."""
    before = stack.rest.job(job_id)
    gate.open()
    argo.retry(object_name(job_id))
    job = stack.rest.wait_for_another(job_id, before["status"])
    assert job["status"] == "IN_PROGRESS"
    assert job["status_message"] is None
    assert job["end_time"] is None
    assert job["start_time"] >= before["end_time"] // 1000 * 1000
    gate.wait_until_inside()
    gate.let_out()


def test_a_retried_job_is_open_again_and_then_completed(
    stack: Stack, rest: Rest, notebooks: Path, argo: ArgoCli, gate: Gate
) -> None:
    job_id = rest.create("gated.ipynb", output_formats=["ipynb"])
    failed = rest.wait_for(job_id, "FAILED")
    assert failed["status_message"] == "ZeroDivisionError: division by zero (cell 1)"
    retry_and_see_it_run(stack, argo, job_id, gate)
    job = rest.wait_for(job_id, "COMPLETED")
    assert job["status_message"] is None
    assert failed["end_time"] < job["start_time"] < job["end_time"]
    assert make.outputs_of(notebooks / rest.download(job_id)["ipynb"]) == "ran\n"


def test_a_retried_job_that_fails_again_says_the_new_reason(
    stack: Stack, rest: Rest, notebooks: Path, argo: ArgoCli, gate: Gate
) -> None:
    gate.write(notebooks / "gated.ipynb", "raise ValueError('another reason')")
    job_id = rest.create("gated.ipynb", output_formats=["ipynb"])
    failed = rest.wait_for(job_id, "FAILED")
    retry_and_see_it_run(stack, argo, job_id, gate)
    job = rest.wait_for(job_id, "FAILED")
    assert job["status_message"] == "ValueError: another reason (cell 3)"
    assert failed["end_time"] < job["start_time"] < job["end_time"]


def test_a_stopped_job_can_be_retried(
    stack: Stack, rest: Rest, workflows: Workflows, argo: ArgoCli, gate: Gate
) -> None:
    gate.open()
    job_id = rest.create("gated.ipynb", output_formats=["ipynb"])
    gate.wait_until_inside()
    rest.wait_for(job_id, "IN_PROGRESS")
    rest.stop(job_id)
    rest.wait_for(job_id, "STOPPED")
    # Argo calls a stopped workflow ended before its pod has, and gets stuck in a retry while that pod still ends.
    workflows.wait_ended_pod(object_name(job_id))
    gate.let_out()
    retry_and_see_it_run(stack, argo, job_id, gate)
    rest.wait_for(job_id, "COMPLETED")


def test_a_resubmitted_copy_does_not_touch_the_originals_row(
    stack: Stack, rest: Rest, workflows: Workflows, argo: ArgoCli, gate: Gate
) -> None:
    job_id = rest.create("gated.ipynb", output_formats=["ipynb"])
    rest.wait_for(job_id, "FAILED")
    rows = stack.rows()
    gate.open()
    copy = argo.resubmit(object_name(job_id))
    gate.wait_until_inside()
    assert stack.rows() == rows
    gate.let_out()
    assert workflows.wait_end(copy)["status"]["phase"] == "Succeeded"
    assert stack.once().returncode == 0
    assert stack.rows() == rows
    workflows.delete_all()
    eventually(lambda: not workflows.pods(copy), what="the copy is gone")
    assert stack.once().returncode == 0
    assert stack.rows() == rows
