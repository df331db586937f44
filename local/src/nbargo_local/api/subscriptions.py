"""A queue of events for one reader, filled by the store without waiting for the reader."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class SubscriptionClosedError(Exception):
    """The subscription was closed, and every event of it has been read."""


class Subscription(Generic[T]):
    """Events in the order in which they happened, none left out.

    Args:
        on_close: Called once with the subscription when it is closed.
        limit: How many events may wait; one more closes the subscription, with what waits still to be read.
            None for any number.
    """

    def __init__(self, on_close: Callable[["Subscription[T]"], None], *, limit: int | None = None) -> None:
        self._limit = limit
        self._events: deque[T] = deque()
        self._wake = asyncio.Event()
        self._on_close = on_close
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Return how many events wait to be read."""
        return len(self._events)

    def push(self, event: T) -> None:
        """Add an event; for the store."""
        if self._limit is not None and len(self._events) >= self._limit:
            self.close()
            return
        self._events.append(event)
        self._wake.set()

    async def get(self) -> T:
        """Wait for the next event and take it.

        Raises:
            SubscriptionClosedError: There will be no more.
        """
        while not self._events:
            if self._closed:
                raise SubscriptionClosedError
            self._wake.clear()
            await self._wake.wait()
        return self._events.popleft()

    def close(self) -> None:
        """End the subscription: events are no longer added, a waiting reader is told. May be called twice."""
        if not self._closed:
            self._closed = True
            self._on_close(self)
            self._wake.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        try:
            return await self.get()
        except SubscriptionClosedError:
            raise StopAsyncIteration from None
