"""What a run leaves that ended early is offered for what its row says, and what a running job writes is copied."""

import os
from pathlib import Path
from typing import Any

import pytest
from jupyter_scheduler.exceptions import SchedulerError
from jupyter_scheduler.models import DescribeJob

from nbargo_shared import labels, record
from nbargo_shared.outcome import Outcome, State
from nbargo_submitter import ArgoScheduler, formats
from support.lab_bench import Bench, request


def played(bench: Bench, job_id: str, *names: str, state: State = State.RUNNING) -> dict[str, Path]:
    """Play a pod that has written these formats; return their paths."""
    workflow = bench.workflow(job_id)
    assert workflow
    noted = record.parse(workflow["metadata"]["annotations"][labels.JOB_ANNOTATION])
    outputs = {name: noted.output_files[name] for name in names}
    paths = {name: bench.staging / job_id / file for name, file in outputs.items()}
    for name, path in paths.items():
        path.write_text(f"the {name}", encoding="utf-8")
    ended = None if state is State.RUNNING else 2
    kept = {} if state is State.RUNNING else outputs
    outcome = Outcome(
        job_id=job_id, workflow_uid="u", state=state, started_at=1, ended_at=ended, outputs=kept, job=noted
    )
    (bench.staging / job_id / labels.OUTCOME_FILE).write_text(outcome.to_json())
    return paths


async def job_of(bench: Bench, scheduler: ArgoScheduler, **settings: Any) -> DescribeJob:
    bench.notebook()
    job: DescribeJob = await scheduler.get_job(await scheduler.create_job(request(**settings)))
    return job


def offered(job: DescribeJob) -> dict[str, str]:
    return {file.file_format: file.display_name for file in job.job_files}


def copied(bench: Bench, job: DescribeJob) -> set[str]:
    return {path.suffix for path in (bench.root / "jobs" / f"report-{job.job_id}").iterdir()}


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        ("FAILED", {"ipynb": "Notebook", "log": "Log"}),
        ("STOPPED", {"ipynb": "Notebook", "log": "Log"}),
        ("COMPLETED", {}),
        ("IN_PROGRESS", {}),
        ("QUEUED", {}),
    ],
)
async def test_the_notebook_and_the_log_are_offered_of_a_run_that_ended_early(
    bench: Bench, status: str, kept: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = bench.scheduler()
    job = await job_of(bench, scheduler, output_formats=["html"])
    bench.set_row(job.job_id, status=status)
    looked: list[str] = []
    monkeypatch.setattr(scheduler, "file_exists", looked.append)
    described = await scheduler.get_job(job.job_id)
    assert offered(described) == {"html": "HTML", **kept, "input": "Input"}
    assert looked == [], "nothing was downloaded, so there is nothing to look for"


async def test_a_failed_run_downloads_with_its_notebook_and_log(bench: Bench) -> None:
    scheduler = bench.scheduler()
    job = await job_of(bench, scheduler, output_formats=["html"])
    played(bench, job.job_id, "html", "ipynb", "log", state=State.FAILED)
    bench.set_row(job.job_id, status="FAILED")
    await bench.files_manager(scheduler).copy_from_staging(job.job_id)
    assert copied(bench, job) == {".html", ".ipynb", ".log"}
    assert (await scheduler.get_job(job.job_id)).downloaded


async def test_a_pod_that_was_killed_has_left_what_it_had(bench: Bench) -> None:
    scheduler = bench.scheduler()
    job = await job_of(bench, scheduler, output_formats=["ipynb"])
    played(bench, job.job_id, "ipynb", "log", state=State.RUNNING)
    bench.set_row(job.job_id, status="FAILED")
    await bench.files_manager(scheduler).copy_from_staging(job.job_id)
    assert copied(bench, job) == {".ipynb", ".log"}


async def test_a_pod_that_never_ran_has_left_nothing_and_only_what_was_asked_for_is_missed(bench: Bench) -> None:
    scheduler = bench.scheduler()
    job = await job_of(bench, scheduler, output_formats=["html"])
    bench.set_row(job.job_id, status="FAILED")
    with pytest.raises(SchedulerError, match=r"The file is not in the staging area: \S+\.html\."):
        await bench.files_manager(scheduler).copy_from_staging(job.job_id)


async def test_the_log_of_a_running_job_is_copied_and_again_when_there_is_more(bench: Bench) -> None:
    scheduler = bench.scheduler()
    job = await job_of(bench, scheduler, output_formats=["log"])
    bench.set_row(job.job_id, status="IN_PROGRESS")
    log = played(bench, job.job_id, "log", "ipynb")["log"]
    await bench.files_manager(scheduler).copy_from_staging(job.job_id)
    assert copied(bench, job) == {".log", ".ipynb"}, "the notebook here is the input: the output is no side-effect file"
    target = bench.root / "jobs" / f"report-{job.job_id}" / log.name
    assert target.read_text() == "the log"
    assert {path.name for path in target.parent.iterdir()} == {log.name, "report.ipynb"}

    log.write_text("the log, and more")
    later = target.stat().st_mtime_ns + 1
    os.utime(log, ns=(later, later))
    await bench.files_manager(scheduler).copy_from_staging(job.job_id)
    assert target.read_text() == "the log, and more"

    target.write_text("noted by hand")
    await bench.files_manager(scheduler).copy_from_staging(job.job_id)
    assert target.read_text() == "noted by hand"


def test_the_log_is_offered_by_default() -> None:
    assert "log" in formats.DEFAULT_FORMATS
    assert formats.label("log") == "Log"
    assert formats.made(["html", "log"]) == ("html", "log", "ipynb")
    assert formats.patterns("a.ipynb", names=["log"]) == {"log": "a-{time}.log"}
