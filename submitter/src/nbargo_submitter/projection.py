"""Waiting until the list shows what was done: the watcher writes the rows, not the lab."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from nbargo_submitter.supervisor import Supervisor

_POLL: Final = 0.025  # seconds between two looks for a row; a look takes about a millisecond


class Projection:
    """Waits for the watcher, and does its work once if it does not.

    Args:
        supervisor: Who sees to it that a watcher runs.
        wait_seconds: How long to wait for the watcher to write what was done.
        log: The server's log.
    """

    def __init__(self, *, supervisor: Supervisor, wait_seconds: float, log: Any) -> None:
        self._supervisor = supervisor
        self._wait_seconds = wait_seconds
        self._log = log
        self._projecting = asyncio.Lock()

    def expected(self) -> None:
        """Take note that something is being done that a watcher will have to write."""
        self._supervisor.check_now()

    async def glimpsed(self, is_there: Callable[[], bool]) -> None:
        """Wait a moment until the list shows what was asked for, which may take longer than that.

        Args:
            is_there: Blocking: whether it does.
        """
        self.expected()
        await _until(is_there, seconds=self._wait_seconds)

    async def read(self, what: str, is_there: Callable[[], bool]) -> None:
        """Have what was done to a file written into the list: a running watcher follows the cluster, not files.

        Args:
            what: What it was done to, for the log.
            is_there: Blocking: whether the list shows it.
        """
        async with self._projecting:
            if not await asyncio.to_thread(is_there):
                await self._supervisor.run_once()
        if not await asyncio.to_thread(is_there):
            self._log.error("What was done to %s is not listed yet: it follows when a watcher looks", what)

    async def shown(self, what: str, is_there: Callable[[], bool]) -> None:
        """Wait until the watcher has written what was done; run `watcher --once` if it does not.

        Args:
            what: What it was done to, for the log, such as `job 1234`.
            is_there: Blocking: whether the list shows it.
        """
        if await _until(is_there, seconds=self._wait_seconds):
            return
        async with self._projecting:  # one run serves all that wait
            if await asyncio.to_thread(is_there):
                return
            self._log.warning(
                "No watcher wrote the row of %s within %g s: running 'watcher --once'. If there is a sidecar, look "
                "at its log (kubectl logs <this pod> -c watcher)",
                what,
                self._wait_seconds,
            )
            await self._supervisor.run_once()
        if not await asyncio.to_thread(is_there):
            self._log.error("What was done to %s is not listed yet: it follows when a watcher runs", what)
        self._supervisor.doubt()


async def _until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Return whether a blocking condition came true in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not await asyncio.to_thread(condition):
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(_POLL)
    return True
