"""The watcher that the lab starts where no sidecar keeps the list of jobs true.

The child's standard input is a pipe whose other end only this server holds: the watcher (`--until-eof`) ends with the
server however the server ends, `kill -9` included.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any, Final

from nbargo_shared.errors import DatabaseError

START_DELAY: Final = 5.0
"""Seconds between the server's start and the first look: a sidecar that waited for the database looks for it every few
seconds, and the start itself pays nothing."""
CHECK_INTERVAL: Final = 30.0
ONCE_SECONDS: Final = 30.0
"""How long `watcher --once` may take: it lists and writes, with ten thousand jobs in about ten seconds."""

_FIRST_BACKOFF: Final = 1.0
_LONGEST_BACKOFF: Final = 600.0  # it waits for cluster and database itself: it ends when its configuration is wrong
_STEADY: Final = 60.0  # a child that lived this long ended for a new reason: the backoff begins anew
_STOP_SECONDS: Final = 5.0
_LINE_LENGTH: Final = 4096


class Mode(StrEnum):
    """Who runs the watcher."""

    AUTO = "auto"
    SIDECAR = "sidecar"
    CHILD = "child"


class Supervisor:
    """Starts the watcher as a child if it is needed, and again if it dies.

    Args:
        mode: `auto`: if no watcher has left a fresh heartbeat; `sidecar`: never; `child`: always.
        command: The watcher's command line without `--once` and `--until-eof`.
        is_alive: Blocking: whether any watcher has left a fresh heartbeat. It may raise DatabaseError.
        log: The server's log.
    """

    def __init__(self, mode: Mode, *, command: Sequence[str], is_alive: Callable[[], bool], log: Any) -> None:
        self._mode = mode
        self._command = tuple(command)
        self._is_alive = is_alive
        self._log = log
        self._engaged = mode is Mode.CHILD
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    def start(self) -> None:
        """Begin to look after the watcher, in the background; a second call is all right.

        Raises:
            RuntimeError: No event loop is running.
        """
        if self._mode is not Mode.SIDECAR and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="nbargo watcher")

    def check_now(self) -> None:
        """Look soon whether a watcher is needed, rather than at the next interval: a job is being submitted."""
        self.start()
        self._wake.set()

    def doubt(self) -> None:
        """Take note that a heartbeat was there and yet nobody wrote a row: run a child from now on."""
        self._engaged = self._mode is not Mode.SIDECAR
        self.check_now()

    async def stop(self) -> None:
        """Stop looking, and end the child."""
        task, self._task = self._task, None
        if task:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def run_once(self) -> bool:
        """Run `watcher --once` and return whether it did its work; its output goes to the log."""
        try:
            async with asyncio.timeout(ONCE_SECONDS):
                status = await self._child("--once")
        except TimeoutError:
            self._log.error("'watcher --once' did not end within %g s", ONCE_SECONDS)
            return False
        if status != 0:
            self._log.error("'watcher --once' ended with status %s", status)
        return status == 0

    async def _run(self) -> None:
        await self._settle()
        backoff = _FIRST_BACKOFF
        while True:
            if not await self._is_needed():
                await self._pause(CHECK_INTERVAL)
                continue
            self._engaged = True
            self._log.info("No watcher is running: starting one as a child of this server")
            began = time.monotonic()
            status = await self._child("--until-eof")
            backoff = _FIRST_BACKOFF if time.monotonic() - began > _STEADY else min(2 * backoff, _LONGEST_BACKOFF)
            self._log.warning("The watcher ended with status %s; it is started again in %g s", status, backoff)
            await self._pause(backoff)

    async def _settle(self) -> None:
        """Give a sidecar the time to leave its first heartbeat, unless a child is wanted in any case."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_DELAY
        while not self._engaged and (left := deadline - loop.time()) > 0:
            await self._pause(left)

    async def _is_needed(self) -> bool:
        if self._engaged:
            return True
        try:
            return not await asyncio.to_thread(self._is_alive)
        except DatabaseError as error:
            self._log.debug("The watcher's heartbeat cannot be read", exc_info=error)
            return False

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

    async def _child(self, option: str) -> int | None:
        """Run the watcher until it ends and return its exit status; end it when this is cancelled."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                option,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the server's terminal is the server's
            )
        except OSError as error:
            self._log.error("The watcher cannot be started: %s", error)
            return None
        try:
            await self._pump(process)
            return await process.wait()
        finally:
            await asyncio.shield(_end(process))

    async def _pump(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        rest = b""
        while chunk := await process.stdout.read(_LINE_LENGTH):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in [*lines, *([rest] if len(rest) > _LINE_LENGTH else [])]:
                self._log.info("watcher: %s", line.decode("utf-8", "replace"))
            rest = b"" if len(rest) > _LINE_LENGTH else rest
        if rest:
            self._log.info("watcher: %s", rest.decode("utf-8", "replace"))


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a child: by its closed input, then by SIGTERM, then by SIGKILL."""
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    process.stdin.close()
    steps: tuple[Callable[[], None], ...] = (process.terminate, process.kill)
    for step in steps:
        if await _ended(process.wait(), seconds=_STOP_SECONDS):
            return
        with suppress(ProcessLookupError):
            step()
    await process.wait()


async def _ended(wait: Awaitable[int], *, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await wait
    except TimeoutError:
        return False
    return True


def watcher_command(*, database: str, staging: str, user: str, cluster: Mapping[str, str]) -> list[str]:
    """Return the command line of the watcher.

    Args:
        database: Path of scheduler.sqlite.
        staging: Path of the staging area.
        user: Value of the user label.
        cluster: Values of `namespace`, `kubeconfig` and `context`; one that is empty is left to the watcher, which
            finds it by the same rule as the lab.
    """
    # -P keeps the current folder off the module path: it is the user's, with files of any name.
    program = [sys.executable, "-P", "-m", "nbargo_watcher"]
    where = [part for name, value in cluster.items() if value for part in (f"--{name}", value)]
    return [*program, "--db", database, "--staging", staging, "--user", user, *where]
