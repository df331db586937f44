"""The controller's clock: the wall clock, and one that tests drive."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

_LONGEST_SLEEP: Final = 60.0  # seconds; after it the wall clock is read again, so a suspended laptop wakes up in time


class Clock(Protocol):
    """What the controller needs to know of time."""

    def now(self) -> datetime:
        """Return the present time, aware and in UTC."""
        ...

    async def sleep_until(self, when: datetime) -> None:
        """Return once `now()` is `when` or later.

        Args:
            when: An aware time; one that has passed returns at once.
        """
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present time, in UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, when: datetime) -> None:
        """Sleep until the wall clock shows a time.

        Args:
            when: An aware time.
        """
        while (left := (when - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 (no event tells of a clock that was set)
            await asyncio.sleep(min(left, _LONGEST_SLEEP))


class ManualClock:
    """A clock that stands still until it is told to go on.

    Args:
        start: What it shows first; aware.
    """

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        """Return the time that was set last."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass, and wake whoever waited for it.

        Args:
            seconds: How much; not negative.
        """
        self._now += timedelta(seconds=seconds)
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)

    @property
    def next_wake(self) -> datetime | None:
        """When the first of those that wait is to be woken; None if nobody waits."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    async def sleep_until(self, when: datetime) -> None:
        """Wait until `advance` has brought the clock to a time.

        Args:
            when: An aware time.
        """
        if when <= self._now:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (when, next(self._order), future))
        await future
