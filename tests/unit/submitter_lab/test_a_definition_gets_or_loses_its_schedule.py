"""A job definition gets a schedule, or loses it: a CronWorkflow becomes a file, and a file a CronWorkflow."""

from typing import Any

import pytest
from aiohttp import web
from jupyter_scheduler.exceptions import SchedulerError
from jupyter_scheduler.models import UpdateJobDefinition

from nbargo_shared import labels
from nbargo_submitter import ArgoScheduler
from support.lab_bench import Bench, scheduled
from support.notebooks import write


def edit(**values: Any) -> UpdateJobDefinition:
    given: dict[str, Any] = values
    return UpdateJobDefinition(**given)


def watched(bench: Bench) -> ArgoScheduler:
    """Return a scheduler beside which `watcher --once` reads the files, and nothing else."""
    scheduler = bench.scheduler(wait_seconds=0.2)
    scheduler.supervisor.run_once = bench.once  # type: ignore[method-assign] # in place of `watcher --once`
    return scheduler


async def test_a_schedule_that_is_added_makes_a_cron_workflow_and_the_file_goes(bench: Bench) -> None:
    bench.notebook()
    scheduler = watched(bench)
    definition_id = await scheduler.create_job_definition(scheduled(schedule=None, timezone=None))
    await scheduler.update_job_definition(definition_id, edit(schedule="0 9 * * 7"))
    spec = bench.cron(definition_id)["spec"]
    assert (spec["schedules"], spec["timezone"]) == (["0 9 * * 0"], "UTC")
    assert not (bench.staging / definition_id / labels.DEFINITION_FILE).exists()
    row = await scheduler.get_job_definition(definition_id)
    assert (row.schedule, row.timezone) == ("0 9 * * 0", "UTC")


async def test_a_schedule_that_is_taken_away_leaves_a_file_and_the_runs(bench: Bench) -> None:
    bench.notebook()
    scheduler = watched(bench)
    definition_id = await scheduler.create_job_definition(scheduled())
    running = bench.tick(definition_id)
    await scheduler.update_job_definition(definition_id, edit(schedule=""))
    assert bench.crons() == []
    assert bench.written(definition_id).schedule is None
    assert [each["metadata"]["uid"] for each in bench.workflows()] == [running["metadata"]["uid"]]
    assert (await scheduler.get_job_definition(definition_id)).schedule is None


@pytest.mark.parametrize(("first", "then"), [(None, "@daily"), ("@daily", "")])
async def test_a_change_of_kind_that_the_cluster_refuses_leaves_the_definition_as_it_was(
    bench: Bench, first: str | None, then: str
) -> None:
    bench.notebook()
    scheduler = watched(bench)
    definition_id = await scheduler.create_job_definition(scheduled(schedule=first))
    crons, staged = bench.crons(), bench.staged()

    async def refuse(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response(bench.cron(definition_id)) if crons else _missing(definition_id)
        return web.json_response({"kind": "Status", "message": "not now"}, status=503)

    bench.before = refuse
    with pytest.raises(SchedulerError, match="not now"):
        await scheduler.update_job_definition(definition_id, edit(schedule=then))
    assert (bench.crons(), bench.staged()) == (crons, staged)


async def test_a_definition_without_a_schedule_is_edited_in_its_file(bench: Bench) -> None:
    bench.notebook()
    scheduler = watched(bench)
    definition_id = await scheduler.create_job_definition(scheduled(schedule=None))
    write(bench.root / "new.ipynb", "print('new')")
    await scheduler.update_job_definition(definition_id, edit(name="other", input_uri="new.ipynb", active=False))
    written = bench.written(definition_id)
    assert (written.name, written.input_filename, written.active) == ("other", "new.ipynb", False)
    assert (bench.staging / definition_id / written.files / "new.ipynb").is_file()
    assert (await scheduler.get_job_definition(definition_id)).name == "other"


def _missing(definition_id: str) -> web.Response:
    details = {"name": f"nb-{definition_id}"}
    return web.json_response({"kind": "Status", "message": "not found", "details": details}, status=404)
