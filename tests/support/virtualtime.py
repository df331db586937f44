"""An event loop whose clock jumps to the next timer whenever there is nothing else to do.

An hour of waiting then takes as long as the work in it, and the order of events is that of their times. Time does not
jump while a thread works for the loop, so that a slow disk is not seen as minutes of silence.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import aiosqlite
import anyio
from anyio import to_thread

from unit.watcher_reflector.scripted import Clock

PATIENCE: Final = 0.003
"""Seconds, of real time, in which nothing comes after something was done, before the clock jumps. What is sent to this
host is there at once, but on a busy machine not always."""
LEAP: Final = 1.0
"""Seconds that it jumps at most, so that whatever comes late after all has missed little."""
_STUCK: Final = 10.0
_LOOKS: Final = 80  # at a condition that may take long


class VirtualTime(Clock):
    """The clock of a loop in which time passes as fast as nothing happens; see `virtual_time`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._busy = 0
        self._quiet = False

    async def until(self, condition: Callable[[], bool], *, within: float = 60.0, step: float = 0.25) -> float:
        """Let time pass until something is so, and return how many seconds it took."""
        began = self.time()
        while not condition():
            assert self.time() - began < within, f"not within {within} s"
            await asyncio.sleep(max(step, within / _LOOKS) if step else PATIENCE)
        return self.time() - began

    async def run(self, seconds: float, *, step: float = 0.25) -> None:
        """Let time pass."""
        del step
        await asyncio.sleep(seconds)

    def selecting(self, select: Callable[[float | None], list[Any]]) -> Callable[[float | None], list[Any]]:
        """Return a `select` that lets time jump where the given one would wait."""

        def jump(timeout: float | None = None) -> list[Any]:
            if timeout is None or timeout <= 0:
                self._quiet = False
                return select(timeout)
            patience = _STUCK if self._busy else 0.0 if self._quiet else min(timeout, PATIENCE)
            ready = select(patience)
            self._quiet = not ready
            if self._quiet:
                self._ahead += min(max(0.0, timeout - patience), LEAP)
            return ready

        return jump

    def occupied(self, work: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Return the same work, done by a thread, during which time does not jump."""

        async def wait(*args: Any, **options: Any) -> Any:
            self._busy += 1
            try:
                return await work(*args, **options)
            finally:
                self._busy -= 1

        return wait


@contextmanager
def virtual_time() -> Iterator[VirtualTime]:
    """Make the running loop's clock jump, for the length of the block."""
    loop: Any = asyncio.get_running_loop()
    time, select = loop.time, loop._selector.select
    threads = to_thread.run_sync
    execute, connect = aiosqlite.Connection._execute, aiosqlite.Connection._connect
    clock = VirtualTime(loop)
    loop._selector.select = clock.selecting(select)
    anyio.to_thread.run_sync = clock.occupied(threads)  # type: ignore[assignment]  # as the original, counted
    aiosqlite.Connection._execute = clock.occupied(execute)  # type: ignore[method-assign, assignment]  # as the original, counted
    aiosqlite.Connection._connect = clock.occupied(connect)  # type: ignore[method-assign, assignment]  # as the original, counted
    try:
        yield clock
    finally:
        anyio.to_thread.run_sync = threads
        aiosqlite.Connection._execute, aiosqlite.Connection._connect = execute, connect  # type: ignore[method-assign]  # back
        loop._selector.select, loop.time = select, time
