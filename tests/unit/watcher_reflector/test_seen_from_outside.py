"""What a person and a cluster see of the watcher: lines, metrics, progress, ends, and what a pod has to set."""

import asyncio
import functools
import io
import os
import signal
import sqlite3
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from anyio import to_thread

from nbargo_watcher import cli, parts
from nbargo_watcher.connection import connect
from nbargo_watcher.once import Progress
from support.ports import free_port
from unit.watcher_reflector.program import END, JOB, LISTED, Place, job, until
from unit.watcher_reflector.scripted import USER, Hold, Refusal, event, failure

NOTHING_NEW = [event("MODIFIED", job(version=version, phase="Succeeded")) for version in range(42, 62)]

METRICS = {
    "last_byte_age_seconds",
    "last_commit_age_seconds",
    "lists_total",
    "watches_total",
    "events_total",
    "changes_total",
    "definitions_total",
    "resolved_total",
    "retries_total",
    "quarantined_total",
    "commit_lag_seconds_bucket",
    "degraded",
}


async def test_a_change_is_one_line_for_a_person_and_what_changes_nothing_is_none(place: Place) -> None:
    place.make_database()
    place.server.watches = [[END, *NOTHING_NEW, Hold()]]
    port = free_port()
    async with place.running("--log-format", "console", "--health-port", str(port)) as process:
        async with aiohttp.ClientSession() as session:
            await _metric(session, port, "nbargo_watcher_events_total 21.0")
        await until(lambda: place.status() == "COMPLETED")
        process.send_signal(signal.SIGTERM)
        _, err = await process.communicate()
    rows = [line for line in err.decode().splitlines() if JOB in line]
    assert len(rows) == 2
    assert all(
        part in rows[1] for part in ("was=IN_PROGRESS", "now=COMPLETED", "why='phase Succeeded'", "source=object")
    )


async def test_all_metrics_are_there(place: Place) -> None:
    place.make_database()
    place.server.lists = [Refusal(status=500, body=failure(500, "InternalError", "no")), LISTED]
    place.server.watches = [[END, Hold()]]
    port = free_port()
    async with place.running("--health-port", str(port)), aiohttp.ClientSession() as session:
        text = await _metric(session, port, 'nbargo_watcher_resolved_total{source="object"} 1.0')
    found = {line.removeprefix("nbargo_watcher_").partition("{")[0].partition(" ")[0] for line in text.splitlines()}
    typed = {line.split()[2].removeprefix("nbargo_watcher_") for line in text.splitlines() if line.startswith("# TYPE")}
    assert found | typed | {f"{name}_total" for name in typed} >= METRICS
    assert 'nbargo_watcher_retries_total{reason="server-error"}' in text


async def _metric(session: aiohttp.ClientSession, port: int, wanted: str) -> str:
    text, end = "", time.monotonic() + 20
    while wanted not in text:
        assert time.monotonic() < end, text
        try:
            async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                text = await answer.text()
        except aiohttp.ClientError:
            await asyncio.sleep(0.05)  # it does not listen yet
    return text


async def test_sigterm_ends_it_while_the_database_is_locked(place: Place) -> None:
    place.make_database()
    locked = asyncio.Event()
    place.server.watches = [[locked, END, Hold()]]
    async with place.running() as process:
        await until(lambda: place.server.watched)
        with closing(sqlite3.connect(place.database, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            locked.set()
            await asyncio.sleep(0.3)  # into the middle of waiting for the lock
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), 4.0)
            assert time.monotonic() - began < 2.0
            other.execute("ROLLBACK")
    assert process.returncode == 0
    assert place.status() == "IN_PROGRESS"
    place.server.watches = [[END, Hold()]]
    async with place.running():
        await until(lambda: place.status() == "COMPLETED")


@pytest.fixture
def sigint_is_heard() -> Iterator[None]:
    """Undo what a shell does to programs in its background: they inherit that SIGINT is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("sigint_is_heard")
async def test_ctrl_c_ends_a_single_run(place: Place) -> None:
    place.make_database()
    place.server.lists = [Refusal(status=429, body=failure(429, "TooManyRequests"), headers={"Retry-After": "20"})]
    async with place.running("--once") as process:
        await until(lambda: place.server.asked)
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), 10.0)  # of the 20 s that it would wait
        assert process.returncode == 130
        assert b"Traceback" not in err


def test_progress_is_shown_on_a_terminal_and_wiped_at_the_end() -> None:
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as terminal:
        progress = Progress(terminal)
        progress(999)
        progress(1)
        progress.end()
        shown = os.read(ours, 4096)
        while not shown.endswith(b"\r\x1b[K"):
            shown += os.read(ours, 4096)
    os.close(ours)
    assert b"1000" in shown
    assert b"999 " not in shown


def test_progress_is_not_written_into_files() -> None:
    file = io.StringIO()
    progress = Progress(file)
    progress(5000)
    progress.end()
    assert file.getvalue() == ""


async def test_a_pod_needs_no_setting(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Namespace, token, CA, address, user and database: all are found."""
    pod = _pod(tmp_path)
    monkeypatch.setattr(parts, "connect", functools.partial(connect, folder=pod))
    data = tmp_path / ".local/share/jupyter"
    data.mkdir(parents=True)
    place.make_database()
    place.database.rename(data / "scheduler.sqlite")
    app = web.Application()
    app.router.add_get("/{path:.*}", place.server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pod / "ca.crt", pod / "key")
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    environ = {
        "HOME": str(tmp_path),
        "JUPYTERHUB_USER": USER,
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(runner.addresses[0][1]),
    }
    try:
        status = await to_thread.run_sync(cli.main, ["--once"], environ)
    finally:
        await runner.cleanup()
    assert (status, "1 rows were added" in capsys.readouterr().out) == (0, True)
    asked = place.server.asked[0]
    assert asked.headers["Authorization"] == "Bearer of the pod"
    assert asked.query["labelSelector"] == f"nbargo/user={USER}"


def _pod(folder: Path) -> Path:
    pod = folder / "serviceaccount"
    pod.mkdir()
    (pod / "token").write_text("of the pod")
    (pod / "namespace").write_text("jobs")
    name = ["-subj", "/CN=kubernetes", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(pod / "key"), "-out", str(pod / "ca.crt")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *name, *files]
    subprocess.run(command, check=True, capture_output=True)
    return pod
