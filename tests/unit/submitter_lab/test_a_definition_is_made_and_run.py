"""Job definitions: made as CronWorkflows or as files, run when asked for, and nothing half done."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from jupyter_scheduler.exceptions import InputUriError, SchedulerError
from jupyter_scheduler.models import CreateJobFromDefinition, JobFeature

from nbargo_shared import labels, record
from nbargo_submitter import ArgoExecutionManager
from support.lab_bench import Bench, scheduled, time_zone
from support.notebooks import write


async def test_a_definition_is_a_cron_workflow_with_its_notebook_staged_and_is_listed(bench: Bench) -> None:
    notebook = bench.notebook()
    definition_id = await bench.scheduler().create_job_definition(scheduled(parameters={"x": "{{y}}"}, tags=["t"]))
    noted = bench.noted(definition_id)
    assert (noted.definition_id, noted.name, noted.parameters, noted.tags) == (
        definition_id,
        "report",
        {"x": "{{y}}"},
        ("t",),
    )
    assert (noted.schedule, noted.timezone, noted.active) == ("0 9 * * 1", "Europe/Berlin", True)
    assert noted.create_time == noted.update_time
    assert bench.versions(definition_id) == [noted.files]
    staged = bench.staging / definition_id / noted.files / "report.ipynb"
    assert staged.read_bytes() == notebook.read_bytes()
    assert bench.definition_ids() == [definition_id]
    assert not (bench.staging / definition_id / labels.DEFINITION_FILE).exists()
    assert bench.workflows() == []


async def test_a_definition_without_a_schedule_is_a_file_and_is_listed(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    scheduler.supervisor.run_once = bench.once  # type: ignore[method-assign] # in place of `watcher --once`
    definition_id = await scheduler.create_job_definition(scheduled(schedule=None, timezone=None))
    assert bench.crons() == []
    written = bench.written(definition_id)
    assert (written.schedule, written.timezone) == (None, None)
    assert bench.definition_ids() == [definition_id]
    names = {path.name for path in (bench.staging / definition_id).iterdir()}
    assert names == {written.files, labels.DEFINITION_FILE}


@pytest.mark.parametrize(
    ("values", "sent"),
    [
        ({"schedule": " 30  9 * * sun "}, ("30 9 * * 0", "Europe/Berlin")),
        ({"schedule": "@Daily", "timezone": None}, ("@daily", "UTC")),
    ],
)
async def test_the_list_shows_the_schedule_as_argo_has_it(
    bench: Bench, values: dict[str, Any], sent: tuple[str, str]
) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    definition_id = await scheduler.create_job_definition(scheduled(**values))
    spec = bench.cron(definition_id)["spec"]
    row = await scheduler.get_job_definition(definition_id)
    assert (spec["schedules"], spec["timezone"]) == ([sent[0]], sent[1])
    assert (row.schedule, row.timezone) == sent


async def test_the_folder_comes_along(bench: Bench) -> None:
    bench.notebook("folder/report.ipynb")
    (bench.root / "folder" / "data.csv").write_text("1")
    definition_id = await bench.scheduler().create_job_definition(
        scheduled(input_uri="folder/report.ipynb", package_input_folder=True)
    )
    folder = bench.staging / definition_id / bench.noted(definition_id).files
    assert {path.name for path in folder.iterdir()} == {"report.ipynb", "data.csv"}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"schedule": "0 9 * *"}, "it has 4 fields"),
        ({"schedule": "0 0 0 * * *"}, "it has 6 fields"),
        ({"schedule": "@reboot"}, "only @yearly"),
        ({"timezone": "Europe/Atlantis"}, "no time zone 'Europe/Atlantis'"),
        ({"runtime_environment_name": "gone"}, "no environment 'gone'"),
        ({"output_formats": ["pdf"]}, "does not write the format 'pdf'"),
        ({"parameters": {"a b": "1"}}, "parameter name 'a b'"),
        ({"name": "x" * 257}, "'name'"),
        ({"input_filename": "../x.ipynb"}, "plain file name"),
        ({"parameters": {"a": "x" * 5000, "b": "y" * 70_000}}, "bytes"),
        ({"schedule": None, "parameters": {"a b": "1"}}, "parameter name 'a b'"),
    ],
)
async def test_what_cannot_be_scheduled_is_refused_in_one_sentence_and_leaves_nothing(
    bench: Bench, values: dict[str, Any], says: str
) -> None:
    bench.notebook()
    with pytest.raises(SchedulerError, match=says) as caught:
        await bench.scheduler().create_job_definition(scheduled(**values))
    assert "\n" not in str(caught.value)
    assert not bench.staging.exists() or bench.staged() == []
    assert bench.crons() == []
    assert bench.definition_ids() == []


async def test_a_missing_notebook_is_an_input_error(bench: Bench) -> None:
    with pytest.raises(InputUriError):
        await bench.scheduler().create_job_definition(scheduled())
    assert bench.crons() == []


@pytest.mark.parametrize("status", [403, 422, 503])
async def test_what_the_cluster_refuses_leaves_nothing(bench: Bench, status: int) -> None:
    async def refuse(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "Status", "message": "no", "code": status}, status=status)

    bench.notebook()
    bench.before = refuse
    with pytest.raises(SchedulerError, match="no"):
        await bench.scheduler().create_job_definition(scheduled())
    assert bench.staged() == []


async def test_a_request_that_a_proxy_sent_twice_makes_one_definition(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    original = scheduler.cluster.create

    async def create_twice(*args: Any, **kwargs: Any) -> dict[str, Any]:
        await original(*args, **kwargs)
        return await original(*args, **kwargs)

    scheduler.cluster.create = create_twice  # type: ignore[method-assign] # a fault
    definition_id = await scheduler.create_job_definition(scheduled())
    assert bench.definition_ids() == [definition_id]
    assert len(bench.crons()) == 1


async def test_it_is_offered(bench: Bench) -> None:  # noqa: ARG001 - the settings of the machine are off
    assert ArgoExecutionManager.supported_features()[JobFeature.job_definition]


async def test_the_policy_and_the_field_are_settings(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler(
        schedule_field="schedule",
        concurrency_policy="Replace",
        starting_deadline_seconds=60,
        successful_runs_kept=1,
        failed_runs_kept=2,
    )
    spec = bench.cron(await scheduler.create_job_definition(scheduled()))["spec"]
    assert (spec["schedule"], "schedules" in spec) == ("0 9 * * 1", False)
    assert (spec["concurrencyPolicy"], spec["startingDeadlineSeconds"]) == ("Replace", 60)
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (1, 2)


# Run now


async def test_run_now_is_a_job_with_the_definitions_settings_and_its_input(bench: Bench) -> None:
    notebook = bench.notebook()
    before = notebook.read_bytes()
    scheduler = bench.scheduler()
    definition_id = await scheduler.create_job_definition(scheduled(parameters={"x": "1"}, tags=["t"]))
    write(notebook, "print('edited since')")
    job_id = await scheduler.create_job_from_definition(definition_id, CreateJobFromDefinition())
    workflow = bench.workflow(job_id)
    assert workflow is not None
    assert workflow["metadata"]["labels"] == {
        labels.USER_LABEL: "alice",
        labels.JOB_LABEL: job_id,
        labels.DEFINITION_LABEL: definition_id,
    }
    made = record.parse(workflow["metadata"]["annotations"][labels.JOB_ANNOTATION])
    assert (made.job_definition_id, made.name, made.parameters, made.tags) == (
        definition_id,
        "report",
        {"x": "1"},
        ("t",),
    )
    assert (bench.staging / job_id / "report.ipynb").read_bytes() == before
    assert bench.row_ids() == [job_id]


async def test_run_now_takes_other_parameters_in_place_of_the_definitions(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    definition_id = await scheduler.create_job_definition(scheduled(parameters={"x": "1", "y": "2"}))
    model = CreateJobFromDefinition(parameters={"x": "5"})
    job_id = await scheduler.create_job_from_definition(definition_id, model)
    workflow = bench.workflow(job_id)
    assert workflow is not None
    assert record.parse(workflow["metadata"]["annotations"][labels.JOB_ANNOTATION]).parameters == {"x": "5"}
    assert bench.noted(definition_id).parameters == {"x": "1", "y": "2"}


async def test_run_now_works_without_a_schedule(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    scheduler.supervisor.run_once = bench.once  # type: ignore[method-assign] # in place of `watcher --once`
    definition_id = await scheduler.create_job_definition(scheduled(schedule=None))
    job_id = await scheduler.create_job_from_definition(definition_id, CreateJobFromDefinition())
    assert bench.row_ids() == [job_id]


async def test_run_now_of_a_definition_that_is_gone_is_told(bench: Bench) -> None:
    gone = "0b8ff6a5-9f7c-4f1c-9a0e-3a8e6d1f2c77"
    with pytest.raises(SchedulerError, match=r"no job definition '0b8ff6a5.*reload"):
        await bench.scheduler().create_job_from_definition(gone, CreateJobFromDefinition())


async def test_another_users_definition_is_none(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    definition_id = await scheduler.create_job_definition(scheduled())
    bench.patch_cron(definition_id, {"metadata": {"labels": {labels.USER_LABEL: "bob"}}})
    with pytest.raises(SchedulerError, match="no job definition"):
        await scheduler.create_job_from_definition(definition_id, CreateJobFromDefinition())


async def test_the_names_of_a_runs_files_are_in_utc_whoever_started_it(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    definition_id = await scheduler.create_job_definition(scheduled())
    scheduled_run = bench.tick(definition_id)
    job_id = await scheduler.create_job_from_definition(definition_id, CreateJobFromDefinition())
    with time_zone("Asia/Tokyo", set_zone=time.tzset):
        for found in (job_id, scheduled_run["metadata"]["uid"]):
            job = await scheduler.get_job(found)
            moment = datetime.fromtimestamp(job.create_time / 1000, UTC)
            assert scheduler.get_job_filenames(job)["html"] == f"report-{moment:%Y-%m-%d-%I-%M-%S-%p}.html"


async def test_two_runs_at_once_are_two_jobs(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    definition_id = await scheduler.create_job_definition(scheduled())
    model = CreateJobFromDefinition()
    made = await asyncio.gather(*(scheduler.create_job_from_definition(definition_id, model) for _ in range(2)))
    assert len(set(made)) == 2
    assert sorted(bench.row_ids()) == sorted(made)
