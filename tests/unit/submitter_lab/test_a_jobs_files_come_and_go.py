import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from jupyter_scheduler.exceptions import SchedulerError
from jupyter_scheduler.models import DescribeJob

from nbargo_shared import labels, record
from nbargo_shared.outcome import Outcome, State
from nbargo_submitter import ArgoScheduler, copying
from support.lab_bench import Bench, request, time_zone
from support.waiting import eventually


async def with_folder(scheduler: ArgoScheduler, notebook: str = "work/report.ipynb") -> str:
    job_id: str = await scheduler.create_job(request(input_uri=notebook, package_input_folder=True))
    return job_id


async def test_a_folder_comes_along_with_everything_a_notebook_may_read(bench: Bench) -> None:
    bench.notebook("work/report.ipynb")
    (bench.root / "work" / "data" / "deep").mkdir(parents=True)
    (bench.root / "work" / "data" / "deep" / "números.csv").write_text("1")
    (bench.root / "work" / ".env").write_text("A=1")
    (bench.root / "work" / ".ipynb_checkpoints").mkdir()
    (bench.root / "work" / ".ipynb_checkpoints" / "old.ipynb").write_text("{}")
    job_id = await with_folder(bench.scheduler())
    below = [path.removeprefix(f"{job_id}/") for path in bench.staged()[1:]]
    assert below == [".env", "data", "data/deep", "data/deep/números.csv", "report.ipynb"]


async def test_files_keep_their_modes_and_a_read_only_notebook_is_staged(bench: Bench) -> None:
    bench.notebook("work/report.ipynb").chmod(0o444)
    script = bench.root / "work" / "run.sh"
    script.write_text("true")
    script.chmod(0o755)
    folder = bench.staging / await with_folder(bench.scheduler())
    assert [(folder / name).stat().st_mode & 0o777 for name in ("report.ipynb", "run.sh")] == [0o444, 0o755]


async def test_neither_the_staging_area_nor_earlier_outputs_come_along(bench: Bench) -> None:
    bench.staging = bench.root / ".local" / "staging"
    bench.notebook()
    (bench.root / "jobs" / "old").mkdir(parents=True)
    (bench.root / "jobs" / "old" / "out.html").write_text("x")
    scheduler = bench.scheduler()
    await with_folder(scheduler, "report.ipynb")
    job_id = await with_folder(scheduler, "report.ipynb")
    staged = [path for path in bench.staged() if path.startswith(f"{job_id}/")]
    assert staged == [f"{job_id}/.local", f"{job_id}/report.ipynb"]


async def test_links_in_a_folder_neither_circle_nor_copy_a_foreign_folder(bench: Bench) -> None:
    bench.notebook("work/report.ipynb")
    (bench.folder / "shared").mkdir()
    (bench.folder / "shared" / "big.csv").write_text("1")
    (bench.root / "work" / "shared").symlink_to(bench.folder / "shared")
    (bench.root / "work" / "loop").symlink_to("..")
    (bench.root / "work" / "one.csv").symlink_to(bench.folder / "shared" / "big.csv")
    (bench.root / "work" / "broken").symlink_to("nowhere")
    folder = bench.staging / await with_folder(bench.scheduler())
    assert (folder / "shared").is_symlink()
    assert (folder / "shared" / "big.csv").read_text() == "1"
    assert (folder / "loop").resolve() == bench.root
    assert ((folder / "one.csv").is_symlink(), (folder / "one.csv").read_text()) == (False, "1")
    assert f"{folder.name}/broken" not in bench.staged()


async def test_a_pipe_in_a_folder_is_passed_over(bench: Bench) -> None:
    bench.notebook("work/report.ipynb")
    os.mkfifo(bench.root / "work" / "pipe")
    job_id = await with_folder(bench.scheduler())
    assert bench.staged() == [job_id, f"{job_id}/report.ipynb"]


async def test_a_folder_with_a_file_that_the_job_writes_itself_is_refused(bench: Bench) -> None:
    bench.notebook("work/report.ipynb")
    (bench.root / "work" / labels.OUTCOME_FILE).write_text("mine")
    with pytest.raises(SchedulerError, match=r"outcome\.json.*Rename"):
        await with_folder(bench.scheduler())
    assert (bench.staged(), bench.workflows()) == ([], [])


async def test_input_that_cannot_be_staged_leaves_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.notebook()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("os.copy_file_range", full)
    with pytest.raises(SchedulerError, match=r"report\.ipynb: No space left on device"):
        await bench.scheduler().create_job(request())
    assert (bench.staged(), bench.workflows()) == ([], [])


def local(bench: Bench, job: DescribeJob) -> Path:
    return bench.root / "jobs" / f"report-{job.job_id}"


async def ended(bench: Bench, scheduler: ArgoScheduler, job_id: str, **files: str) -> DescribeJob:
    """Play the pod: write the outputs and *files*, and let the row end."""
    job = await scheduler.get_job(job_id)
    folder = bench.staging / job_id
    paths = scheduler.get_staging_paths(job)
    outputs = {name: Path(paths[name]).name for name in job.output_formats or ()}
    for name, file in outputs.items():
        (folder / file).write_text(f"{name} of the job")
    for file, text in files.items():
        (folder / file).write_text(text)
    workflow = bench.workflow(job_id)
    assert workflow
    noted = record.parse(workflow["metadata"]["annotations"][labels.JOB_ANNOTATION])
    outcome = Outcome(
        job_id=job_id, workflow_uid="u", state=State.COMPLETED, started_at=1, ended_at=2, outputs=outputs, job=noted
    )
    (folder / labels.OUTCOME_FILE).write_text(outcome.to_json())
    bench.set_row(job_id, status="COMPLETED", packaged_files=list(files))
    described: DescribeJob = await scheduler.get_job(job_id)
    return described


async def test_a_download_brings_outputs_and_input_and_the_list_then_shows_them(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    job = await ended(
        bench, scheduler, await scheduler.create_job(request(output_formats=["ipynb", "html", "markdown"]))
    )
    assert not job.downloaded
    await bench.files_manager(scheduler).copy_from_staging(job.job_id)
    names = sorted(path.name for path in local(bench, job).iterdir())
    stem = names[0].removesuffix(".html")
    assert names == [f"{stem}.html", f"{stem}.ipynb", f"{stem}.md", "report.ipynb"]
    job = await scheduler.get_job(job.job_id)
    assert job.downloaded
    assert {file.file_format: file.file_path for file in job.job_files}[
        "html"
    ] == f"jobs/report-{job.job_id}/{stem}.html"


async def test_a_download_with_folder_brings_what_the_notebook_wrote_even_if_the_row_does_not_list_it(
    bench: Bench,
) -> None:
    bench.notebook("work/report.ipynb")
    scheduler = bench.scheduler()
    job_id = await with_folder(scheduler)
    (bench.staging / job_id / "sub").mkdir()
    (bench.staging / job_id / "sub" / "made.csv").write_text("2")
    job = await ended(bench, scheduler, job_id, side="1")
    bench.set_row(job_id, packaged_files=[])
    await bench.files_manager(scheduler).copy_from_staging(job_id)
    assert (local(bench, job) / "side").read_text() == "1"
    assert (local(bench, job) / "sub" / "made.csv").read_text() == "2"
    assert not (local(bench, job) / labels.OUTCOME_FILE).exists()


@pytest.mark.parametrize(("again", "text"), [(False, "edited"), ("false", "edited"), ("true", "html of the job")])
async def test_files_that_are_there_are_kept_unless_asked_for_again(bench: Bench, again: Any, text: str) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    job = await ended(bench, scheduler, await scheduler.create_job(request()))
    manager = bench.files_manager(scheduler)
    await manager.copy_from_staging(job.job_id)
    (html,) = local(bench, job).glob("*.html")
    html.write_text("edited")
    await manager.copy_from_staging(job.job_id, redownload=again)
    assert html.read_text() == text
    assert list(local(bench, job).glob(".*")) == []


async def test_a_missing_output_is_named_and_the_others_are_brought(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    job = await ended(bench, scheduler, await scheduler.create_job(request()))
    (html,) = (bench.staging / job.job_id).glob("*.html")
    html.unlink()
    with pytest.raises(SchedulerError, match=rf"not in the staging area: {html.name}\. .*status message"):
        await bench.files_manager(scheduler).copy_from_staging(job.job_id)
    assert len(list(local(bench, job).iterdir())) == 2


async def test_a_download_before_the_end_says_so(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    job_id = await scheduler.create_job(request())
    with pytest.raises(SchedulerError, match="has not ended yet"):
        await bench.files_manager(scheduler).copy_from_staging(job_id)


async def test_a_lab_folder_that_cannot_be_written_is_told(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    job = await ended(bench, scheduler, await scheduler.create_job(request()))
    (bench.root / "jobs").write_text("a file where the folder should be")
    with pytest.raises(SchedulerError, match=r"cannot be copied.*(Not a directory|File exists)"):
        await bench.files_manager(scheduler).copy_from_staging(job.job_id)


async def test_a_disk_that_is_full_during_a_download_is_told_and_leaves_no_part(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    job = await ended(bench, scheduler, await scheduler.create_job(request()))
    manager, copy, room = bench.files_manager(scheduler), os.copy_file_range, [2]

    def fill(*args: Any) -> int:
        room[0] -= 1
        if room[0] < 0:
            raise OSError(28, os.strerror(28))
        return copy(*args)

    with monkeypatch.context() as patch:
        patch.setattr(os, "copy_file_range", fill)
        with pytest.raises(SchedulerError, match=r"cannot be copied: .*: No space left on device\. Free some space"):
            await manager.copy_from_staging(job.job_id)
    assert len([path for path in local(bench, job).iterdir() if path.stat().st_size]) == 2
    assert list(local(bench, job).glob(".*")) == []
    await manager.copy_from_staging(job.job_id)
    assert (await scheduler.get_job(job.job_id)).downloaded


async def test_a_cancelled_download_leaves_no_part(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    job = await ended(bench, scheduler, await scheduler.create_job(request()), side="1" * 1000)
    loop, copy, tasks = asyncio.get_running_loop(), os.copy_file_range, list[asyncio.Task[None]]()

    def cancel(source: int, target: int, _size: int) -> int:
        loop.call_soon_threadsafe(tasks[0].cancel)
        return copy(source, target, 1)

    monkeypatch.setattr(os, "copy_file_range", cancel)
    monkeypatch.setattr(copying, "_shovel", lambda *_, **__: 0)
    tasks.append(asyncio.create_task(bench.files_manager(scheduler).copy_from_staging(job.job_id)))
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    # The copying thread hears of it at its next look, which may be after the task has ended.
    eventually(lambda: not list(local(bench, job).rglob("*.part")), what="the part is gone", seconds=20)


async def test_what_a_notebook_wrote_without_its_folder_is_brought(bench: Bench) -> None:
    bench.notebook("work/report.ipynb")
    (bench.root / "work" / "other.csv").write_text("1")
    scheduler = bench.scheduler()
    job_id = await scheduler.create_job(request(input_uri="work/report.ipynb"))
    job = await ended(bench, scheduler, job_id, side="1")
    assert [file.display_name for file in job.job_files] == ["Notebook", "HTML", "Input", "Files"]
    await bench.files_manager(scheduler).copy_from_staging(job_id)
    assert (local(bench, job) / "side").read_text() == "1"
    assert not (local(bench, job) / "other.csv").exists()
    assert (await scheduler.get_job(job_id)).downloaded


async def test_a_link_that_a_notebook_made_does_not_bring_foreign_files(bench: Bench) -> None:
    (bench.folder / "secret").write_text("hush")
    bench.notebook("work/report.ipynb")
    scheduler = bench.scheduler()
    job_id = await with_folder(scheduler)
    folder = bench.staging / job_id
    (folder / "leak").symlink_to(bench.folder / "secret")
    (folder / "leaks").symlink_to(bench.folder)
    job = await ended(bench, scheduler, job_id)
    (html,) = folder.glob("*.html")
    html.unlink()
    html.symlink_to(bench.folder / "secret")
    with pytest.raises(SchedulerError, match="not in the staging area"):
        await bench.files_manager(scheduler).copy_from_staging(job_id)
    assert sorted(path.suffix for path in local(bench, job).rglob("*")) == [".ipynb", ".ipynb"]


async def test_outputs_are_found_after_the_lab_moved_to_another_time_zone(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    job_id = await scheduler.create_job(request())
    await ended(bench, scheduler, job_id)
    with time_zone("Asia/Kathmandu", set_zone=time.tzset):
        await bench.files_manager(scheduler).copy_from_staging(job_id)
        assert (await scheduler.get_job(job_id)).downloaded


@pytest.mark.parametrize("text", ["", "[", json.dumps({"version": 99})])
async def test_an_outcome_file_that_is_none_does_not_stop_a_download(bench: Bench, text: str) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    job = await ended(bench, scheduler, await scheduler.create_job(request()))
    (bench.staging / job.job_id / labels.OUTCOME_FILE).write_text(text)
    await bench.files_manager(scheduler).copy_from_staging(job.job_id)
    assert (await scheduler.get_job(job.job_id)).downloaded
