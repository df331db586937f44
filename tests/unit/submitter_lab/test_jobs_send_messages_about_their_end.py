"""The lab's part of a message: it is refused before anything is staged, or travels with the job, without a secret."""

import base64
import json
from typing import Any

import pytest
from aiohttp import web
from jupyter_scheduler.exceptions import SchedulerError

from nbargo_shared import labels
from nbargo_submitter.runner import run
from support.lab_bench import Bench, request, scheduled

NOTIFICATIONS = {
    "slack": {"token": {"secret": "slack", "key": "token"}},
    "webhook": {"allowed": ["https://hooks.example/"], "secret": {"secret": "hooks", "key": "shared"}},
}


async def down(_: web.Request) -> web.StreamResponse:
    return web.json_response({"message": "down"}, status=503)


def environment(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {variable["name"]: variable for variable in template["script"]["env"]}


def job_of(template: dict[str, Any]) -> dict[str, Any]:
    job: dict[str, Any] = json.loads(base64.b64decode(environment(template)["NBARGO_JOB"]["value"]))
    return job


async def test_a_job_carries_whom_to_tell_and_only_the_secret_that_it_needs(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler(notifications=NOTIFICATIONS)
    wish = {"notify_slack": "#reports", "notify_on": "failure"}
    job_id = await scheduler.create_job(request(runtime_environment_parameters=wish))
    workflow = bench.workflow(job_id)
    assert workflow
    (template,) = workflow["spec"]["templates"]
    told = job_of(template)["notify"]
    assert (told["on"], told["slack"]["channel"], told.keys()) == ("failure", "#reports", {"on", "slack"})
    reference = {"secretKeyRef": {"name": "slack", "key": "token", "optional": True}}
    assert environment(template)["NBARGO_SLACK_TOKEN"] == {"name": "NBARGO_SLACK_TOKEN", "valueFrom": reference}
    assert "NBARGO_WEBHOOK_SECRET" not in environment(template)


async def test_the_runs_of_a_definition_carry_it_too(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler(notifications=NOTIFICATIONS)
    wish = {"notify_webhook": "https://hooks.example/x"}
    made = await scheduler.create_job_definition(scheduled(runtime_environment_parameters=wish))
    (template,) = bench.cron(made)["spec"]["workflowSpec"]["templates"]
    assert job_of(template)["notify"]["webhook"]["url"] == "https://hooks.example/x"
    assert "valueFrom" in environment(template)["NBARGO_WEBHOOK_SECRET"]


async def test_a_job_without_messages_has_no_secret(bench: Bench) -> None:
    bench.notebook()
    job_id = await bench.scheduler(notifications=NOTIFICATIONS).create_job(request())
    workflow = bench.workflow(job_id)
    assert workflow
    (template,) = workflow["spec"]["templates"]
    assert "notify" not in job_of(template)
    assert all("valueFrom" not in variable for variable in template["script"]["env"])


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"notify_email": "jane@example.com"}, "The administrator has not set up messages by e-mail"),
        ({"notify_slack": "No Such"}, "which is not a Slack channel"),
        ({"notify_webhook": "http://169.254.169.254/x"}, "to which no messages may go"),
    ],
)
async def test_what_cannot_be_sent_is_refused_before_anything_is_staged(
    bench: Bench, wish: dict[str, str], says: str
) -> None:
    bench.notebook()
    with pytest.raises(SchedulerError, match=says):
        await bench.scheduler(notifications=NOTIFICATIONS).create_job(request(runtime_environment_parameters=wish))
    assert (bench.workflows(), bench.staged() if bench.staging.exists() else []) == ([], [])


async def test_the_pod_of_a_job_that_its_user_stops_finds_word_of_it(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    job_id = await scheduler.create_job(request())
    seen = []
    bench.after = lambda sent: seen.append((sent.method, f"{job_id}/{labels.STOP_FILE}" in bench.staged()))
    await scheduler.stop_job(job_id)
    await scheduler.delete_job(job_id)
    assert ("PATCH", True) in seen
    assert bench.staged() == []


async def test_a_stop_that_failed_leaves_no_word(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    job_id = await scheduler.create_job(request())
    bench.before, bench.projecting = down, False
    with pytest.raises(SchedulerError):
        await scheduler.stop_job(job_id)
    assert f"{job_id}/{labels.STOP_FILE}" not in bench.staged()


def test_the_pod_looks_for_the_word_that_the_lab_leaves() -> None:
    assert run.STOP_FILE == labels.STOP_FILE
