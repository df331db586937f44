"""The watcher as a process, against a scripted server and jupyter-scheduler's own tables."""

import asyncio
import json
import signal
import time
from dataclasses import replace

import aiohttp

from nbargo_shared.outcome import Outcome, State
from support.ports import free_port
from unit.watcher_reflector.program import END, JOB, POISONED, RECORD, Place, check, until
from unit.watcher_reflector.scripted import Hold, Refusal, failure


async def test_a_single_run_makes_the_rows_true_and_says_so(place: Place) -> None:
    place.make_database()
    status, out, err = await place.once("--output", "json")
    told = json.loads(out)
    assert (status, told["added"], told["listed"], told["status"], err) == (0, 1, 1, "ok", "")
    assert place.status() == "IN_PROGRESS"
    status, out, _ = await place.once()
    assert (status, place.status()) == (0, "IN_PROGRESS")
    assert "0 rows were added, 0 were changed" in out


async def test_a_dry_run_writes_nothing_and_tells_the_changes(place: Place) -> None:
    place.make_database()
    before = place.database.read_bytes()
    status, out, _ = await place.once("--dry-run", "--output", "json")
    assert (status, json.loads(out)["changes"][0]["now"]) == (0, "IN_PROGRESS")
    assert place.database.read_bytes() == before
    _, out, _ = await place.once("--dry-run")
    assert f"{JOB}: no row -> IN_PROGRESS" in out


async def test_an_unreadable_object_is_partly_done(place: Place) -> None:
    place.make_database()
    place.server.lists = [POISONED]
    status, out, err = await place.once("--output", "json")
    assert (status, json.loads(out)["quarantined"], place.status()) == (5, 1, "IN_PROGRESS")
    assert "Paused" in err


async def test_no_database_is_status_4(place: Place) -> None:
    status, _, err = await place.once()
    assert status == 4
    assert "Start JupyterLab" in err


async def test_a_refusal_is_status_3_and_one_sentence(place: Place) -> None:
    place.make_database()
    place.server.lists = [Refusal(status=403, body=failure(403, "Forbidden", "no rights"))]
    status, out, err = await place.once()
    assert (status, out) == (3, "")
    assert "no rights" in err
    assert "Traceback" not in err


async def test_without_rights_on_cron_workflows_the_jobs_are_done_all_the_same(place: Place) -> None:
    place.make_database()
    place.server.crons = Refusal(status=403, body=failure(403, "Forbidden", "no right to list cronworkflows"))
    collected = replace(RECORD, job_id="11111111-2222-3333-4444-666666666666")
    outcome = Outcome(
        job_id=collected.job_id, workflow_uid="u", state=State.COMPLETED, started_at=1, ended_at=2, job=collected
    )
    folder = place.folder / "staging" / collected.job_id
    folder.mkdir(parents=True)
    (folder / "outcome.json").write_text(outcome.to_json())
    status, out, err = await place.once()
    assert (status, out) == (3, "")
    assert "cronworkflows" in err
    assert place.statuses() == {JOB: "IN_PROGRESS", collected.job_id: "COMPLETED"}


async def test_the_watcher_follows_and_ends_within_two_seconds_of_sigterm(place: Place) -> None:
    place.make_database()
    place.server.watches = [[END, Hold()]]
    async with place.running() as process:
        await until(lambda: place.status() == "COMPLETED")
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, err = await process.communicate()
        assert (process.returncode, time.monotonic() - began < 2.0) == (0, True)
    changes = [line for line in map(json.loads, err.decode().splitlines()) if line["event"] == "row"]
    assert [(line["job"], line["was"], line["now"]) for line in changes] == [
        (JOB, None, "IN_PROGRESS"),
        (JOB, "IN_PROGRESS", "COMPLETED"),
    ]
    assert all(line["why"] for line in changes)


async def test_a_start_that_is_put_off_asks_nothing_and_ends_at_once(place: Place) -> None:
    place.make_database()
    port = free_port()
    async with place.running("--start-jitter", "3600", "--health-port", str(port)) as process:
        out, end = "", time.monotonic() + 10
        while "first list" not in out and time.monotonic() < end:
            _, out, _ = await check(place, port)
        assert "not complete yet" in out
        assert place.server.asked == []
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        await process.wait()
        assert (process.returncode, time.monotonic() - began < 2.0) == (0, True)


async def test_a_child_ends_with_its_parent(place: Place) -> None:
    place.make_database()
    async with place.running("--until-eof") as process:
        await until(lambda: place.status() == "IN_PROGRESS")
        assert process.stdin is not None
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 2.0)
        assert process.returncode == 0


async def test_the_watcher_waits_for_the_database(place: Place) -> None:
    async with place.running():
        await asyncio.sleep(1.0)
        assert place.server.asked == []
        place.make_database()
        await until(lambda: place.status() == "IN_PROGRESS")


async def test_a_replaced_database_is_filled_again(place: Place) -> None:
    place.make_database()
    again = asyncio.Event()
    place.server.watches = [[again, END, Hold()], [Hold()]]
    async with place.running():
        await until(lambda: place.status() == "IN_PROGRESS")
        place.make_database()
        again.set()
        await until(place.status)


async def test_health_is_told_over_http(place: Place) -> None:
    place.make_database()
    place.server.watches = [[END, Hold()]]
    port = free_port()
    async with place.running("--health-port", str(port)) as process, aiohttp.ClientSession() as session:
        await until(lambda: place.status() == "COMPLETED")
        told = {}
        for name in ("healthz", "readyz", "metrics"):
            async with session.get(f"http://127.0.0.1:{port}/{name}") as answer:
                told[name] = (answer.status, await answer.text())
        assert told["healthz"][0] == 200
        assert told["readyz"][0] == 200
        assert "workflows/jobs" in json.loads(told["readyz"][1])["streams"]
        for metric in ("lists_total", 'changes_total{kind="changed"} 1.0', "commit_lag_seconds_count 1.0"):
            assert f"nbargo_watcher_{metric}" in told["metrics"][1]
        status, out, _ = await check(place, port)
        assert (status, "workflows/jobs" in out) == (0, True)
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 2.0)
    assert (await check(place, port))[0] == 1


async def test_a_watcher_without_rights_is_alive_and_not_ready(place: Place) -> None:
    place.make_database()
    place.server.lists = [Refusal(status=403, body=failure(403, "Forbidden", "no rights"))]
    port = free_port()
    async with place.running("--health-port", str(port)):
        await until(lambda: place.server.asked)
        status, out = 0, ""
        end = time.monotonic() + 10
        while "no rights" not in out and time.monotonic() < end:
            status_, out, _ = await check(place, port)
            status = status_ or 0
        assert (status, "forbidden" in out) == (1, True)
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/healthz") as answer:
            assert answer.status == 200
