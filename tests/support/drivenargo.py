"""The local Argo in this process, on a clock that the test drives; lab and watcher are programs of their own."""

import asyncio
import threading
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

from nbargo_local.api.server import LocalServer
from nbargo_local.api.store import WORKFLOWS, Store
from nbargo_local.controller import Controller, ManualClock
from nbargo_local.controller.names import SCHEDULED_ANNOTATION
from nbargo_local.demo.place import NAMESPACE, Place
from nbargo_shared.times import to_milliseconds
from support.driven import leap_to, quiet

T = TypeVar("T")
_RUN_SECONDS = 60.0  # real ones, for the pods of one moment: three notebooks on two slow cores


class DrivenArgo:
    """An Argo whose time stands still until it is told to go on; its pods run in real time.

    Args:
        place: Where its kubeconfig and logs go.
        start: What its clock shows first.
    """

    def __init__(self, place: Place, start: datetime) -> None:
        self._place = place
        self._clock = ManualClock(start)
        self._store = Store(now=self._clock.now)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._main, name="driven argo")
        self.ticks: list[tuple[str, int]] = []
        """The owner's name and the scheduled time, in milliseconds, of each run that has been started."""

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10), "the driven Argo did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(20)
        self._loop.close()

    def go_to(self, when: datetime) -> None:
        """Let the clock leap to a time from one event to the next, and wait at each for the pods that have begun."""
        self._run(self._go_to(when), seconds=600)

    def pass_time(self, seconds: float) -> None:
        """Let time pass while pods may go on running, and everything happen that is due."""
        self._run(leap_to(self._clock, self._store, self._clock.now() + timedelta(seconds=seconds)), seconds=60)

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        server = LocalServer(self._place.kubeconfig)
        server.store = self._store
        async with server, Controller(self._store, workdir=self._place.work, clock=self._clock):
            follower = asyncio.create_task(self._follow())
            self._ready.set()
            await self._end.wait()
            follower.cancel()
            await asyncio.wait([follower])

    async def _follow(self) -> None:
        with self._store.subscribe() as events:
            while True:
                event = await events.get()
                notes = event.object["metadata"].get("annotations") or {}
                if event.previous is None and SCHEDULED_ANNOTATION in notes:
                    owner = event.object["metadata"]["name"].rpartition("-")[0]
                    self.ticks.append((owner, to_milliseconds(notes[SCHEDULED_ANNOTATION]) or 0))

    async def _go_to(self, when: datetime) -> None:
        while (wake := self._clock.next_wake) is not None and wake <= when:
            self._clock.advance(max(0.0, (wake - self._clock.now()).total_seconds()))
            await self._settle()
        self._clock.advance(max(0.0, (when - self._clock.now()).total_seconds()))
        await self._settle()

    async def _settle(self) -> None:
        """Let everything happen that needs no time of the clock, the ends of pods included."""
        await quiet(self._store)
        async with asyncio.timeout(_RUN_SECONDS):
            while self._unfinished():
                await asyncio.sleep(0.05)
                await quiet(self._store)

    def _unfinished(self) -> bool:
        found = self._store.list(WORKFLOWS, NAMESPACE)
        return any(not (each.get("status") or {}).get("finishedAt") for each in found)

    def _run(self, work: Coroutine[Any, Any, T], *, seconds: float) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)
