"""Editing a job definition: each member alone and all together, one patch, and nothing half done."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from jupyter_scheduler.exceptions import InputUriError, SchedulerError
from jupyter_scheduler.models import UpdateJobDefinition

from nbargo_local.api.store import CRONWORKFLOWS
from nbargo_shared import labels, run
from nbargo_shared.times import to_milliseconds
from nbargo_submitter import ArgoScheduler
from nbargo_submitter.versions import KEEP_SECONDS
from support.lab_bench import NAMESPACE, Bench, scheduled
from support.notebooks import write

EDITS: list[tuple[str, Any]] = [
    ("schedule", "*/5 * * * *"),
    ("timezone", "America/New_York"),
    ("active", False),
    ("name", "other"),
    ("parameters", {"y": "2"}),
    ("parameters", {}),
    ("runtime_environment_name", "second"),
    ("runtime_environment_parameters", {"gpu": 1}),
    ("compute_type", "large"),
    ("output_formats", ["markdown"]),
    ("output_formats", []),
    ("tags", ["a", "b"]),
    ("output_filename_template", "{{name}}"),
]
TOGETHER = dict(EDITS)
ENVIRONMENTS = [{"name": "default", "image": "lab:1"}, {"name": "second", "image": "lab:2"}]


def edit(**values: Any) -> UpdateJobDefinition:
    given: dict[str, Any] = values
    return UpdateJobDefinition(**given)


async def made(bench: Bench, **values: Any) -> tuple[ArgoScheduler, str]:
    bench.notebook()
    scheduler = bench.scheduler(environments=ENVIRONMENTS, compute_types={"small": {}, "large": {"cpu": 8}})
    return scheduler, await scheduler.create_job_definition(scheduled(parameters={"x": "1"}, tags=["t"], **values))


def patches(bench: Bench) -> list[dict[str, Any]]:
    """Return the bodies of the patches that follow, as they are sent."""
    seen: list[dict[str, Any]] = []

    def note(request: web.Request) -> None:
        if request.method == "PATCH":
            seen.append(json.loads(request._read_bytes or b"{}"))

    bench.after = note
    return seen


def image(bench: Bench, definition_id: str) -> str:
    spec = bench.cron(definition_id)["spec"]["workflowSpec"]
    return str(spec["templates"][0]["script"]["image"])


@pytest.mark.parametrize(("name", "value"), EDITS)
async def test_each_member_alone_is_one_patch_that_the_list_and_the_runs_show(
    bench: Bench, name: str, value: Any
) -> None:
    scheduler, definition_id = await made(bench)
    before = await scheduler.get_job_definition(definition_id)
    seen = patches(bench)
    await scheduler.update_job_definition(definition_id, edit(**{name: value}))
    after = await scheduler.get_job_definition(definition_id)
    assert len(seen) == 1
    assert getattr(after, name) == value
    assert after.update_time > before.update_time
    rest = {name, "update_time"}
    assert after.dict(exclude=rest) == before.dict(exclude=rest)


@pytest.mark.parametrize("unchanged", [{}, {"schedule": "0 9 * * 1", "timezone": "Europe/Berlin"}])
async def test_all_together_is_one_patch_also_when_the_schedule_is_sent_unchanged(
    bench: Bench, unchanged: dict[str, str]
) -> None:
    scheduler, definition_id = await made(bench)
    write(bench.root / "new.ipynb", "print('new')")
    seen = patches(bench)
    values = {**TOGETHER, **unchanged}
    await scheduler.update_job_definition(definition_id, edit(**values, input_uri="new.ipynb"))
    assert len(seen) == 1
    after = (await scheduler.get_job_definition(definition_id)).dict()
    assert {name: after[name] for name in values} == values
    assert after["input_filename"] == "new.ipynb"
    spec = bench.cron(definition_id)["spec"]
    assert (spec["schedules"], spec["timezone"], spec["suspend"]) == ([values["schedule"]], values["timezone"], True)
    assert image(bench, definition_id) == "lab:2"
    bench.patch_cron(definition_id, {"spec": {"suspend": False}})
    started = bench.tick(definition_id)
    noted = run.run_record(
        started["metadata"]["annotations"][labels.JOB_ANNOTATION], uid=started["metadata"]["uid"], created_ms=0
    )
    assert (noted.name, noted.parameters, noted.tags, noted.input_filename) == ("other", {}, ("a", "b"), "new.ipynb")


async def test_what_is_sent_as_it_is_changes_nothing(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    before, seen = bench.cron(definition_id), patches(bench)
    same = {"schedule": "0 9 * * 1", "timezone": "Europe/Berlin", "input_uri": "report.ipynb"}
    await scheduler.update_job_definition(definition_id, edit(**same, name="report", active=True, tags=["t"]))
    assert seen == []
    assert bench.cron(definition_id) == before
    assert len(bench.versions(definition_id)) == 1


async def test_pause_and_resume_need_nothing_but_the_object(bench: Bench) -> None:
    scheduler, definition_id = await made(bench, runtime_environment_name="second")
    workflow = bench.cron(definition_id)["spec"]["workflowSpec"]
    later = bench.scheduler(environments=ENVIRONMENTS[:1])  # the environment is not offered any more
    await later.update_job_definition(definition_id, edit(active=False))
    assert bench.cron(definition_id)["spec"]["suspend"] is True
    await scheduler.update_job_definition(definition_id, edit(active=True))
    assert bench.cron(definition_id)["spec"]["suspend"] is False
    assert bench.cron(definition_id)["spec"]["workflowSpec"] == workflow
    with pytest.raises(SchedulerError, match="no environment 'second'"):
        await later.update_job_definition(definition_id, edit(name="other"))


@pytest.mark.parametrize("values", [{"active": True}, {"schedule": "* * * * *"}, {"timezone": "UTC"}])
async def test_no_run_is_caught_up_on_because_of_an_edit(bench: Bench, values: dict[str, Any]) -> None:
    scheduler, definition_id = await made(bench)
    bench.patch_cron(definition_id, {"status": {"lastScheduledTime": "2026-11-23T08:00:00Z"}})
    if "active" in values:
        await scheduler.update_job_definition(definition_id, edit(active=False))
    before = int(time.time()) * 1000
    await scheduler.update_job_definition(definition_id, edit(**values))
    assert (to_milliseconds(bench.cron(definition_id)["status"]["lastScheduledTime"]) or 0) >= before


# A new notebook


async def test_a_new_notebook_is_a_new_version_and_the_old_one_stays_for_runs_that_begin(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    old = bench.noted(definition_id).files
    old_bytes = (bench.staging / definition_id / old / "report.ipynb").read_bytes()
    write(bench.root / "new.ipynb", "print('new')")
    await scheduler.update_job_definition(definition_id, edit(input_uri="new.ipynb"))
    new = bench.noted(definition_id)
    assert (new.input_filename, new.input_uri) == ("new.ipynb", "new.ipynb")
    assert set(bench.versions(definition_id)) == {old, new.files}
    assert (bench.staging / definition_id / old / "report.ipynb").read_bytes() == old_bytes
    assert (await scheduler.get_job_definition(definition_id)).input_filename == "new.ipynb"


async def test_the_notebook_that_it_came_from_is_taken_anew_if_it_has_changed(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    write(bench.root / "report.ipynb", "print('edited')")
    await scheduler.update_job_definition(definition_id, edit(input_uri="report.ipynb"))
    files = bench.noted(definition_id).files
    assert b"edited" in (bench.staging / definition_id / files / "report.ipynb").read_bytes()


async def test_the_name_of_the_copy_is_not_taken_for_another_notebook(bench: Bench) -> None:
    bench.notebook("folder/report.ipynb")
    scheduler, definition_id = await made(bench, input_uri="folder/report.ipynb")
    before = bench.noted(definition_id).files
    await scheduler.update_job_definition(definition_id, edit(schedule="@daily", input_uri="report.ipynb"))
    assert bench.noted(definition_id).schedule == "@daily"
    assert bench.noted(definition_id).files == before
    (bench.root / "report.ipynb").unlink()  # the form sends the name also when there is no such file
    await scheduler.update_job_definition(definition_id, edit(schedule="@weekly", input_uri="report.ipynb"))
    assert bench.noted(definition_id).schedule == "@weekly"


async def test_versions_go_a_day_after_another_took_their_place(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    folder = bench.staging / definition_id

    def aged(name: str) -> None:
        long_ago = time.time() - KEEP_SECONDS - 60
        os.utime(folder / name, (long_ago, long_ago))

    first = bench.noted(definition_id).files
    aged(first)
    write(bench.root / "report.ipynb", "print(2)")
    await scheduler.update_job_definition(definition_id, edit(input_uri="report.ipynb"))
    second = bench.noted(definition_id).files
    assert set(bench.versions(definition_id)) == {first, second}, "its day begins when its place is taken"
    aged(first)
    aged(second)
    await scheduler.update_job_definition(definition_id, edit(name="other"))
    assert bench.versions(definition_id) == [second], "the one in use stays, however old"


# What is refused


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"schedule": "0 9 * *"}, "it has 4 fields"),
        ({"schedule": "0 0 */2 * 1"}, "two ways"),
        ({"timezone": "Mars/Olympus"}, "no time zone"),
        ({"runtime_environment_name": "gone"}, "no environment"),
        ({"output_formats": ["pdf"]}, "does not write"),
        ({"parameters": {"a b": "1"}}, "parameter name"),
        ({"name": "x" * 300}, "'name'"),
        ({"parameters": {"a": "x" * 5000, "b": "y" * 70_000}}, "bytes"),
    ],
)
async def test_what_is_not_usable_is_refused_and_all_stays_as_it_was(
    bench: Bench, values: dict[str, Any], says: str
) -> None:
    scheduler, definition_id = await made(bench)
    before, staged = bench.cron(definition_id), bench.staged()
    write(bench.root / "new.ipynb", "print('new')")
    with pytest.raises(SchedulerError, match=says):
        await scheduler.update_job_definition(definition_id, edit(**values, input_uri="new.ipynb"))
    assert bench.cron(definition_id) == before
    assert bench.staged() == staged


async def test_a_missing_notebook_is_refused_and_all_stays_as_it_was(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    before, staged = bench.cron(definition_id), bench.staged()
    with pytest.raises(InputUriError):
        await scheduler.update_job_definition(definition_id, edit(name="x", input_uri="folder/missing.ipynb"))
    assert (bench.cron(definition_id), bench.staged()) == (before, staged)


@pytest.mark.parametrize("status", [403, 422, 500])
async def test_what_the_cluster_refuses_leaves_the_definition_and_its_files_as_they_were(
    bench: Bench, status: int
) -> None:
    scheduler, definition_id = await made(bench)
    before, staged = bench.cron(definition_id), bench.staged()
    write(bench.root / "new.ipynb", "print('new')")
    _answer_patches(bench, lambda: web.json_response({"kind": "Status", "message": "no"}, status=status))
    with pytest.raises(SchedulerError, match="no"):
        await scheduler.update_job_definition(definition_id, edit(input_uri="new.ipynb"))
    assert (bench.cron(definition_id), bench.staged()) == (before, staged)


async def test_a_definition_that_is_gone_is_told(bench: Bench) -> None:
    gone = "0b8ff6a5-9f7c-4f1c-9a0e-3a8e6d1f2c77"
    with pytest.raises(SchedulerError, match=r"no job definition.*reload the list"):
        await bench.scheduler().update_job_definition(gone, edit(name="x"))
    assert not bench.staging.exists() or bench.staged() == []


async def test_a_definition_deleted_while_it_is_edited_is_told_and_nothing_is_half_done(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    write(bench.root / "new.ipynb", "print('new')")
    staged = bench.staged()
    _before_patch(bench, lambda: bench.server.store.delete(CRONWORKFLOWS, NAMESPACE, f"nb-{definition_id}"))
    with pytest.raises(SchedulerError, match=r"no job definition.*reload the list"):
        await scheduler.update_job_definition(definition_id, edit(input_uri="new.ipynb"))
    assert bench.crons() == []
    assert bench.staged() == staged


# Two at once


async def test_two_labs_that_change_different_members_both_get_through(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    other = bench.scheduler(environments=ENVIRONMENTS)
    await asyncio.gather(
        scheduler.update_job_definition(definition_id, edit(schedule="@daily")),
        other.update_job_definition(definition_id, edit(name="other")),
    )
    noted = bench.noted(definition_id)
    assert (noted.schedule, noted.name) == ("@daily", "other")
    assert bench.cron(definition_id)["spec"]["schedules"] == ["@daily"]


async def test_what_argo_writes_meanwhile_is_kept_and_the_edit_gets_through(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    _before_patch(bench, lambda: bench.patch_cron(definition_id, {"status": {"succeeded": 4}}))
    await scheduler.update_job_definition(definition_id, edit(name="other"))
    assert bench.cron(definition_id)["status"]["succeeded"] == 4
    assert bench.noted(definition_id).name == "other"


async def test_another_member_that_somebody_else_changed_meanwhile_is_kept(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    _before_patch(bench, lambda: bench.patch_cron(definition_id, {"spec": {"suspend": True}}))
    await scheduler.update_job_definition(definition_id, edit(schedule="@daily"))
    spec = bench.cron(definition_id)["spec"]
    assert (spec["suspend"], spec["schedules"]) == (True, ["@daily"])
    assert not bench.noted(definition_id).active


async def test_the_same_member_that_somebody_else_changed_meanwhile_is_a_conflict(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    _before_patch(bench, lambda: bench.patch_cron(definition_id, {"spec": {"schedules": ["@weekly"]}}))
    with pytest.raises(SchedulerError, match=r"schedule was changed in another place meanwhile\. Reload"):
        await scheduler.update_job_definition(definition_id, edit(schedule="@daily"))
    assert bench.cron(definition_id)["spec"]["schedules"] == ["@weekly"]


async def test_a_form_that_shows_an_older_schedule_does_not_put_it_back(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    bench.projecting = False
    late = bench.scheduler(environments=ENVIRONMENTS, wait_seconds=0.0)
    late.supervisor.run_once = bench.once  # type: ignore[method-assign] # a watcher that does not get through
    await late.update_job_definition(definition_id, edit(schedule="@weekly"))
    with pytest.raises(SchedulerError, match="schedule was changed in another place"):
        await scheduler.update_job_definition(definition_id, edit(schedule="0 9 * * 1", timezone="Europe/Berlin"))
    assert bench.cron(definition_id)["spec"]["schedules"] == ["@weekly"]


async def test_schedules_that_kubectl_made_are_kept_when_something_else_is_edited(bench: Bench) -> None:
    scheduler, definition_id = await made(bench)
    bench.patch_cron(definition_id, {"spec": {"schedules": ["@every 1h", "0 0 * * *"]}})
    await scheduler.update_job_definition(definition_id, edit(name="other"))
    assert bench.cron(definition_id)["spec"]["schedules"] == ["@every 1h", "0 0 * * *"]


def _answer_patches(bench: Bench, answer: Callable[[], web.Response]) -> None:
    """Answer patches in the API server's place, and pass everything else on."""

    async def instead(request: web.Request, handler: Any) -> web.StreamResponse:
        response: web.StreamResponse = answer() if request.method == "PATCH" else await handler(request)
        return response

    bench.around = instead


def _before_patch(bench: Bench, act: Callable[[], Any]) -> None:
    """Do something just before the first patch arrives."""
    left = [act]

    async def first(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.method == "PATCH" and left:
            left.pop()()
        response: web.StreamResponse = await handler(request)
        return response

    bench.around = first
