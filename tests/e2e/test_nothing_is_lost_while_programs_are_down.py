"""The cluster and the outcome files are the truth: the watcher, the lab and the database may all be lost."""

import pytest

from support import notebooks as make
from support.stack import MakeStack, Stack
from support.waiting import eventually

pytestmark = pytest.mark.e2e

ALL_RIGHT = 0


def started(stack: Stack, *lab_options: str) -> Stack:
    stack.start_argo()
    stack.start_watcher()
    stack.start_lab(*lab_options)
    return stack


def test_a_job_that_ended_and_was_collected_while_the_watcher_was_dead(make_stack: MakeStack) -> None:
    stack = started(make_stack(NBARGO_WATCHER="sidecar"), "--ArgoScheduler.workflow_ttl=1")
    gate = stack.place.root / "gate"
    cell = f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.02)"
    make.write(stack.place.notebooks / "gated.ipynb", cell)
    job_id = stack.rest.create("gated.ipynb")
    stack.rest.wait_for(job_id, "IN_PROGRESS")
    stack.kill("watcher")
    gate.touch()
    eventually(lambda: job_id not in stack.workflows(), what="the Workflow was collected")
    assert stack.rest.job(job_id)["status"] == "IN_PROGRESS"
    stack.start_watcher()
    job = stack.rest.wait_for(job_id, "COMPLETED")
    assert job["create_time"] <= job["start_time"] < job["end_time"]
    assert (stack.staged(job_id) / "outcome.json").stat().st_mtime == pytest.approx(job["end_time"] / 1000, abs=1)


def test_a_lost_database_comes_back_column_by_column(make_stack: MakeStack) -> None:
    stack = started(make_stack())
    folder = stack.place.notebooks / "folder"
    make.write(folder / "ok.ipynb", "print(a)", parameters="a = 1")
    make.write(stack.place.notebooks / "fails.ipynb", "1 / 0")
    make.write(stack.place.notebooks / "endless.ipynb", make.PID_AND_WAIT)
    rest = stack.rest
    full = {
        "parameters": {"a": '"{{x}}"'},
        "tags": ["x"],
        "package_input_folder": True,
        "idempotency_token": "once",
        "runtime_environment_parameters": {"cpu": 2},
    }
    ended = [rest.create("folder/ok.ipynb", **full), rest.create("fails.ipynb")]
    stopped = rest.create("endless.ipynb")
    for job_id in ended:
        rest.wait_for_end(job_id)
    rest.wait_for(stopped, "IN_PROGRESS")
    rest.stop(stopped)
    rest.wait_for(stopped, "STOPPED")
    before = stack.rows()
    assert {row["status"] for row in before.values()} == {"COMPLETED", "FAILED", "STOPPED"}

    stack.stop("lab")
    stack.stop("watcher")
    stack.place.database.unlink()
    stack.environment["NBARGO_WATCHER"] = "sidecar"
    stack.start_lab()
    assert stack.rows() == {}
    result = stack.once()
    assert result.returncode == ALL_RIGHT, result.stderr
    assert stack.rows() == before

    file_before = stack.place.database.read_bytes()
    assert stack.once().returncode == ALL_RIGHT
    assert stack.place.database.read_bytes() == file_before, "nothing had changed, and yet something was written"


def test_a_deleted_row_does_not_come_back_with_a_new_watcher(make_stack: MakeStack) -> None:
    stack = started(make_stack())
    make.write(stack.place.notebooks / "short.ipynb", "pass")
    kept, gone = (stack.rest.create("short.ipynb") for _ in range(2))
    for job_id in (kept, gone):
        stack.rest.wait_for(job_id, "COMPLETED")
    stack.kill("watcher")
    stack.rest.delete(gone)
    stack.start_watcher()
    assert stack.once().returncode == ALL_RIGHT
    assert set(stack.rows()) == {kept}


def test_the_watcher_waits_for_a_database_that_is_not_there_yet(make_stack: MakeStack) -> None:
    stack = make_stack(NBARGO_WATCHER="sidecar")
    stack.start_argo()
    watcher = stack.start_watcher()
    stack.start_lab()
    make.write(stack.place.notebooks / "short.ipynb", "pass")
    stack.rest.wait_for(stack.rest.create("short.ipynb"), "COMPLETED")
    watcher.check_alive()
