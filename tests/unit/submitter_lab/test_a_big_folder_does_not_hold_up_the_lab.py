import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from jupyter_scheduler.exceptions import SchedulerError
from jupyter_scheduler.models import ListJobsQuery

from nbargo_submitter import copying
from support.lab_bench import Bench, request, scheduled


class Held:
    """Copies that wait until they are let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._loop = asyncio.get_running_loop()
        self._copy: Callable[..., int] = os.copy_file_range
        self.begun = asyncio.Event()
        self.gate = threading.Event()
        monkeypatch.setattr(os, "copy_file_range", self._wait)

    def _wait(self, *args: Any) -> int:
        self._loop.call_soon_threadsafe(self.begun.set)
        assert self.gate.wait(30)
        return self._copy(*args)


@pytest.fixture
async def held(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Held]:
    made = Held(monkeypatch)
    yield made
    made.gate.set()


async def test_the_lab_answers_while_a_folder_is_copied(bench: Bench, held: Held) -> None:
    bench.notebook("work/report.ipynb")
    scheduler = bench.scheduler()
    wanted = request(input_uri="work/report.ipynb", package_input_folder=True)
    submitted = asyncio.create_task(scheduler.create_job(wanted))
    await held.begun.wait()
    listed = await scheduler.list_jobs(ListJobsQuery())
    assert (listed.total_count, submitted.done()) == (0, False)
    held.gate.set()
    assert (bench.staging / await submitted / "report.ipynb").is_file()


async def test_the_servers_log_tells_how_far_a_copy_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(copying, "TELL_SECONDS", 0.0)
    bench.notebook("work/report.ipynb")
    (bench.root / "work" / "data.csv").write_text("1")
    scheduler = bench.scheduler()
    monkeypatch.setattr(scheduler.log, "propagate", True)
    with caplog.at_level(logging.INFO, logger=scheduler.log.name):
        await scheduler.create_job(request(input_uri="work/report.ipynb", package_input_folder=True))
    told = [record.getMessage() for record in caplog.records]
    assert [text for text in told if text.startswith("Copying the folder of 'report.ipynb': 2 of 2 files, ")]
    assert [text for text in told if text.startswith("Copied the folder of 'report.ipynb': 2 files, ")]


@pytest.mark.parametrize("token", [None, "again"])
async def test_a_cancelled_submission_leaves_nothing(bench: Bench, held: Held, token: str | None) -> None:
    bench.notebook("work/report.ipynb")
    wanted = request(input_uri="work/report.ipynb", package_input_folder=True, idempotency_token=token)
    submitted = asyncio.create_task(bench.scheduler().create_job(wanted))
    await held.begun.wait()
    submitted.cancel()
    asyncio.get_running_loop().call_soon(held.gate.set)
    with pytest.raises(asyncio.CancelledError):
        await submitted
    assert (bench.staged(), bench.workflows()) == ([], [])


@pytest.mark.parametrize("schedule", ["0 9 * * 1", None])
async def test_a_cancelled_definition_leaves_nothing(bench: Bench, held: Held, schedule: str | None) -> None:
    bench.notebook("work/report.ipynb")
    wanted = scheduled(input_uri="work/report.ipynb", schedule=schedule, package_input_folder=True)
    made = asyncio.create_task(bench.scheduler().create_job_definition(wanted))
    await held.begun.wait()
    made.cancel()
    asyncio.get_running_loop().call_soon(held.gate.set)
    with pytest.raises(asyncio.CancelledError):
        await made
    assert [path for path in bench.staged() if path.count("/")] == []
    assert (bench.crons(), bench.definition_ids()) == ([], [])


async def test_a_submission_that_is_cancelled_when_the_copy_has_just_ended_leaves_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    fill, loop, tasks = scheduler.staging.fill, asyncio.get_running_loop(), list[asyncio.Task[str]]()

    def fill_and_cancel(*args: Any, cancelled: threading.Event, **options: Any) -> None:
        fill(*args, cancelled=cancelled, **options)
        loop.call_soon_threadsafe(tasks[0].cancel)
        assert cancelled.wait(30)

    monkeypatch.setattr(scheduler.staging, "fill", fill_and_cancel)
    tasks.append(asyncio.create_task(scheduler.create_job(request())))
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    assert (bench.staged(), bench.workflows()) == ([], [])


async def test_a_server_that_stops_gives_up_its_submissions(bench: Bench, held: Held) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    submitted = asyncio.create_task(scheduler.create_job(request()))
    await held.begun.wait()
    await scheduler.close()
    held.gate.set()
    with pytest.raises(SchedulerError, match="The copy was given up"):
        await submitted
    assert (bench.staged(), bench.workflows()) == ([], [])
