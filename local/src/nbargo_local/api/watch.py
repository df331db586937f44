"""A watch: past events from the window, then live ones, until the timeout.

What a watcher is told is a view of the store's events: an object that leaves the selector is DELETED, with its old
content and the new resourceVersion, and one that enters it is ADDED (kube-apiserver's cache_watcher.go). Each view of
an event is serialised once, whoever asks for it.
"""

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from nbargo_local.api.listing import wait_for_revision
from nbargo_local.api.options import ListOptions
from nbargo_local.api.representation import Form, encode
from nbargo_local.api.selectors import Selector
from nbargo_local.api.statuses import ApiError, internal, too_old
from nbargo_local.api.store import Event, Resource, Store
from nbargo_local.api.subscriptions import Subscription, SubscriptionClosedError


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """Times and sizes of watches.

    Args:
        bookmark_seconds: Between two bookmarks; a minute on a kube-apiserver.
        bookmark_lead_seconds: How long before the timeout the last bookmark is sent; 2 on a kube-apiserver.
        shortest_default_seconds: A watch that names no timeout ends after this to twice this (--min-request-timeout).
        backlog: How many events may wait for a slow client before its watch is ended.
        patience_seconds: How long a request waits for a resourceVersion that is not there yet.
    """

    bookmark_seconds: float = 60.0
    bookmark_lead_seconds: float = 2.0
    shortest_default_seconds: float = 1800.0
    backlog: int = 10_000
    patience_seconds: float = 3.0


def view(event: Event, selector: Selector) -> tuple[str, dict[str, Any]] | None:
    """Translate a store's event into what a watcher with a selector is told.

    Args:
        event: What happened.
        selector: What is watched.

    Returns:
        The type and the object of the watch event; None when the watcher is not concerned.
    """
    before = event.previous is not None and selector.matches(event.previous)
    if event.type == "DELETED":
        return ("DELETED", event.object) if before else None
    if selector.matches(event.object):
        return ("MODIFIED" if before else "ADDED"), event.object
    if not before or event.previous is None:
        return None
    version = event.object["metadata"]["resourceVersion"]
    left = {"metadata": event.previous["metadata"] | {"resourceVersion": version}}
    return "DELETED", event.previous | left


@dataclass
class Watch:
    """One watch of one client.

    Args:
        store: What is watched.
        resource: Which resource of it.
        options: What the request asks for.
        form: How objects are written.
        settings: Times and sizes.
    """

    store: Store
    resource: Resource
    options: ListOptions
    form: Form
    settings: WatchSettings
    cursor: int = field(default=0, init=False)

    def check(self) -> None:
        """Refuse a resourceVersion that is no number, as the real server does: with 500.

        Raises:
            ApiError: 500.
        """
        try:
            _ = self.options.revision
        except ValueError as error:
            raise internal(str(error)) from None

    async def run(self, response: web.StreamResponse, subscription: Subscription[Event]) -> None:
        """Send the events until the timeout, the end of the subscription, or an error event.

        Args:
            response: A prepared response.
            subscription: Made before anything else happened to the store.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._duration()
        if self.form.shape == "metadata list":
            return  # the real server says 200 before it sees that an event's object is no list
        try:
            await self._wait_for_start()
            await response.write(b"".join(self._opening()))
        except ApiError as error:
            await response.write(_line("ERROR", error.body))
            return
        try:
            await self._follow(response, subscription, deadline)
        except SubscriptionClosedError:
            return

    async def _follow(self, response: web.StreamResponse, subscription: Subscription[Event], deadline: float) -> None:
        loop = asyncio.get_running_loop()
        bookmark = self._next_bookmark(loop.time(), deadline)
        while (now := loop.time()) < deadline:
            if now >= bookmark:
                if self.store.revision >= self.cursor and not len(subscription):
                    await response.write(self._bookmark())
                bookmark = self._next_bookmark(now, deadline)
            try:
                async with asyncio.timeout_at(min(bookmark, deadline)):
                    events = [await subscription.get()]
            except TimeoutError:
                continue
            events.extend([await subscription.get() for _ in range(len(subscription))])
            if lines := b"".join(self._lines(events)):
                await response.write(lines)

    async def _wait_for_start(self) -> None:
        if self.options.initial_events:
            patience = self.settings.patience_seconds
            await wait_for_revision(self.store, self.options.revision, patience=patience)

    def _opening(self) -> Iterable[bytes]:
        """Yield what is sent at once, and set the cursor behind it."""
        revision = self.options.revision
        anew = self.options.initial_events or (self.options.initial_events is None and not revision)
        if anew:
            self.cursor = self.store.revision
            return self._initial()
        if not revision:
            self.cursor = self.store.revision
            return ()
        if revision < self.store.floor(self.resource):
            raise too_old(revision, self.store.floor(self.resource))
        self.cursor = revision
        return self._lines(self.store.events_after(self.resource, revision))

    def _initial(self) -> Iterable[bytes]:
        found = self.store.snapshot(self.resource, self.store.revision)
        for _, obj in sorted(found.items()):
            if self.options.selector.matches(obj):
                yield _line("ADDED", self.form.watched(obj))
        if self.options.bookmarks:
            yield self._bookmark(initial_end=True)

    def _lines(self, events: Iterable[Event]) -> Iterable[bytes]:
        for event in events:
            if event.resource != self.resource or event.revision <= self.cursor:
                continue
            self.cursor = event.revision
            told = view(event, self.options.selector)
            if told is not None:
                yield self._encoded(event, *told)

    def _encoded(self, event: Event, event_type: str, obj: dict[str, Any]) -> bytes:
        key = f"{event_type} {self.form.shape}"
        if key not in event.encodings:
            event.encodings[key] = _line(event_type, self.form.watched(obj))
        return event.encodings[key]

    def _bookmark(self, *, initial_end: bool = False) -> bytes:
        revision = max(self.store.revision, self.cursor)
        return _line("BOOKMARK", self.form.bookmark(self.resource, revision, initial_end=initial_end))

    def _next_bookmark(self, now: float, deadline: float) -> float:
        if not self.options.bookmarks:
            return deadline
        regular = now + self.settings.bookmark_seconds
        last = deadline - self.settings.bookmark_lead_seconds
        return last if now < last < regular else regular

    def _duration(self) -> float:
        shortest = self.settings.shortest_default_seconds
        return self.options.timeout_seconds or random.uniform(shortest, 2 * shortest)  # noqa: S311 - no secret


def _line(event_type: str, obj: dict[str, Any]) -> bytes:
    return encode({"type": event_type, "object": obj}) + b"\n"
