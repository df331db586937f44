"""P22: memory is bounded by what a row needs, not by what a workflow holds, nor by how many there are.

The property speaks of 5,000 workflows of 1 MiB and 128 MiB of memory. Here they are 300, three times the bound together
and more than two pages of the watcher's: if anything kept them, or a whole page of them, it would show, and it takes
seconds. They are listed, and then 100 of them change, so that lists and watches are both looked at. The watcher is a
process of its own, with the imports that it has in a pod: a kubeconfig's library is twice as large as the watcher.
"""

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final

from aiohttp import web

from nbargo_shared.record import JobRecord
from support.following import make_database
from support.jobs import job_id
from support.programs import Program

COUNT: Final = 300
CHANGED: Final = 100
MEBIBYTE: Final = 1024 * 1024
BOUND: Final = 128
"""MiB."""
THREADS: Final = 12
PADDING: Final = json.dumps({f"n{n}": {"id": f"n{n}", "phase": "Succeeded"} for n in range(24_000)}).encode()
CHILD: Final = """
import sys
from pathlib import Path
import anyio
from nbargo_watcher import daemon, logs, parts
from nbargo_watcher.connection import Connection, Credentials
from nbargo_watcher.settings import Settings

async def connect(*_):
    return Connection(url=sys.argv[1], namespace="argo", reader=lambda *, anew: Credentials())

parts.connect = connect
folder = Path(sys.argv[2])
logs.set_up(form="json", level="warning")
settings = Settings(user="ada", database=folder / "scheduler.sqlite", staging=folder, log_level="warning")
anyio.run(daemon.run, settings, {})
"""


def body(number: int, *, version: int, phase: str) -> bytes:
    record = JobRecord(
        job_id=job_id(number), name="n", input_filename="n.ipynb", runtime_environment_name="e", create_time=1
    )
    labels = {"nbargo/user": "ada", "nbargo/job-id": job_id(number)}
    head = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "name": f"nb-{job_id(number)}",
            "namespace": "argo",
            "uid": f"uid-{number}",
            "resourceVersion": str(version),
            "labels": labels,
            "annotations": {"nbargo/job": record.to_json()},
        },
        "spec": {},
        "status": {"phase": phase, "nodes": "PADDING"},
    }
    return json.dumps(head).encode().replace(b'"PADDING"', PADDING)


def page(start: int, limit: int) -> Iterator[bytes]:
    end = min(COUNT, start + (limit or COUNT))
    following = str(end) if end < COUNT else ""
    metadata = json.dumps({"resourceVersion": str(COUNT), "continue": following}).encode()
    yield b'{"kind":"WorkflowList","apiVersion":"argoproj.io/v1alpha1","metadata":' + metadata + b',"items":['
    for number in range(start, end):
        yield (b"," if number > start else b"") + body(number, version=number + 1, phase="Running")
    yield b"]}"


def changes() -> Iterator[bytes]:
    for number in range(CHANGED):
        changed = body(number, version=COUNT + number + 1, phase="Succeeded")
        yield b'{"type":"MODIFIED","object":' + changed + b"}\n"


async def answer(request: web.Request) -> web.StreamResponse:
    workflows = request.path.endswith("/workflows")
    watched = "watch" in request.query
    if not workflows and not watched:
        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": []})
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    listed = page(int(request.query.get("continue") or 0), int(request.query.get("limit") or 0))
    for piece in (changes() if watched else listed) if workflows else ():
        await response.write(piece)
    if watched:
        await asyncio.Event().wait()
    await response.write_eof()
    return response


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def statuses(database: Path) -> dict[str, int]:
    with closing(sqlite3.connect(database, timeout=10)) as connection:
        return dict(connection.execute("SELECT status, count(*) FROM jobs GROUP BY status"))


def told(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


async def test_three_hundred_workflows_of_a_mebibyte_fit_into_a_sidecar(tmp_path: Path) -> None:
    assert len(PADDING) > MEBIBYTE
    make_database(tmp_path / "scheduler.sqlite")
    async with serving() as url:
        command = [sys.executable, "-c", CHILD, url, str(tmp_path)]
        program = Program(command, environment={"PYTHONPATH": ":".join(sys.path)}, log=tmp_path / "log")
        try:
            async with asyncio.timeout(50):
                while statuses(tmp_path / "scheduler.sqlite") != {
                    "IN_PROGRESS": COUNT - CHANGED,
                    "COMPLETED": CHANGED,
                }:
                    program.check_alive()
                    await asyncio.sleep(0.1)
            peak, threads = told(program.pid, "VmHWM") / 1024, told(program.pid, "Threads")
        finally:
            program.kill()
    assert peak < BOUND, f"{peak:.0f} MiB"
    assert threads <= THREADS
