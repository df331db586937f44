"""Processes that are started together with all that they start, and ended together with it.

A container's processes die with it; here its place is taken by a process group. That is not enough for a notebook: a
kernel is started in a session of its own. Every process therefore carries a mark in its environment, which its
descendants inherit, and on Linux /proc tells who carries it, whoever its parent is now. Elsewhere the group is all that
is known.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

MARK: Final = "NBARGO_LOCAL_POD"
"""The environment variable that tells which pod a process belongs to."""

_PROC: Final = Path("/proc")
_SWEEPS: Final = 20  # a process may fork between the look and the kill; each look finds what the last one missed
_BETWEEN_SWEEPS: Final = 0.01  # seconds


def marked(prefix: str) -> list[int]:
    """Return the ids of the living processes whose mark starts with a text; on Linux only.

    Args:
        prefix: The start of the mark.
    """
    wanted = f"{MARK}={prefix}".encode()
    found = []
    for entry in _PROC.glob("[0-9]*") if sys.platform == "linux" else ():
        with suppress(OSError):  # it ended meanwhile, or is somebody else's
            variables = (entry / "environ").read_bytes().split(b"\0")
            if any(each.startswith(wanted) for each in variables):
                found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid()]


async def kill_marked(prefix: str) -> None:
    """Kill all processes whose mark starts with a text, and wait until they are gone.

    Args:
        prefix: The start of the mark.
    """
    for _ in range(_SWEEPS):
        found = await asyncio.to_thread(marked, prefix)
        if not found:
            return
        _kill(found)
        await asyncio.sleep(_BETWEEN_SWEEPS)


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


class ProcessGroup:
    """A process that leads a group, and what it started.

    Args:
        process: The leader.
        mark: The value of its mark; no other one may start with it.
    """

    def __init__(self, process: Process, mark: str) -> None:
        self._process = process
        self._mark = mark

    @classmethod
    async def start(
        cls, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path, mark: str
    ) -> "ProcessGroup":
        """Start a process in a session and group of its own.

        Args:
            command: The program, which is looked up in the `PATH` of `env`, and its arguments.
            env: Its whole environment, but for the mark.
            cwd: Where it starts.
            log: The file that gets what it writes to stdout and stderr, after what is there.
            mark: The value of its mark; unique to it.

        Raises:
            OSError: It cannot be started.
        """
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                env={**env, MARK: mark},
                cwd=cwd,
                stdin=DEVNULL,
                stdout=output,
                stderr=STDOUT,
                start_new_session=True,
            )
        return cls(process, mark)

    @property
    def pid(self) -> int:
        """The leader's id, which is also the group's."""
        return self._process.pid

    async def wait(self) -> int:
        """Wait for the leader's end, as a container does, and kill what it leaves behind.

        Returns:
            Its exit code; 128 and the signal's number if a signal ended it.
        """
        code = await self._process.wait()
        await self._sweep()
        return code if code >= 0 else 128 - code

    async def stop(self, grace: float) -> None:
        """Ask the group to end, and kill it with everything that it started if it has not; `wait` tells its end.

        Args:
            grace: How many seconds it has between the two.
        """
        self._signal(signal.SIGTERM)
        await asyncio.sleep(grace)
        await self._sweep()

    def kill(self) -> None:
        """Kill the group and what it started at once, without waiting."""
        self._signal(signal.SIGKILL)
        _kill(marked(self._mark))

    async def _sweep(self) -> None:
        self._signal(signal.SIGKILL)
        await kill_marked(self._mark)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)
