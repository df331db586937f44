"""Scheduled runs are found by their uid and touched one at a time; a definition goes with all that belongs to it."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from jupyter_scheduler.exceptions import SchedulerError
from jupyter_scheduler.models import CreateJobFromDefinition, ListJobsQuery, UpdateJob

from nbargo_local.api.store import WORKFLOWS
from nbargo_shared import labels, run
from nbargo_shared.outcome import Outcome, State
from nbargo_shared.times import to_milliseconds
from nbargo_submitter import ArgoScheduler
from support.lab_bench import NAMESPACE, Bench, request, scheduled

TIMES = ("2026-11-23T08:00:00+00:00", "2026-11-23T09:00:00+00:00", "2026-11-23T10:00:00+00:00")


async def made(bench: Bench) -> tuple[ArgoScheduler, str]:
    bench.notebook()
    scheduler = bench.scheduler()
    return scheduler, await scheduler.create_job_definition(scheduled())


def ran(bench: Bench, workflow: dict[str, Any]) -> str:
    """Leave what the pod of a run leaves, and return the run's id."""
    metadata = workflow["metadata"]
    created = to_milliseconds(metadata["creationTimestamp"]) or 0
    job = run.run_record(metadata["annotations"][labels.JOB_ANNOTATION], uid=metadata["uid"], created_ms=created)
    folder = bench.staging / job.job_id
    folder.mkdir()
    for name in ("report.ipynb", *job.output_files.values()):
        (folder / name).write_text(f"{name} of {job.job_id}")
    left = Outcome(job_id=job.job_id, workflow_uid=job.job_id, state=State.COMPLETED, started_at=1, ended_at=2, job=job)
    (folder / labels.OUTCOME_FILE).write_text(left.to_json())
    return job.job_id


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def names(bench: Bench) -> set[str]:
    return {each["metadata"]["name"] for each in bench.workflows()}


async def test_runs_are_listed_by_their_definition(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    runs = [bench.tick(definition_id, when)["metadata"]["uid"] for when in TIMES]
    await scheduler.create_job(request())
    answer = await scheduler.list_jobs(ListJobsQuery(job_definition_id=definition_id))
    assert {job.job_id for job in answer.jobs} == set(runs)
    assert (await scheduler.get_job(runs[0])).job_definition_id == definition_id


async def test_deleting_one_run_leaves_the_definition_and_the_other_runs_as_they_were(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    workflows = [bench.tick(definition_id, when) for when in TIMES]
    first, *others = [ran(bench, workflow) for workflow in workflows]
    before = {each: digests(bench.staging / each) for each in (*others, definition_id)}
    await scheduler.delete_job(first)
    assert not (bench.staging / first).exists()
    assert {each: digests(bench.staging / each) for each in (*others, definition_id)} == before
    assert names(bench) == {workflow["metadata"]["name"] for workflow in workflows[1:]}
    assert sorted(bench.row_ids()) == sorted(others)
    assert bench.cron(definition_id)["spec"]["suspend"] is False


async def test_a_run_is_stopped_alone(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    workflows = [bench.tick(definition_id, when) for when in TIMES]
    await scheduler.stop_job(workflows[1]["metadata"]["uid"])
    stopped = {each["metadata"]["name"] for each in bench.workflows() if each["spec"].get("shutdown")}
    assert stopped == {workflows[1]["metadata"]["name"]}


async def test_a_job_that_was_started_from_a_definition_is_stopped_and_deleted_alone(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    scheduled_run = bench.tick(definition_id)
    job_id = await scheduler.create_job_from_definition(definition_id, CreateJobFromDefinition())
    await scheduler.stop_job(job_id)
    await scheduler.delete_job(job_id)
    (left,) = bench.workflows()
    assert left["metadata"]["name"] == scheduled_run["metadata"]["name"]
    assert "shutdown" not in left["spec"]


async def test_a_run_is_renamed_alone(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    first, second = (bench.tick(definition_id, when)["metadata"]["uid"] for when in TIMES[:2])
    await scheduler.update_job(first, UpdateJob(name="the first"))
    assert (await scheduler.get_job(first)).name == "the first"
    assert (await scheduler.get_job(second)).name == "report"
    assert bench.noted(definition_id).name == "report"


async def test_a_run_whose_workflow_is_gone_is_deleted_and_not_stopped(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    workflow = bench.tick(definition_id)
    job_id = ran(bench, workflow)
    bench.server.store.delete(WORKFLOWS, NAMESPACE, workflow["metadata"]["name"])
    with pytest.raises(SchedulerError, match="no workflow of this job to stop"):
        await scheduler.stop_job(job_id)
    with pytest.raises(SchedulerError, match="keeps its name"):
        await scheduler.update_job(job_id, UpdateJob(name="x"))
    await scheduler.delete_job(job_id)
    assert bench.row_ids() == []
    assert bench.staged()[0] == definition_id


# The definition


async def test_a_definition_goes_with_its_runs_their_files_and_their_rows(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    running, ended = bench.tick(definition_id), bench.tick(definition_id, TIMES[1])
    ran(bench, running)
    ran(bench, ended)
    await scheduler.create_job_from_definition(definition_id, CreateJobFromDefinition())
    other = await scheduler.create_job(request())
    another = await scheduler.create_job_definition(scheduled(name="another"))
    await scheduler.delete_job_definition(definition_id)
    assert names(bench) == {f"nb-{other}"}
    assert [each["metadata"]["name"] for each in bench.crons()] == [f"nb-{another}"]
    assert {path.name for path in bench.staging.iterdir()} == {other, another}
    assert (bench.row_ids(), bench.definition_ids()) == ([other], [another])


async def test_running_runs_are_stopped_before_anything_is_deleted(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    bench.tick(definition_id)
    seen: list[tuple[str, str]] = []

    def note(request: web.Request) -> None:
        if request.method in {"PATCH", "DELETE"}:
            body = json.loads(request._read_bytes or b"{}").get("spec", {})
            seen.append((request.method, next(iter(body), request.path.split("/")[-2])))

    bench.after = note
    await scheduler.delete_job_definition(definition_id)
    assert seen == [
        ("PATCH", "suspend"),
        ("PATCH", "shutdown"),
        ("DELETE", "workflows"),
        ("DELETE", "cronworkflows"),
    ]


async def test_a_run_that_begins_while_its_definition_is_deleted_goes_too(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)

    async def tick_late(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.method == "DELETE" and "cronworkflows" in request.path:
            ran(bench, bench.tick(definition_id))
        answer: web.StreamResponse = await handler(request)
        return answer

    bench.around = tick_late
    await scheduler.delete_job_definition(definition_id)
    assert bench.workflows() == []
    assert bench.staged() == []
    assert bench.row_ids() == []


async def test_runs_that_only_their_outcome_file_tells_of_go_too(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    workflow = bench.tick(definition_id)
    job_id = ran(bench, workflow)
    bench.server.store.delete(WORKFLOWS, NAMESPACE, workflow["metadata"]["name"])
    scheduler.rows.delete_job(job_id)  # as if no watcher had ever seen it
    await scheduler.delete_job_definition(definition_id)
    assert bench.staged() == []


async def test_a_definition_without_a_schedule_is_deleted(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    scheduler.supervisor.run_once = bench.once  # type: ignore[method-assign] # in place of `watcher --once`
    definition_id = await scheduler.create_job_definition(scheduled(schedule=None))
    await scheduler.create_job_from_definition(definition_id, CreateJobFromDefinition())
    await scheduler.delete_job_definition(definition_id)
    assert (bench.staged(), bench.row_ids(), bench.definition_ids(), names(bench)) == ([], [], [], set())


@pytest.mark.parametrize("failing", range(8))
async def test_a_deletion_that_fails_anywhere_is_finished_by_the_next(bench: Bench, failing: int) -> None:
    scheduler, definition_id = await made(bench)
    ran(bench, bench.tick(definition_id))
    count = 0

    async def fail_once(request: web.Request, handler: Callable[..., Awaitable[Any]]) -> web.StreamResponse:
        nonlocal count
        count += 1
        if count - 1 == failing:
            return web.json_response({"kind": "Status", "message": "not now"}, status=503)
        answer: web.StreamResponse = await handler(request)
        return answer

    bench.around = fail_once
    try:
        await scheduler.delete_job_definition(definition_id)
    except SchedulerError:
        assert bench.definition_ids() == [definition_id], "it can be deleted again"
        assert all(cron["spec"]["suspend"] for cron in bench.crons()) or failing < 2
        await scheduler.delete_job_definition(definition_id)
    assert count > failing or failing >= 7
    assert (bench.staged(), bench.row_ids(), bench.definition_ids(), names(bench)) == ([], [], [], set())
    assert bench.crons() == []


async def test_a_second_deletion_says_that_there_is_none(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    await scheduler.delete_job_definition(definition_id)
    with pytest.raises(SchedulerError, match="no job definition"):
        await scheduler.delete_job_definition(definition_id)
    assert bench.staged() == []


async def test_what_a_deletion_with_kubectl_left_can_be_deleted(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    await scheduler.cluster.delete(f"nb-{definition_id}", resource="cronworkflows")
    scheduler.rows.delete_definition(definition_id)  # as the watcher does it
    await scheduler.delete_job_definition(definition_id)
    assert bench.staged() == []


@pytest.mark.parametrize("identifier", ["..", "a/b-c", "x", "../x-y", ""])
async def test_what_is_no_id_reaches_no_file(bench: Bench, identifier: str) -> None:
    scheduler, definition_id = await made(bench)
    before = bench.staged()
    calls: tuple[Callable[[], Awaitable[Any]], ...] = (
        lambda: scheduler.delete_job_definition(identifier),
        lambda: scheduler.create_job_from_definition(identifier, CreateJobFromDefinition()),
    )
    for call in calls:
        with pytest.raises(SchedulerError, match="is not the id"):
            await call()
    assert bench.staged() == before
    assert bench.definition_ids() == [definition_id]
