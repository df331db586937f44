"""Argo's archive: asked after the outcome file, about workflows that are gone, by uid; its silence proves nothing."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from nbargo_shared.errors import ClusterError, DatabaseError
from nbargo_shared.outcome import State
from nbargo_shared.status import DISAPPEARED
from nbargo_shared.times import to_milliseconds
from nbargo_watcher import archive as archive_module
from nbargo_watcher.archive import Archive, Files
from nbargo_watcher.budget import Bucket, Budget
from nbargo_watcher.connection import Connection, Credentials
from nbargo_watcher.evidence import Source
from nbargo_watcher.model import Observed
from nbargo_watcher.source import Timing, new_session
from nbargo_watcher.telemetry import Telemetry
from unit.watcher_store.argoserver import (
    ARCHIVED,
    BROKEN,
    DENIED,
    FINISHED,
    INGRESS,
    MOVED,
    NO_DATABASE,
    NOT_ARCHIVED,
    PAGE,
    STARTED,
    UNAUTHENTICATED,
    ArgoServer,
    archived,
)
from unit.watcher_store.world import FAILURE, JOB, OUTCOME, RECORD, RUNNING, SCOPE, UID, USER, World, delete, job, see


@dataclass(kw_only=True)
class Bench:
    server: ArgoServer
    archive: Archive
    telemetry: Telemetry
    cluster_token: list[str]
    token_file: Path

    async def find(self, uid: str = UID) -> Observed | None:
        return await self.archive.find(uid)


@asynccontextmanager
async def bench(
    folder: Path, *, own_token: str = "", listing: float = 5.0, budget: Budget | None = None
) -> AsyncIterator[Bench]:
    timing, telemetry, cluster_token = Timing(listing=listing), Telemetry(), ["of the pod"]
    token_file = folder / "token"
    if own_token:
        token_file.write_text(own_token)

    def of_cluster(*, anew: bool) -> Credentials:
        del anew
        return Credentials(authorization=f"Bearer {cluster_token[0]}")

    async with ArgoServer().serving() as server, new_session(timing) as session:
        files = Files(token=str(token_file) if own_token else "", ca="")
        archive = Archive(
            session=session,
            place=Connection(url=server.url, namespace="", reader=files),
            cluster=Connection(url="http://127.0.0.1:1", namespace="", reader=of_cluster),
            user=USER,
            budget=budget or Budget(),
            timing=timing,
            telemetry=telemetry,
        )
        yield Bench(
            server=server, archive=archive, telemetry=telemetry, cluster_token=cluster_token, token_file=token_file
        )


async def test_an_archived_workflow_is_found_by_its_uid(tmp_path: Path) -> None:
    async with bench(tmp_path) as place:
        place.server.keep(ARCHIVED)
        found = await place.find()
    assert found is not None
    assert (found.uid, found.job_id, found.phase) == (UID, JOB, "Succeeded")
    assert (found.started_at, found.finished_at) == (to_milliseconds(STARTED), to_milliseconds(FINISHED))
    assert place.telemetry.degraded == {}


@pytest.mark.parametrize("answer", [NOT_ARCHIVED, NO_DATABASE])
async def test_what_is_not_archived_is_none(tmp_path: Path, answer: tuple[int, Any]) -> None:
    async with bench(tmp_path) as place:
        place.server.otherwise = answer
        assert await place.find() is None
    assert place.telemetry.degraded == {}


@pytest.mark.parametrize("labels", [{"uid": "uid-2"}, {"labels": {"nbargo/user": "bob", "nbargo/job-id": JOB}}])
async def test_another_uid_or_another_users_workflow_is_none(tmp_path: Path, labels: dict[str, Any]) -> None:
    async with bench(tmp_path) as place:
        place.server.answers[UID] = (200, archived(metadata=labels))
        assert await place.find() is None


@pytest.mark.parametrize("answer", [UNAUTHENTICATED, DENIED, BROKEN, INGRESS, PAGE, MOVED, (200, {"code": 0})])
async def test_anything_else_is_a_failure_that_is_told(tmp_path: Path, answer: tuple[int, Any]) -> None:
    async with bench(tmp_path) as place:
        place.server.answers = {UID: answer, "elsewhere": (200, ARCHIVED)}
        with pytest.raises(ClusterError) as caught:
            await place.find()
        assert caught.value.transient
        assert "--archive" in caught.value.hint
        assert (list(place.telemetry.degraded), place.telemetry.retries) == (["archive"], {"archive": 1})
        place.server.answers.clear()
        await place.find()
        assert place.telemetry.degraded == {}


async def test_a_silent_server_is_a_failure_in_time(tmp_path: Path) -> None:
    async with bench(tmp_path, listing=0.2) as place:
        place.server.silent = True
        with pytest.raises(ClusterError, match=r"no answer within 0.2 s"):
            await place.find()


async def test_nobody_at_the_address_is_a_failure(tmp_path: Path) -> None:
    async with bench(tmp_path) as place:
        pass
    async with bench(tmp_path) as other:
        other.archive._place.url = place.server.url
        with pytest.raises(ClusterError, match="did not answer"):
            await other.find()


async def test_an_answer_without_an_end_is_not_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "MOST_BYTES", 4096)
    async with bench(tmp_path) as place:
        place.server.keep(archived(message="x" * 5000))
        with pytest.raises(ClusterError, match="more than 4096 bytes"):
            await place.find()


async def test_the_clusters_token_serves_unless_there_is_a_file(tmp_path: Path) -> None:
    async with bench(tmp_path) as place:
        await place.find()
        assert place.server.tokens == ["Bearer of the pod"]
    async with bench(tmp_path, own_token="Bearer of argo\n") as place:
        await place.find()
        assert place.server.tokens == ["Bearer of argo"]


async def test_a_rejected_token_is_read_again(tmp_path: Path) -> None:
    async with bench(tmp_path, own_token="one") as place:
        place.server.otherwise = UNAUTHENTICATED
        with pytest.raises(ClusterError):
            await place.find()
        place.token_file.write_text("two")
        place.cluster_token[0] = "not asked for"
        with pytest.raises(ClusterError):
            await place.find()
        assert place.server.tokens == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_ca_file_that_cannot_be_used_is_told(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.crt"
    if content is not None:
        path.write_text(content)
    async with bench(tmp_path) as place:
        place.archive._place = Connection(url=place.server.url, namespace="", reader=Files(token="", ca=str(path)))
        with pytest.raises(ClusterError, match=r"ca\.crt"):
            await place.find()
    assert place.server.asked == []


async def test_a_server_is_trusted_by_the_ca_file_alone(tmp_path: Path) -> None:
    tls, ca = _certificate(tmp_path)
    async with ArgoServer().serving(tls) as server, bench(tmp_path) as place:
        server.keep(ARCHIVED)
        place.archive._place = Connection(url=server.url, namespace="", reader=Files(token="", ca=""))
        with pytest.raises(ClusterError, match="certificate"):
            await place.find()
        assert server.tokens == []
        place.archive._place = Connection(url=server.url, namespace="", reader=Files(token="", ca=str(ca)))
        assert await place.find() is not None
        assert server.tokens == ["Bearer of the pod"]


async def test_the_archive_is_asked_within_the_budget_of_all_requests(tmp_path: Path) -> None:
    budget = Budget(Bucket(burst=1, rate=5.0, level=1))
    async with bench(tmp_path, budget=budget) as place:
        began = asyncio.get_running_loop().time()
        for _ in range(3):
            await place.find()
        assert asyncio.get_running_loop().time() - began >= 0.35


# What follows for the rows.


@pytest.fixture
async def argo(world: World, tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as place:
        world.archive = place.find
        yield place


async def test_the_archive_tells_the_end_where_no_file_does(world: World, argo: Bench) -> None:
    argo.server.keep(archived(phase="Failed", message="OOMKilled (exit code 137)"))
    async with world.projector() as projector:
        await see(projector, replace(RUNNING, started_at=to_milliseconds(STARTED)))
        await projector.listed(SCOPE, uids=frozenset(), resource_version="25")
    row = world.row()
    assert row is not None
    assert row["status"] == "FAILED"
    assert row["status_message"].endswith("[OOMKilled (exit code 137)]")
    assert (row["start_time"], row["end_time"]) == (to_milliseconds(STARTED), to_milliseconds(FINISHED))
    assert projector.tally.resolved == {Source.ARCHIVE: 1}


@pytest.mark.parametrize("outcome", [OUTCOME, FAILURE])
async def test_the_outcome_file_comes_before_the_archive(world: World, argo: Bench, outcome: Any) -> None:
    world.leave(outcome)
    async with world.projector() as projector:
        await see(projector, RUNNING)
        await delete(projector, RUNNING, "25")
    assert argo.server.asked == []
    assert projector.tally.resolved == {Source.OUTCOME_FILE: 1}


async def test_a_file_that_only_says_running_is_looked_past(world: World, argo: Bench) -> None:
    world.leave(replace(OUTCOME, state=State.RUNNING, ended_at=None))
    argo.server.keep(ARCHIVED)
    async with world.projector() as projector:
        await see(projector, replace(RUNNING, started_at=to_milliseconds(STARTED)))
        await delete(projector, replace(RUNNING, started_at=to_milliseconds(STARTED)), "25")
    assert world.status() == "COMPLETED"


async def test_what_neither_knows_has_disappeared(world: World, argo: Bench) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING)
        await delete(projector, RUNNING, "25")
    row = world.row()
    assert row is not None
    assert (row["status"], row["status_message"], argo.server.asked) == ("FAILED", DISAPPEARED, [UID])


@pytest.mark.parametrize(
    "body",
    [
        archived(phase="Running", finishedAt=None),
        archived(metadata={"labels": {"nbargo/user": USER, "nbargo/job-id": job(2)}}),
    ],
    ids=["one that has not ended", "another job's"],
)
async def test_an_archived_body_that_does_not_tell_this_end_is_none(
    world: World, argo: Bench, body: dict[str, Any]
) -> None:
    argo.server.keep(body)
    async with world.projector() as projector:
        await see(projector, replace(RUNNING, started_at=to_milliseconds(STARTED)))
        await delete(projector, replace(RUNNING, started_at=to_milliseconds(STARTED)), "25")
    row = world.row()
    assert row is not None
    assert row["status_message"] == DISAPPEARED


async def test_the_attempt_before_a_retry_does_not_tell_the_retrys_end(world: World, argo: Bench) -> None:
    argo.server.keep(archived(phase="Succeeded"))
    later = (to_milliseconds(FINISHED) or 0) + 60_000
    async with world.projector() as projector:
        await see(projector, replace(RUNNING, started_at=later))
        await delete(projector, replace(RUNNING, started_at=later), "25")
    assert (world.status(), argo.server.asked) == ("FAILED", [UID])


async def test_a_job_stays_unresolved_until_the_archive_answers(world: World, argo: Bench) -> None:
    argo.server.otherwise = BROKEN
    async with world.projector() as projector:
        await see(projector, replace(RUNNING, started_at=to_milliseconds(STARTED)))
        await delete(projector, replace(RUNNING, started_at=to_milliseconds(STARTED)), "25")
        assert (world.status(), projector.tally.unresolved) == ("IN_PROGRESS", 1)
        assert await projector.again() == 1
        assert world.status() == "IN_PROGRESS"
        argo.server.keep(ARCHIVED)
        assert await projector.again() == 0
        assert (world.status(), projector.tally.unresolved) == ("COMPLETED", 0)
        assert await projector.again() == 0
    assert argo.server.asked == [UID] * 3


async def test_an_archive_that_does_not_answer_holds_up_nobody_else(world: World, argo: Bench) -> None:
    argo.server.otherwise = BROKEN
    others = [job(number) for number in range(2, 6)]
    async with world.projector() as projector:
        for number, _ in enumerate(others, start=2):
            await see(projector, _other(number))
        await see(projector, RUNNING)
        await projector.listed(SCOPE, uids=frozenset(), resource_version="90")
        assert len(argo.server.asked) == 1  # one silence is enough for all that wait
        await see(projector, replace(_other(9), resource_version="91"))
        assert world.status(job(9)) == "IN_PROGRESS"
        assert await projector.again() == 5
        argo.server.otherwise = NOT_ARCHIVED
        assert await projector.again() == 0
    assert {world.status(name) for name in [JOB, *others]} == {"FAILED"}


async def test_many_questions_are_asked_a_few_at_a_time(world: World, tmp_path: Path) -> None:
    async with bench(tmp_path, budget=Budget(Bucket(burst=99, rate=99, level=99))) as place:
        world.archive = place.find
        async with world.projector(once=True) as projector:
            for number in range(1, 26):
                await see(projector, _other(number))
            for _ in range(2):  # so many at once are believed at the second list
                await projector.listed(SCOPE, uids=frozenset(), resource_version="90")
            assert (len(place.server.asked), projector.tally.unresolved) == (10, 15)
            assert [await projector.again(), await projector.again()] == [5, 0]
    assert {world.status(job(number)) for number in range(1, 26)} == {"FAILED"}


async def test_what_waits_survives_a_database_that_cannot_be_written(world: World, argo: Bench) -> None:
    argo.server.otherwise = BROKEN
    async with world.projector() as projector:
        await see(projector, RUNNING)
        await delete(projector, RUNNING, "25")
        argo.server.otherwise = NOT_ARCHIVED
        world.sql("ALTER TABLE jobs RENAME TO away")
        with pytest.raises(DatabaseError):
            await projector.again()
        world.sql("ALTER TABLE away RENAME TO jobs")
        assert await projector.again() == 0
    assert world.status() == "FAILED"


async def test_a_run_that_left_only_a_started_file_is_told_by_the_archive(world: World, argo: Bench) -> None:
    world.leave(replace(OUTCOME, state=State.RUNNING, ended_at=None))
    argo.server.keep(archived(phase="Failed", message="OOMKilled (exit code 137)"))
    world.wall = 1e10
    async with world.projector() as projector:
        await projector.listed(SCOPE, uids=frozenset(), resource_version="25")
        await projector.sweep()
    row = world.row()
    assert row is not None
    assert row["status"] == "FAILED"
    assert row["status_message"].endswith("[OOMKilled (exit code 137)]")


def _other(number: int) -> Observed:
    record = replace(RECORD, job_id=job(number))
    return replace(
        RUNNING,
        job_id=job(number),
        name=f"nb-{job(number)}",
        uid=f"uid-of-{number}",
        resource_version=str(20 + number),
        job_json=record.to_json(),
    )


def _certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return what a server on 127.0.0.1 needs, and the certificate by which it is trusted."""
    key, ca = folder / "key", folder / "ca.crt"
    name = ["-subj", "/CN=argo-server", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *name]
    subprocess.run([*command, "-keyout", str(key), "-out", str(ca)], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(ca, key)
    return tls, ca
