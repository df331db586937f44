"""The processes that the run has started: kernels, and what notebooks start."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

TERM_TIMEOUT = 2.0  # seconds between SIGTERM and SIGKILL


def end_processes() -> None:
    """End every process below this one: kernels have sessions of their own, so no signal to a group finds them."""
    victims = descendants()
    send(victims, signal.SIGTERM)
    deadline = time.monotonic() + TERM_TIMEOUT
    while any(alive(pid) for pid in victims) and time.monotonic() < deadline:
        time.sleep(0.02)
    send([pid for pid in victims if alive(pid)] + descendants(), signal.SIGKILL)


def descendants() -> list[int]:
    """Return the living processes below this one; none where there is no /proc."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else ():  # noqa: PTH112, PTH208 - called in a signal handler
        if entry.isdigit():
            state, parent = stat(int(entry))
            if state not in "ZX":
                children.setdefault(parent, []).append(int(entry))
    found: list[int] = []
    level = [os.getpid()]
    while level:
        level = [child for parent in level for child in children.get(parent, ())]
        found += level
    return found


def stat(pid: int) -> tuple[str, int]:
    """Return a process's state and its parent, or X (dead) if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return "X", 0
    return fields[0].decode(), int(fields[1])


def alive(pid: int) -> bool:
    """Return whether a process still runs; a zombie does not."""
    return stat(pid)[0] not in "ZX"


def send(pids: list[int], number: int) -> None:
    """Send a signal to processes that may have ended already."""
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, number)
