"""A job's row comes from its object and record, with every column as jupyter-scheduler's own ORM writes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from jupyter_scheduler.models import DescribeJob
from jupyter_scheduler.orm import Job, create_session

from unit.watcher_store.world import ASKED, END, JOB, OBJECT, OUTCOME, RECORD, RUNNING, START, SUCCEEDED, World, see


@contextmanager
def session(database: Path) -> Iterator[Any]:
    """Open the database as jupyter-scheduler does."""
    maker = create_session(f"sqlite:///{database}")
    with maker() as opened:
        yield opened
    maker.kw["bind"].dispose()


async def test_a_new_workflow_gets_a_row_with_all_columns(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, OBJECT)
    assert world.row() == {
        "job_id": JOB,
        "job_definition_id": None,
        "name": "numbers",
        "status": "QUEUED",
        "status_message": None,
        "start_time": None,
        "end_time": None,
        "create_time": ASKED,
        "update_time": ASKED,
        "url": f"/jobs/{JOB}",
        "pid": None,
        "idempotency_token": "t",
        "runtime_environment_name": "python3",
        "runtime_environment_parameters": '{"cores": 2}',
        "compute_type": None,
        "input_filename": "numbers.ipynb",
        "output_formats": '["ipynb", "html"]',
        "tags": '["a"]',
        "parameters": '{"n": "3"}',
        "email_notifications": None,
        "timeout_seconds": 600,
        "retry_on_timeout": 0,
        "max_retries": 0,
        "min_retry_interval_millis": 0,
        "output_filename_template": "{{input_filename}}",
        "package_input_folder": 0,
        "packaged_files": "[]",
    }


async def test_the_columns_are_those_that_jupyter_schedulers_orm_writes(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, OBJECT)
    ours = world.row()
    world.sql("DELETE FROM jobs")
    values = asdict(RECORD) | {"status": "QUEUED", "update_time": ASKED}
    known = {name: value for name, value in values.items() if hasattr(Job, name)}
    with session(world.database) as opened:
        opened.add(Job(**known))
        opened.commit()
    assert ours == world.row()


async def test_jupyter_scheduler_reads_the_row(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, OBJECT)
    with session(world.database) as opened:
        job = DescribeJob.from_orm(opened.query(Job).one())
    assert (job.job_id, job.parameters, job.tags, job.packaged_files) == (JOB, {"n": "3"}, ["a"], [])


async def test_a_job_goes_through_its_statuses_with_times(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, OBJECT, RUNNING)
        running = world.row()
        await see(projector, SUCCEEDED)
    ended = world.row()
    assert running is not None
    assert ended is not None
    assert [running[name] for name in ("status", "start_time", "end_time", "update_time")] == [
        "IN_PROGRESS",
        START,
        None,
        START,
    ]
    assert [ended[name] for name in ("status", "start_time", "end_time", "update_time")] == [
        "COMPLETED",
        START,
        END,
        END,
    ]
    assert [str(change.row.status) for change in world.changes] == ["QUEUED", "IN_PROGRESS", "COMPLETED"]


async def test_the_outcome_file_gives_the_exact_times(world: World) -> None:
    world.leave(OUTCOME)
    async with world.projector() as projector:
        await see(projector, RUNNING, SUCCEEDED)
    row = world.row()
    assert row is not None
    assert (row["start_time"], row["end_time"]) == (OUTCOME.started_at, OUTCOME.ended_at)


@pytest.mark.parametrize("with_folder", [True, False])
async def test_files_that_a_run_left_are_listed(world: World, *, with_folder: bool) -> None:
    record = replace(RECORD, package_input_folder=with_folder)
    world.leave(replace(OUTCOME, job=record, files=("a.csv", "b/c.csv")))
    async with world.projector() as projector:
        await see(projector, replace(RUNNING, job_json=record.to_json()), replace(SUCCEEDED, job_json=record.to_json()))
    row = world.row()
    assert row is not None
    assert row["packaged_files"] == '["a.csv", "b/c.csv"]'
