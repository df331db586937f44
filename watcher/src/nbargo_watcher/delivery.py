"""From the reflector to the sink: events are gathered while the sink is busy, and kept while it fails.

Events that wait are one for each object, the last one. Their number is bounded: when it is reached, nothing more is
read from the stream until the sink has taken them.
"""

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import anyio

from nbargo_shared.errors import ClusterError, DatabaseError, NbargoError, SchemaError
from nbargo_watcher.dberrors import MissingError, ReplacedError
from nbargo_watcher.model import Event, Observed, Sink
from nbargo_watcher.telemetry import Telemetry
from nbargo_watcher.versions import Order, compare
from nbargo_watcher.wire import AnySeen, Deleted

MAX_WAITING: Final = 500
"""Objects that may wait for the sink; with annotations and outcomes of 64 KiB that is 64 MiB at the very worst."""
RETRY_BASE: Final = 0.1
RETRY_CAP: Final = 5.0
"""Seconds; a database that was locked or full is taken up again soon after it is usable."""
TRIES: Final = 6
"""Attempts of a run that is to end: about three seconds, beside the sink's own patience with locks."""

REOPEN: Final = (ReplacedError, MissingError, SchemaError)
"""What no repetition mends: the database has to be opened anew."""

Work = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    events: Sequence[Event]
    resource_version: str
    since: float


class Delivery:
    """Gives one stream's objects and events to the sink.

    Args:
        sink: Who takes them.
        scope: The stream's name.
        project: Makes an event of what was seen; done when the sink is ready for it.
        telemetry: Where commits are counted, and where it is said that the sink fails.
        quarantine: Told of objects that the sink cannot take: their uid and why.
        rng: Draws the jitter of repetitions.
        finite: Whether to give up after TRIES failures.
    """

    def __init__(  # noqa: PLR0913 - its collaborators, all by name
        self,
        *,
        sink: Sink,
        scope: str,
        project: Callable[[AnySeen], Event],
        telemetry: Telemetry,
        quarantine: Callable[[str, str], None],
        rng: random.Random,
        finite: bool = False,
    ) -> None:
        self._sink = sink
        self._scope = scope
        self._project = project
        self._telemetry = telemetry
        self._quarantine = quarantine
        self._rng = rng
        self._finite = finite
        self._waiting: dict[str, AnySeen] = {}
        self._resource_version = ""
        self._committed = ""
        self._since = 0.0
        self._failing = False
        self._busy = False
        self._arrived = anyio.Event()
        self._taken = anyio.Event()

    def add(self, seen: AnySeen) -> None:
        """Take an event; of an object's events that wait, the newest one is kept."""
        if not self._waiting:
            self._since = time.monotonic()
            self._arrived.set()
        uid = seen.uid
        waiting = self._waiting.pop(uid, None)  # so that the order is that of the last events
        self._waiting[uid] = waiting if waiting is not None and _is_late(seen, waiting) else seen
        self._resource_version = seen.resource_version

    def advance(self, resource_version: str) -> None:
        """Note up to where the stream has been read."""
        if resource_version:
            self._resource_version = resource_version
            self._arrived.set()

    async def room(self) -> None:
        """Wait until the sink has taken events, if too many wait."""
        while len(self._waiting) >= MAX_WAITING:
            await self._taken.wait()

    async def drained(self) -> None:
        """Wait until the sink has taken everything."""
        while self._busy or self._waiting or self._resource_version != self._committed:
            await self._taken.wait()

    async def checkpoint(self) -> str:
        """Forget what waits, and return the resourceVersion to go on from; "" if there is none."""
        found = ""
        self._waiting.clear()
        self._busy = False

        async def ask() -> None:
            nonlocal found
            found = await self._sink.checkpoint(self._scope) or ""

        await self._insist(ask)
        self._resource_version = self._committed = found
        return found

    async def page(self, objects: Sequence[Observed]) -> None:
        """Give a page of a list to the sink; returns when it is committed."""
        try:
            await self._insist(lambda: self._sink.page(self._scope, objects))
        except NbargoError:
            raise
        except Exception:  # noqa: BLE001 - one object that breaks the sink must not keep the others out
            for observed in objects:
                await self._one(observed, partial(self._sink.page, self._scope, [observed]))

    async def listed(self, uids: frozenset[str], resource_version: str, *, unread: int) -> None:
        """Give the end of a complete list to the sink; returns when it is committed."""
        await self._insist(
            lambda: self._sink.listed(self._scope, uids=uids, resource_version=resource_version, unread=unread)
        )
        self._resource_version = self._committed = resource_version
        self._telemetry.written()

    async def run(self) -> None:
        """Give waiting events to the sink, as they come, for ever.

        Raises:
            DatabaseError: The database must be opened anew.
        """
        while True:
            await self._arrived.wait()
            self._arrived = anyio.Event()
            batch = _Batch(
                events=list(map(self._project, self._waiting.values())),
                resource_version=self._resource_version,
                since=self._since,
            )
            self._waiting.clear()
            if batch.events or batch.resource_version != self._committed:
                self._busy = True
                await self._commit(batch)
                self._busy, self._committed = False, batch.resource_version
            self._taken.set()
            self._taken = anyio.Event()

    async def _commit(self, batch: _Batch) -> None:
        try:
            await self._insist(lambda: self._events(batch.events, batch.resource_version))
        except NbargoError:
            raise
        except Exception:  # noqa: BLE001 - as in page
            # The checkpoint stays where it was until the last of them: a crash in between repeats them all.
            for event in batch.events:
                await self._one(event.observed, partial(self._events, [event], self._committed))
            await self._insist(lambda: self._events([], batch.resource_version))
        if batch.events:
            self._telemetry.committed(events=len(batch.events), lag=time.monotonic() - batch.since)

    async def _events(self, events: Sequence[Event], resource_version: str) -> None:
        await self._sink.events(self._scope, events, resource_version=resource_version)

    async def _one(self, observed: Observed, work: Work) -> None:
        """Give one object of a batch that the sink could not take, and set it aside if it is the reason."""
        try:
            await self._insist(work)
        except NbargoError:
            raise
        except Exception as error:  # noqa: BLE001 - as in page
            self._quarantine(observed.uid, f"{type(error).__name__}: {error}")

    async def _insist(self, work: Work) -> None:
        """Do it until it is done; what waiting does not mend is raised."""
        tries = 0
        while True:
            try:
                await work()
            except REOPEN:
                raise
            except NbargoError as error:
                tries += 1
                if self._finite and tries >= TRIES:
                    raise
                self._fail(error)
            else:
                self._recover()
                return
            await anyio.sleep(self._rng.uniform(0.5, 1.0) * min(RETRY_CAP, RETRY_BASE * 2.0 ** min(tries - 1, 10)))

    def _fail(self, error: NbargoError) -> None:
        kind = (
            "database"
            if isinstance(error, DatabaseError)
            else "cluster"
            if isinstance(error, ClusterError)
            else "files"
        )
        self._telemetry.retries[kind] += 1
        self._telemetry.degrade(f"rows of {self._scope}", f"{kind}: {error}")
        self._failing = True

    def _recover(self) -> None:
        if self._failing:
            self._failing = False
            self._telemetry.degrade(f"rows of {self._scope}", "")


def _is_late(seen: AnySeen, waiting: AnySeen) -> bool:
    """Return whether an event is older than one that waits; a deletion may have its last body's own version."""
    order = compare(seen.resource_version, waiting.resource_version)
    return order is Order.OLDER or (order is Order.SAME and isinstance(waiting, Deleted))
