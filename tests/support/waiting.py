"""Waiting for a condition with a deadline, in place of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

_POLL_SECONDS = 0.01
T = TypeVar("T")


def eventually(look: Callable[[], T], *, what: str, seconds: float = 50.0, every: float = _POLL_SECONDS) -> T:
    """Return the first truthy answer of a look, or fail with the last one.

    Args:
        look: What to wait for.
        what: It in words.
        seconds: The deadline.
        every: Seconds between two looks.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = look()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}; last seen: {answer!r}")
        time.sleep(every)
