"""The reflector: one stream of objects, listed and then watched, for ever.

It carries out what `decide` decides and reports what happened. It keeps no object: each goes to the sink, and only the
resourceVersion is remembered.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import anyio

from nbargo_watcher import faults
from nbargo_watcher.budget import Purse
from nbargo_watcher.decide import FOLLOWS_FOR, Action, Decision, Happened, History, decide
from nbargo_watcher.decode import Bookmark, Page, Poison
from nbargo_watcher.delivery import Delivery
from nbargo_watcher.faults import Fault, FaultError, What
from nbargo_watcher.model import Sink
from nbargo_watcher.source import Source, Timing, Watch
from nbargo_watcher.telemetry import Telemetry
from nbargo_watcher.wire import Seen

_FIRST: Final = Decision(action=Action.RELIST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Whom the reflector tells what it does.

    Attributes:
        decided: Told of each decision that is not plain sailing: the stream, what happened, and what follows.
        quarantined: Told of an object that cannot be read: the stream, the object, and why.
        page: Told how many objects a page of a list held.
        listed: Told that a list is complete, with the sink.
        confirm_at: Asked, after a list, from when another one is wanted (seconds of the monotonic clock), if at all.
    """

    decided: Callable[[str, Happened, Decision], None] = lambda *_: None
    quarantined: Callable[[str, str, str], None] = lambda *_: None
    page: Callable[[int], None] = lambda _: None
    listed: Callable[[], None] = lambda: None
    confirm_at: Callable[[str], float | None] = lambda _: None


class Reflector:
    """Follows one stream.

    Args:
        source: Where it is read.
        sink: Where it goes.
        timing: Deadlines and intervals.
        telemetry: Where things are counted.
        rng: All randomness: jitter, and the lengths of watches.
        purse: What bounds the lists and watches that it begins.
        hooks: Whom to tell.
        finite: Whether the run is to end after one complete list.
        follows: Whether another stream of the purse asks first when the server is at fault.

    Attributes:
        scope: The stream's name.
        caught_up: Set once the sink has had a complete list, in this run or in the one that it goes on from.
    """

    def __init__(  # noqa: PLR0913 - its collaborators, all by name
        self,
        *,
        source: Source,
        sink: Sink,
        timing: Timing,
        telemetry: Telemetry,
        rng: random.Random,
        purse: Purse,
        hooks: Hooks | None = None,
        finite: bool = False,
        follows: bool = False,
    ) -> None:
        self.scope = source.scope
        self.caught_up = anyio.Event()
        self._source = source
        self._timing = timing
        self._telemetry = telemetry
        self._rng = rng
        self._hooks = hooks or Hooks()
        self._history = History(finite=finite, follows=follows)
        self._purse = purse
        self._due = 0.0
        self._resource_version = ""
        self._lines = 0
        self._delivery = Delivery(
            sink=sink,
            scope=self.scope,
            project=source.event,
            telemetry=telemetry,
            quarantine=lambda uid, why: self._set_aside(Poison(uid=uid, why=why)),
            rng=rng,
            finite=finite,
        )

    async def once(self) -> None:
        """List everything, once.

        Raises:
            ClusterError: The server did not answer with a complete list, after several tries.
            NbargoError: The sink could not take it.
        """
        decision = _FIRST
        while True:
            happened = await self._step(decision)
            decision = self._decide(happened)
            if decision.action is Action.STOP:
                if happened.fault.what is not What.LISTED:
                    raise faults.as_error(happened.fault, url=self._source.url)
                return

    async def run(self) -> None:
        """Follow the stream until cancelled, from the sink's checkpoint if there is one.

        Raises:
            DatabaseError: In a group: the database must be opened anew.
        """
        self._resource_version = await self._delivery.checkpoint()
        self._plan_list()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._delivery.run, name=f"delivery of {self.scope}")
            decision = Decision(action=Action.REWATCH) if self._resource_version else _FIRST
            if self._resource_version:
                self._ready()
            while True:
                decision = self._decide(await self._step(decision))

    async def _step(self, decision: Decision) -> Happened:
        self._telemetry.moved(self.scope)
        if decision.new_token:
            self._source.renew()
        if decision.delay:
            await anyio.sleep(decision.delay)
        if decision.follow:
            await self._purse.follow(seconds=FOLLOWS_FOR)
        listing = decision.action is Action.RELIST
        began, self._lines = anyio.current_time(), 0
        try:
            fault = Fault(what=await (self._list(paged=decision.paged) if listing else self._watch()))
        except FaultError as error:
            fault = error.fault
            self._tell(answered=False)
        return Happened(fault=fault, listing=listing, lasted=anyio.current_time() - began, lines=self._lines)

    def _decide(self, happened: Happened) -> Decision:
        decision, self._history, self._purse.bucket = decide(
            happened, self._history, now=anyio.current_time(), draw=self._rng.random(), budget=self._purse.bucket
        )
        if decision.degraded or happened.fault.what is What.LISTED:
            self._telemetry.degrade(self.scope, decision.degraded)
        if happened.fault.what not in {What.LISTED, What.ENDED, What.DUE} or decision.delay:
            self._telemetry.retries[happened.fault.what.value] += 1
            self._hooks.decided(self.scope, happened, decision)
        return decision

    async def _list(self, *, paged: bool) -> What:
        """List everything. A list that breaks off has no consequence but the objects that it did bring."""
        await self._delivery.drained()  # what was watched comes first: a deletion's last body is in no list
        uids: set[str] = set()
        unread = 0
        page = await self._page("", paged=paged)
        first = page
        while True:
            uids.update(item.uid for item in page.objects)
            uids.update(item.uid for item in page.poison if item.uid)
            unread += len(page.poison)
            await self._delivery.page(page.objects)
            if not page.next_page:
                break
            page = await self._page(page.next_page, paged=paged)
            if page.resource_version != first.resource_version:
                raise FaultError(Fault(what=What.EXPIRED, message="the list's pages are of different versions"))
        await self._delivery.listed(frozenset(uids), first.resource_version, unread=unread)
        self._resource_version = first.resource_version
        self._plan_list()
        self._telemetry.lists += 1
        self._tell(answered=True)
        self._ready()
        self._hooks.listed()
        return What.LISTED

    async def _page(self, token: str, *, paged: bool) -> Page:
        page = await self._source.page(token=token, paged=paged)
        if page.next_page and not (page.objects or page.poison):
            raise FaultError(Fault(what=What.GARBLED, message="a page without objects is not the last one"))
        self._telemetry.heard()
        for poison in page.poison:
            self._set_aside(poison)
        self._hooks.page(len(page.objects) + len(page.poison))
        return page

    async def _watch(self) -> What:
        async with self._source.watch(self._resource_version, rng=self._rng) as watch:
            self._telemetry.watches += 1
            self._telemetry.degrade(self.scope, "")
            self._tell(answered=True)
            return await self._follow(watch)

    def _tell(self, *, answered: bool) -> None:
        if not self._history.follows:
            self._purse.tell(answered=answered)

    async def _follow(self, watch: Watch) -> What:
        while True:
            idle, due = self._timing.idle, self._due - anyio.current_time()
            lines: Sequence[bytes | memoryview] | None = None
            with anyio.move_on_after(min(idle, due)) as deadline:
                lines = await watch.lines()
            if deadline.cancelled_caught:
                return What.IDLE if idle < due else What.DUE
            if lines is None:
                return What.ENDED
            self._telemetry.moved(self.scope)
            self._take(lines)
            await self._delivery.room()

    def _take(self, lines: Sequence[bytes | memoryview]) -> None:
        for line in lines:
            said = self._source.decode(line)
            if isinstance(said, Seen):
                self._resource_version = said.resource_version
                self._delivery.add(said)
                self._telemetry.events += 1
            elif isinstance(said, Bookmark):
                self._advance(said.resource_version)
            elif isinstance(said, Poison):
                self._set_aside(said)
                self._advance(said.resource_version)
            else:
                raise FaultError(faults.of_status(said))
            self._lines += 1

    def _advance(self, resource_version: str) -> None:
        self._resource_version = resource_version or self._resource_version
        self._delivery.advance(resource_version)

    def _set_aside(self, poison: Poison) -> None:
        self._telemetry.quarantined += 1
        self._hooks.quarantined(self.scope, poison.name or poison.uid or "an object without a name", poison.why)

    def _ready(self) -> None:
        self._telemetry.ready.add(self.scope)
        self.caught_up.set()

    def _plan_list(self) -> None:
        now = anyio.current_time()
        self._due = now + self._rng.uniform(*self._timing.relist)
        confirm_at = self._hooks.confirm_at(self.scope)
        if confirm_at is not None:
            self._due = min(self._due, max(now, confirm_at))
