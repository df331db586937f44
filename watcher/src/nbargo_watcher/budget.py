"""How often the watcher may ask.

A token bucket is a value: what takes from it gets the time to wait and the bucket afterwards, so that a decision can
be made, tested and repeated without a clock. Whatever goes wrong, and however often, the buckets bound the requests
that the API server gets from one watcher.
"""

from dataclasses import dataclass, replace
from typing import Final

import anyio


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Tokens that are used up by requests and come back with time.

    Attributes:
        burst: How many tokens it holds when full.
        rate: Tokens that come back in a second.
        level: Tokens in it at the time `at`; below zero when requests have been let through on credit.
        at: Time of the level, seconds of a monotonic clock; None until the first request.
    """

    burst: float
    rate: float
    level: float
    at: float | None = None

    def take(self, *, now: float, cost: float = 1.0) -> tuple[float, "Bucket"]:
        """Return the seconds to wait before a request, and the bucket with the request paid.

        Args:
            now: The time, on the clock of `at`.
            cost: Tokens that the request costs.
        """
        since = now if self.at is None else self.at
        level = min(self.burst, self.level + max(0.0, now - since) * self.rate) - cost
        wait = max(0.0, -level / self.rate)
        return wait, replace(self, level=level, at=now)


PROCESS: Final = Bucket(burst=20, rate=0.5, level=20)
"""For all requests of a watcher together: 20 at once, then one in two seconds."""

NAMESPACE: Final = Bucket(burst=4, rate=1 / 10, level=2)
"""For the requests that begin a list or a watch of any stream in one namespace: 4 + 60/10 = 10 in any minute, whatever
happens. There are two streams, jobs and definitions; their first lists are paid already."""

SINGLE: Final = Bucket(burst=5, rate=1 / 10, level=5)
"""For a stream that is to be listed once. It gives up after `decide.TRIES`, and does not wait for tokens before."""


class Purse:
    """The bucket that the streams of one namespace pay from, and word of whether its first stream gets answers.

    Two streams that ask a server in trouble for themselves use up what the rows of the jobs need when it is well again.
    So the stream of the jobs asks, and the other waits for its success.

    Args:
        bucket: What is in it.
    """

    def __init__(self, bucket: Bucket = NAMESPACE) -> None:
        self.bucket = bucket
        self._answered = anyio.Event()

    def tell(self, *, answered: bool) -> None:
        """Take down whether the stream of the jobs has just got what it asked for."""
        if answered:
            self._answered.set()
        elif self._answered.is_set():
            self._answered = anyio.Event()

    async def follow(self, *, seconds: float) -> None:
        """Wait until the stream of the jobs gets answers, then pay for a request.

        Args:
            seconds: How long at most: that stream's trouble may be its own.
        """
        with anyio.move_on_after(seconds):
            await self._answered.wait()
        wait, self.bucket = self.bucket.take(now=anyio.current_time())
        await anyio.sleep(wait)


class Budget:
    """The bucket of a process, for those who only want to wait their turn."""

    def __init__(self, bucket: Bucket = PROCESS) -> None:
        self._bucket = bucket

    async def acquire(self) -> None:
        """Wait until one more request may be sent."""
        wait, self._bucket = self._bucket.take(now=anyio.current_time())
        if wait:
            await anyio.sleep(wait)
