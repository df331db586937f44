"""The watcher as a process in a folder of its own: what the tests of the program stand on."""

import asyncio
import json
import os
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_scheduler.orm import create_tables

from nbargo_shared.record import JobRecord
from unit.watcher_reflector.scripted import USER, ScriptedServer, event, listing, workflow

JOB = "11111111-2222-3333-4444-555555555555"
RECORD = JobRecord(job_id=JOB, name="n", input_filename="a.ipynb", runtime_environment_name="e", create_time=1)


def job(*, version: int, phase: str) -> dict[str, Any]:
    return workflow(f"nb-{JOB}", version=version, phase=phase,
                    labels={"nbargo/user": USER, "nbargo/job-id": JOB},
                    annotations={"nbargo/job": RECORD.to_json()})  # fmt: skip


LISTED = listing(job(version=11, phase="Running"), version=40)
POISONED = listing(job(version=11, phase="Running"), workflow("bad", version=12, phase="Paused"), version=40)
END = event("MODIFIED", job(version=41, phase="Succeeded"))


@dataclass(kw_only=True)
class Place:
    folder: Path
    server: ScriptedServer

    @property
    def database(self) -> Path:
        return self.folder / "scheduler.sqlite"

    def make_database(self) -> None:
        """Put an empty database in place, by a rename: beside a running watcher its file is there at once or not."""
        fresh = self.database.with_suffix(".new")
        create_tables(f"sqlite:///{fresh}")
        fresh.replace(self.database)

    def status(self) -> str | None:
        if not self.database.exists():
            return None
        with closing(sqlite3.connect(self.database)) as connection:
            rows: list[tuple[str]] = connection.execute("SELECT status FROM jobs").fetchall()
        return rows[0][0] if rows else None

    def statuses(self) -> dict[str, str]:
        with closing(sqlite3.connect(self.database)) as connection:
            return dict(connection.execute("SELECT job_id, status FROM jobs").fetchall())

    @asynccontextmanager
    async def running(self, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
        kubeconfig = self.folder / "kubeconfig"
        kubeconfig.write_text(json.dumps({
            "current-context": "x",
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x", "namespace": "jobs"}}],
            "clusters": [{"name": "x", "cluster": {"server": self.server.url}}],
            "users": [{"name": "x", "user": {"token": "t"}}],
        }))  # fmt: skip
        environ = {"HOME": str(self.folder), "PATH": os.environ["PATH"], "NBARGO_USER": USER}
        where = ("--db", str(self.database), "--staging", str(self.folder / "staging"), "--kubeconfig", str(kubeconfig))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "nbargo_watcher", *where, *options),
            env=environ,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def once(self, *options: str) -> tuple[int | None, str, str]:
        async with self.running("--once", *options) as process:
            out, err = await process.communicate()
            return process.returncode, out.decode(), err.decode()


async def until(condition: Callable[[], Any], *, within: float = 20.0) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"not within {within} s"
        await asyncio.sleep(0.02)


async def check(place: Place, port: int) -> tuple[int | None, str, str]:
    async with place.running("--check", "--health-port", str(port)) as process:
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()
