"""Argo 3 can lose a stop that comes while it writes the Workflow: what it does not heed is said again."""

import json
from typing import Any

import pytest
from aiohttp import web

from nbargo_shared import labels
from nbargo_submitter import ArgoScheduler
from support.lab_bench import Bench, request

HEEDED = {"status": {"phase": "Failed", "message": "Stopped with strategy 'Stop'"}}


async def submitted(bench: Bench, scheduler: ArgoScheduler) -> str:
    bench.notebook()
    job_id: str = await scheduler.create_job(request())
    return job_id


class Requests:
    """Takes note of each request that changes a Workflow."""

    def __init__(self, bench: Bench) -> None:
        self.patches: list[Any] = []
        self.gets = 0
        bench.around = self._note

    async def _note(self, sent: web.Request, handler: Any) -> web.StreamResponse:
        if sent.method == "PATCH":
            self.patches.append(json.loads(await sent.text()))
        self.gets += sent.method == "GET"
        answer: web.StreamResponse = await handler(sent)
        return answer


def asked(patch: dict[str, Any]) -> str:
    when: str = patch["metadata"]["annotations"][labels.STOP_ANNOTATION]
    return when


async def test_a_stop_that_changes_nothing_is_asked_for_once_more(bench: Bench) -> None:
    scheduler = bench.scheduler()
    job_id = await submitted(bench, scheduler)
    requests = Requests(bench)
    await scheduler.stop_job(job_id)
    first, second = requests.patches
    assert first["spec"] == {"shutdown": "Stop"}
    assert asked(first) < asked(second)
    workflow = bench.workflow(job_id)
    assert workflow
    assert workflow["spec"]["shutdown"] == "Stop"
    assert workflow["metadata"]["annotations"][labels.STOP_ANNOTATION] == asked(second)


async def test_a_stop_that_argo_heeds_is_asked_for_once(bench: Bench) -> None:
    scheduler = bench.scheduler()
    job_id = await submitted(bench, scheduler)
    requests = Requests(bench)

    def argo(sent: web.Request) -> None:
        if sent.method == "GET" and requests.gets == 2:
            bench.patch(job_id, HEEDED)

    bench.after = argo
    await scheduler.stop_job(job_id)
    assert (len(requests.patches), requests.gets) == (1, 3)


async def test_a_stopped_workflow_that_is_gone_at_once_is_left_alone(bench: Bench) -> None:
    scheduler = bench.scheduler()
    job_id = await submitted(bench, scheduler)
    requests = Requests(bench)
    bench.after = lambda sent: bench.remove(job_id) if sent.method == "PATCH" else None
    await scheduler.stop_job(job_id)
    assert (len(requests.patches), requests.gets) == (1, 1)


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_a_stop_was_asked_for_also_if_the_cluster_is_away_afterwards(bench: Bench, method: str) -> None:
    scheduler = bench.scheduler()
    job_id = await submitted(bench, scheduler)
    requests = Requests(bench)
    note = bench.around
    assert note

    async def away_afterwards(sent: web.Request, handler: Any) -> web.StreamResponse:
        answer = await note(sent, handler)
        is_first = sent.method == "PATCH" and len(requests.patches) == 1
        return web.json_response({"message": "down"}, status=503) if sent.method == method and not is_first else answer

    bench.around = away_afterwards
    await scheduler.stop_job(job_id)
    workflow = bench.workflow(job_id)
    assert workflow
    assert workflow["spec"]["shutdown"] == "Stop"
