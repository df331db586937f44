"""Long blocking work in a worker thread, ended and undone when nobody waits for it any more."""

import asyncio
import threading
from collections.abc import Callable
from typing import Protocol


class Work(Protocol):
    """Blocking work that looks now and then whether it is still wanted."""

    def __call__(self, *, cancelled: threading.Event) -> object:
        """Do it; raise an exception once the event is set, with nothing left behind."""


async def cancellable(work: Work, *, undo: Callable[[], object] = lambda: None) -> None:
    """Do blocking work in a thread.

    A thread cannot be cancelled. So when the waiting task is, the work is asked to end, and the task ends after it: who
    comes next finds what it made undone.

    Args:
        work: What to do.
        undo: Blocking: undoes what the work did, if it was too late to end it.

    Raises:
        Exception: What the work raised.
    """
    cancelled = threading.Event()
    task = asyncio.create_task(asyncio.to_thread(work, cancelled=cancelled))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        cancelled.set()
        await asyncio.shield(asyncio.create_task(_undone(task, undo)))
        raise


async def _undone(task: asyncio.Task[object], undo: Callable[[], object]) -> None:
    await asyncio.wait([task])
    if task.exception() is None:
        await asyncio.to_thread(undo)
