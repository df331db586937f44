import asyncio
import os
import sqlite3
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from jupyter_scheduler.exceptions import IdempotencyTokenError, SchedulerError

from nbargo_shared import labels
from nbargo_shared.tables import PROJECTED_TABLE
from nbargo_submitter.submission import job_id_for
from support.lab_bench import Bench, request
from support.notebooks import write

TOKEN = "nightly-2026-11-23"
ID = job_id_for("alice", TOKEN)
STAGED = [ID, f"{ID}/report.ipynb"]


def test_an_id_is_a_function_of_user_and_token() -> None:
    assert job_id_for("alice", "a") == job_id_for("alice", "a")
    assert (
        len({job_id_for("alice", "a"), job_id_for("bob", "a"), job_id_for("alice", "b"), job_id_for("a", "lice")}) == 4
    )
    assert uuid.UUID(ID).version == 5


async def outcomes(*calls: Any) -> Counter[str]:
    results = await asyncio.gather(*calls, return_exceptions=True)
    return Counter(result if isinstance(result, str) else type(result).__name__ for result in results)


async def test_the_second_submission_is_refused_by_its_token(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    assert await scheduler.create_job(request(idempotency_token=TOKEN)) == ID
    with pytest.raises(IdempotencyTokenError, match=TOKEN):
        await scheduler.create_job(request(idempotency_token=TOKEN))
    assert bench.staged() == STAGED


@pytest.mark.parametrize("projecting", [True, False])
async def test_of_twenty_at_once_from_two_lab_servers_one_wins_and_its_files_stay(
    bench: Bench, *, projecting: bool
) -> None:
    source = bench.notebook()
    bench.projecting = projecting
    servers = [bench.scheduler(wait_seconds=0.0), bench.scheduler(wait_seconds=0.0)]
    for server in servers:
        server.supervisor.run_once = no_watcher  # type: ignore[method-assign] # its absence is not what is tested
    counted = await outcomes(*(servers[n % 2].create_job(request(idempotency_token=TOKEN)) for n in range(20)))
    assert counted == {ID: 1, "IdempotencyTokenError": 19}
    assert len(bench.workflows()) == 1
    assert bench.staged() == STAGED
    assert (bench.staging / ID / "report.ipynb").read_bytes() == source.read_bytes()


async def no_watcher() -> bool:
    return False


@pytest.fixture
async def other(bench: Bench, tmp_path: Path) -> AsyncIterator[Bench]:
    """Another home of the user: another file system, the same cluster."""
    other = Bench(tmp_path / "other")
    (other.folder / "kubeconfig").symlink_to(bench.server.kubeconfig)
    yield other
    await other.close()


async def test_from_two_homes_the_cluster_decides_and_only_the_winner_keeps_files(
    bench: Bench, other: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = SimpleNamespace(time_ns=lambda: 1_763_974_800_000_000_000)
    monkeypatch.setattr("nbargo_submitter.scheduler.time", same)  # in one millisecond: the two records are the same
    submit = []
    for home in (bench, other):
        home.notebook()
        submit.append(home.scheduler(wait_seconds=0.0))
        submit[-1].supervisor.run_once = no_watcher  # type: ignore[method-assign] # as above
    counted = await outcomes(*(one.create_job(request(idempotency_token=TOKEN)) for one in submit))
    assert counted == {ID: 1, "IdempotencyTokenError": 1}
    assert sorted([len(bench.staged()), len(other.staged())]) == [0, 2]


async def test_what_a_crash_before_the_create_left_does_not_block_the_token(bench: Bench) -> None:
    bench.notebook()
    write(bench.staging / ID / "half.ipynb", "1")
    assert await bench.scheduler().create_job(request(idempotency_token=TOKEN)) == ID
    assert bench.staged() == STAGED


async def test_a_lock_whose_holder_crashed_does_not_block_the_token(bench: Bench) -> None:
    bench.notebook()
    bench.staging.mkdir()
    (bench.staging / f".{ID}.lock").touch()
    assert await bench.scheduler().create_job(request(idempotency_token=TOKEN)) == ID
    assert bench.staged() == STAGED


async def test_after_a_crash_between_create_and_answer_the_token_is_used_and_the_files_stay(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    await scheduler.create_job(request(idempotency_token=TOKEN))
    await asyncio.to_thread(scheduler.rows.delete_job, ID)  # the crash came before any watcher saw it
    with pytest.raises(IdempotencyTokenError):
        await scheduler.create_job(request(idempotency_token=TOKEN))
    assert bench.staged() == STAGED


async def test_a_job_that_ran_and_whose_workflow_is_collected_keeps_its_token_and_its_files(bench: Bench) -> None:
    bench.notebook()
    ran = bench.staging / ID
    ran.mkdir(parents=True)
    (ran / labels.OUTCOME_FILE).write_text("{}")
    with pytest.raises(IdempotencyTokenError):
        await bench.scheduler().create_job(request(idempotency_token=TOKEN))
    assert bench.staged() == [ID, f"{ID}/{labels.OUTCOME_FILE}"]


async def test_a_failed_submission_gives_its_token_back(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()

    async def busy(_: web.Request) -> web.StreamResponse:
        return web.json_response({"message": "busy"}, status=503)

    bench.before = busy
    with pytest.raises(SchedulerError, match="busy"):
        await scheduler.create_job(request(idempotency_token=TOKEN))
    assert bench.staged() == []
    bench.before = None
    assert await scheduler.create_job(request(idempotency_token=TOKEN)) == ID


async def test_when_the_first_fails_while_others_wait_one_of_them_wins(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()

    async def busy_once(_: web.Request) -> web.StreamResponse:
        bench.before = None
        return web.json_response({"message": "busy"}, status=500)

    bench.before = busy_once
    counted = await outcomes(*(scheduler.create_job(request(idempotency_token=TOKEN)) for _ in range(5)))
    assert counted == {ID: 1, "SchedulerError": 1, "IdempotencyTokenError": 3}
    assert bench.staged() == STAGED


async def test_the_token_of_a_deleted_job_stays_used_because_the_job_would_never_be_listed(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler()
    await scheduler.create_job(request(idempotency_token=TOKEN))
    with sqlite3.connect(bench.database) as connection:  # as the watcher remembers what it has listed
        connection.execute(f"CREATE TABLE {PROJECTED_TABLE} (job_id TEXT PRIMARY KEY)")
        connection.execute(f"INSERT INTO {PROJECTED_TABLE} VALUES (?)", (ID,))  # noqa: S608 - a constant
    connection.close()
    await scheduler.delete_job(ID)
    with pytest.raises(IdempotencyTokenError):
        await scheduler.create_job(request(idempotency_token=TOKEN))
    assert (bench.staged(), bench.workflows()) == ([], [])


async def test_without_locks_in_the_file_system_the_error_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.notebook()

    def no_locks(*_: object) -> None:
        raise OSError(37, os.strerror(37))

    monkeypatch.setattr("fcntl.flock", no_locks)
    with pytest.raises(SchedulerError, match=r"guarded by a lock.*No locks available"):
        await bench.scheduler().create_job(request(idempotency_token=TOKEN))
