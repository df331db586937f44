"""The demo: a whole nbargo on one machine, started, used and stopped by one command.

It starts the local Argo in this process, the watcher and JupyterLab beside it, submits the example notebooks through
the lab's REST API, and prints each status change as it lands in scheduler.sqlite.
"""

import argparse
import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from nbargo_local.argo import local_argo
from nbargo_local.demo import rows
from nbargo_local.demo.children import check_alive, running
from nbargo_local.demo.examples import EXAMPLES, Example, complaints
from nbargo_local.demo.lab import Lab
from nbargo_local.demo.place import Place, free_port
from nbargo_local.demo.rows import Row
from nbargo_shared.errors import ConfigError, NbargoError

_START_SECONDS: Final = 90.0  # a cold JupyterLab on two busy cores takes about 10
_JOB_SECONDS: Final = 180.0
_POLL_SECONDS: Final = 0.02
_USER: Final = "demo"
_FAILED: Final = 1
_INTERRUPTED: Final = 130  # as a shell says it


@dataclass(slots=True)
class Progress:
    """What the demo has seen of its jobs.

    Attributes:
        rows: The jobs as read last.
        seen: The statuses of each job, in order.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    seen: dict[str, list[str]] = field(default_factory=dict)

    def look(self, database: Path) -> Iterator[Row]:
        """Read the database again and yield the rows whose status is new."""
        now = rows.read(database)
        for row in rows.changes(self.rows, now):
            self.seen.setdefault(row.job_id, []).append(row.status)
            yield row
        self.rows = now


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit status: 0 all right, 1 a job did not end as it should, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(_run(options))
    except NbargoError as error:
        _say(f"The demo could not go on: {error}")
        return _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nbargo-demo",
        description="Run a whole nbargo on this machine: local Argo, watcher and JupyterLab, with example jobs. "
        "Ctrl-C stops all of it.",
        epilog="Exit status: 0 all right, 1 a job did not end as it should or a program did not start, "
        "2 wrong usage, 130 interrupted.",
    )
    parser.add_argument("--exit", action="store_true", help="stop when the example jobs have ended as they should")
    parser.add_argument("--port", type=int, default=0, help="JupyterLab's port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--examples", type=Path, default=_default_examples(), help="folder with the example notebooks")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep everything in DIR instead of a temporary folder")
    return parser


def _default_examples() -> Path:
    return Path(__file__).resolve().parents[4] / "examples"


async def _run(options: argparse.Namespace) -> int:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - asyncio.run made it
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        with _place(options.keep) as place:
            return await _demo(place, options)
    except asyncio.CancelledError:
        _say("Stopped.")
        return 0 if not options.exit else _INTERRUPTED


@contextlib.contextmanager
def _place(keep: Path | None) -> Iterator[Place]:
    if keep is not None:
        yield Place(keep.resolve())
        return
    folder = Path(tempfile.mkdtemp(prefix="nbargo-demo-"))
    try:
        yield Place(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _demo(place: Place, options: argparse.Namespace) -> int:
    place.make()
    if not options.examples.is_dir():
        raise ConfigError(f"There is no folder {options.examples}", hint="Name the examples folder with --examples")
    # examples/kind is for who installs, not for who runs notebooks.
    shutil.copytree(options.examples, place.notebooks, dirs_exist_ok=True, ignore=shutil.ignore_patterns("kind"))
    async with _programs(place, options.port or free_port()) as (lab, address):
        _say(f"JupyterLab is ready: {address}")
        progress = Progress()
        follower = asyncio.create_task(_follow(place, progress))
        try:
            jobs = await _submit(lab)
            await _wait_for_end(place, progress, set(jobs))
            status = await _judge(place, lab, progress, jobs)
            if not options.exit:
                _say(f"Have a look at the jobs at {address}  (Ctrl-C stops everything)")
                await follower
            return status
        finally:
            follower.cancel()
            await asyncio.wait([follower])


@contextlib.asynccontextmanager
async def _programs(place: Place, port: int) -> AsyncIterator[tuple[Lab, str]]:
    token = secrets.token_hex(16)
    environment = place.environment(os.environ, user=_USER)
    watcher_log, lab_log = place.logs / "watcher.log", place.logs / "lab.log"
    base = f"http://127.0.0.1:{port}/"
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(local_argo(kubeconfig=place.kubeconfig, workdir=place.work))
        _say("The local Argo runs. Starting the watcher and JupyterLab ...")
        watcher = await stack.enter_async_context(
            running(place.watcher_command(), environment=environment, log=watcher_log)
        )
        server = await stack.enter_async_context(
            running(place.lab_command(port=port, token=token), environment=environment, log=lab_log)
        )
        lab = Lab(await stack.enter_async_context(aiohttp.ClientSession(base)), token=token)
        deadline = time.monotonic() + _START_SECONDS
        while not await lab.is_ready():
            check_alive(watcher, name="The watcher", log=watcher_log)
            check_alive(server, name="JupyterLab", log=lab_log)
            if time.monotonic() > deadline:
                raise ConfigError(f"JupyterLab did not answer within {_START_SECONDS:.0f} s", hint=f"See {lab_log}")
            await asyncio.sleep(_POLL_SECONDS)
        yield lab, f"{base}lab?token={token}"


async def _submit(lab: Lab) -> dict[str, Example]:
    environment = await lab.environment()
    jobs = {}
    for example in EXAMPLES:
        job_id = await lab.create_job(
            example.notebook,
            runtime_environment_name=environment,
            output_formats=["ipynb", "html"],
            parameters=dict(example.parameters),
        )
        _say(f"Submitted  {example.notebook}")
        jobs[job_id] = example
    return jobs


async def _follow(place: Place, progress: Progress) -> None:
    while True:
        for row in progress.look(place.database):
            note = f"  {row.status_message}" if row.status_message else ""
            _say(f"{row.status:<12}{row.name}{note}")
        await asyncio.sleep(_POLL_SECONDS)


async def _wait_for_end(place: Place, progress: Progress, jobs: set[str]) -> None:
    deadline = time.monotonic() + _JOB_SECONDS
    while not jobs <= {job_id for job_id, row in progress.rows.items() if row.end_time is not None}:
        if time.monotonic() > deadline:
            raise ConfigError(f"The jobs did not end within {_JOB_SECONDS:.0f} s", hint=f"See {place.logs}")
        await asyncio.sleep(_POLL_SECONDS)


async def _judge(place: Place, lab: Lab, progress: Progress, jobs: dict[str, Example]) -> int:
    found: list[str] = []
    for job_id, example in jobs.items():
        await lab.download(job_id)
        described = await lab.job(job_id)
        files = {file["file_format"]: place.notebooks / (file["file_path"] or "?") for file in described["job_files"]}
        found += complaints(example, progress.rows[job_id], seen=progress.seen[job_id], files=files)
    for text in found:
        _say(f"NOT AS IT SHOULD BE  {text}")
    if not found:
        _say(f"All {len(jobs)} jobs ended as they should; their files are in the lab's folder jobs/")
    return _FAILED if found else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')}  {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
