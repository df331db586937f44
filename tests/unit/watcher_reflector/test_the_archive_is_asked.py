"""The program with --archive: a workflow that is gone is looked up there, and its silence is told."""

import json
import time

import aiohttp

from support.ports import free_port
from unit.watcher_reflector.program import JOB, LISTED, Place, job, until
from unit.watcher_reflector.scripted import USER, Hold, Refusal, event, failure, listing
from unit.watcher_store.argoserver import ARCHIVED, BROKEN, ArgoServer, archived

UID = job(version=1, phase="")["metadata"]["uid"]
RECORD = {"nbargo/job": job(version=1, phase="")["metadata"]["annotations"]["nbargo/job"]}
LABELS = {"nbargo/user": USER, "nbargo/job-id": JOB}
ENDED = archived(metadata={**ARCHIVED["metadata"], "uid": UID, "labels": LABELS, "annotations": RECORD})
NOT_FOUND = Refusal(status=404, body=failure(404, "NotFound", "it is not there"))
GONE = [listing(version=60), NOT_FOUND]
"""The list, and the answer to the question whether the job's workflow is really gone."""
DELETED = event("DELETED", job(version=50, phase="Running"))


async def test_a_single_run_reads_the_end_from_the_archive(place: Place) -> None:
    place.make_database()
    await place.once()
    assert place.status() == "IN_PROGRESS"
    place.server.lists = list(GONE)
    async with ArgoServer(otherwise=BROKEN).serving() as argo:
        status, out, _ = await place.once("--archive", argo.url, "--output", "json")
        told = json.loads(out)
        assert (status, told["unresolved"], place.status()) == (5, 1, "IN_PROGRESS")
        argo.keep(ENDED)
        place.server.lists = list(GONE)
        status, out, _ = await place.once("--archive", argo.url, "--output", "json")
        told = json.loads(out)
        assert (status, told["resolved"], place.status()) == (0, {"archive": 1}, "COMPLETED")
        assert argo.tokens == ["Bearer t"] * len(argo.tokens)


async def test_a_watcher_whose_archive_does_not_answer_says_so(place: Place) -> None:
    place.make_database()
    place.server.lists = [LISTED, NOT_FOUND]
    place.server.watches = [[DELETED, Hold()]]
    port = free_port()
    async with (
        ArgoServer(otherwise=BROKEN).serving() as argo,
        aiohttp.ClientSession() as session,
        place.running("--archive", argo.url, "--health-port", str(port)),
    ):
        await until(lambda: argo.asked)
        degraded: dict[str, str] = {}
        end = time.monotonic() + 10
        while "archive" not in degraded and time.monotonic() < end:
            async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                degraded = (await answer.json())["degraded"]
                assert answer.status == 503 or not degraded
        assert "connection refused" in degraded["archive"]
        assert place.status() == "IN_PROGRESS"
