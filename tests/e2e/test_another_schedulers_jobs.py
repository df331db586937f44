"""What docs/migrating.md says of the jobs and definitions that another scheduler has left in the same database."""

import json
from pathlib import Path
from typing import Any

import pytest
from jupyter_scheduler.orm import Job, JobDefinition, create_session, create_tables
from jupyter_scheduler.utils import create_output_filename

from support.notebooks import write
from support.stack import MakeStack, Stack

CREATED = 1_700_000_000_000  # milliseconds since 1970
DEFINITION = "d0000000-0000-4000-8000-000000000001"
STATUSES = ("COMPLETED", "FAILED", "IN_PROGRESS", "STOPPING", "QUEUED")
RUNS = ("b0000000-0000-4000-8000-000000000001", "b0000000-0000-4000-8000-000000000002")

Rows = tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]


def job(number: int) -> str:
    return f"a0000000-0000-4000-8000-00000000000{number}"


def leave_rows(stack: Stack) -> None:
    """Make jupyter-scheduler's tables, and rows as argo-jupyter-scheduler makes them."""
    url = f"sqlite:///{stack.place.database}"
    create_tables(url)
    common = {"runtime_environment_name": "global-analytics", "input_filename": "old.ipynb", "create_time": CREATED}
    formats = {"output_formats": ["ipynb", "html"], "parameters": {"a": "1"}}
    when = {"schedule": "0 2 * * *", "timezone": "UTC", "tags": [" Cron-Workflow "]}
    maker = create_session(url)
    with maker() as session:
        session.add(row(JobDefinition, job_definition_id=DEFINITION, name="nightly", **common, **formats, **when))
        for number, status in enumerate(STATUSES):
            session.add(row(Job, job_id=job(number), name=status, status=status, pid=4242, **common, **formats))
        for run in RUNS:
            of_definition = {"job_id": run, "job_definition_id": DEFINITION, "name": "nightly", "status": "COMPLETED"}
            session.add(row(Job, **of_definition, **common, **formats))
        session.commit()
    maker.kw["bind"].dispose()


def row(table: Any, **columns: Any) -> Any:
    """Return a row; the ORM's classes say nothing of their columns' types."""
    return table(**columns)


def leave_files(staging: Path) -> None:
    """Make a folder for each job, and one for all runs of the definition, to which each run has a link."""
    for owner in (*map(job, range(len(STATUSES))), DEFINITION):
        folder = staging / owner
        folder.mkdir(parents=True)
        for name in ("old.ipynb", *(create_output_filename("old.ipynb", CREATED, kind) for kind in ("ipynb", "html"))):
            (folder / name).write_text(json.dumps({"made": "before"}), encoding="utf-8")
    for run in RUNS:
        (staging / run).symlink_to(staging / DEFINITION)


@pytest.fixture
def old(make_stack: MakeStack) -> tuple[Stack, Rows]:
    """The stack of a user who comes from argo-jupyter-scheduler; the local Argo runs."""
    stack = make_stack(TZ="UTC")
    stack.start_argo()
    leave_rows(stack)
    leave_files(stack.place.staging)
    return stack, (stack.rows(), stack.definition_rows())


def kept(stack: Stack, before: Rows) -> bool:
    """Return whether every row that was there is there, unchanged."""
    jobs, definitions = stack.rows(), stack.definition_rows()
    return before[0].items() <= jobs.items() and before[1].items() <= definitions.items()


def test_no_run_of_the_watcher_touches_them(old: tuple[Stack, Rows]) -> None:
    stack, before = old
    for options in ((), ("--rebuild",)):
        ended = stack.once(*options)
        assert (ended.returncode, kept(stack, before)) == (0, True), options


def test_the_lab_lists_them_and_its_own_jobs_leave_them_alone(old: tuple[Stack, Rows]) -> None:
    stack, before = old
    stack.start_watcher()
    rest = stack.start_lab()
    write(stack.place.notebooks / "new.ipynb", "print(1)")
    assert rest.wait_for_end(rest.create("new.ipynb"))["status"] == "COMPLETED"
    assert before[0].keys() <= rest.listed()
    assert rest.defined() == {DEFINITION}
    assert kept(stack, before)
    for ended in (job(0), RUNS[0]):
        found = rest.download(ended)
        assert (stack.place.notebooks / found["html"]).read_text(encoding="utf-8") == json.dumps({"made": "before"})


def test_what_cannot_be_done_to_them_is_said_and_deleting_keeps_to_what_is_deleted(old: tuple[Stack, Rows]) -> None:
    stack, before = old
    rest = stack.start_lab()
    stop = rest.send("PATCH", f"jobs/{job(2)}", json={"status": "STOPPED"})
    assert "There is no workflow of this job to stop" in stop.json()["message"]
    for method, path, body in (
        ("PATCH", f"job_definitions/{DEFINITION}", {"active": False}),
        ("POST", f"job_definitions/{DEFINITION}/jobs", {}),
    ):
        assert f"There is no job definition '{DEFINITION}'" in rest.send(method, path, json=body).json()["message"]
    assert kept(stack, before)
    rest.delete(RUNS[0])
    assert (stack.staged(DEFINITION) / "old.ipynb").is_file()
    assert stack.staged(RUNS[1]).is_symlink()
    rest.delete(job(2))
    rest.undefine(DEFINITION)
    assert not stack.staged(DEFINITION).exists()
    left = {job(number) for number in range(len(STATUSES))} - {job(2)}
    assert (stack.rows(), stack.definition_rows()) == ({each: before[0][each] for each in left}, {})
