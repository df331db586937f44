"""The plan: which requests meet with a fault, and for how long; and the log of all requests.

A fault is a function of the request and of the handler that would answer it, as an aiohttp middleware is. The first
rule that fits a request and is not used up decides; a request that no rule fits is answered as if there were none.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

Verb = Literal["list", "watch", "get"]
Fault = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]
"""Answers a request in place of the handler, or with its help."""

_FIRST: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it came.

    Attributes:
        at: When, seconds of the event loop's clock.
        verb: What it asked for.
        resource: The plural, such as `workflows`.
        page: The number of the list's page, from 1; 1 for everything else.
        version: The `resourceVersion` that it named; "" for none.
        limit: The `limit` that it named; "" for none.
        authorization: Its Authorization header.
    """

    at: float
    verb: Verb
    resource: str
    page: int
    version: str
    limit: str
    authorization: str


@dataclass(slots=True, kw_only=True)
class Rule:
    """Requests that meet with a fault.

    Attributes:
        verb: What they ask for.
        fault: What they meet with.
        left: How many of them are still to come; None for all, until the rule is taken away.
        page: Only this page of a list; None for any.
        resource: Only this plural; "" for any.
        hits: How many have met with it.
    """

    verb: Verb
    fault: Fault
    left: int | None = None
    page: int | None = None
    resource: str = ""
    hits: int = 0

    def fits(self, asked: Asked) -> bool:
        """Return whether a request meets with the fault."""
        there = self.left is None or self.left > 0
        of_it = asked.verb == self.verb and self.resource in {"", asked.resource}
        return there and of_it and self.page in {None, asked.page}


class Plan:
    """What is to go wrong.

    Attributes:
        rules: The rules, the first one first.
        asked: All requests for objects, in order.
        middleware: To be given to the server.
    """

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.asked: list[Asked] = []
        self.middleware: Middleware = self._middleware()
        self._pages: dict[str, int] = {}
        self._open: set[asyncio.Transport] = set()

    def add(
        self, verb: Verb, fault: Fault, *, times: int | None = None, page: int | None = None, resource: str = ""
    ) -> Rule:
        """Let requests meet with a fault.

        Args:
            verb: What they ask for.
            fault: What they meet with.
            times: How many of them; None for all until `heal`.
            page: Only this page of a list, from 1.
            resource: Only this plural.

        Returns:
            The rule, which counts its hits.
        """
        rule = Rule(verb=verb, fault=fault, left=times, page=page, resource=resource)
        self.rules.append(rule)
        return rule

    def heal(self) -> None:
        """Let nothing go wrong any more; what is already under way goes on."""
        self.rules.clear()

    def cut(self) -> None:
        """Reset the connections of all requests under way, so that what is planned for the next ones happens."""
        for transport in self._open:
            transport.abort()

    def of(self, verb: Verb, resource: str = "") -> list[Asked]:
        """Return the requests of one kind, in order; pages of a list after the first are not counted again."""
        return [
            item for item in self.asked if item.verb == verb and item.page == _FIRST and resource in {"", item.resource}
        ]

    def busiest(self, seconds: float) -> int:
        """Return the most lists, watches and gets that began within so many seconds of one another."""
        times = [item.at for item in self.asked if item.page == _FIRST]
        ends = (sum(at < later < at + seconds for later in times[number + 1 :]) for number, at in enumerate(times))
        return max((count + 1 for count in ends), default=0)

    def _middleware(self) -> Middleware:
        @web.middleware
        async def meet(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.method != "GET" or "plural" not in request.match_info:
                return await handler(request)
            asked = self._note(request)
            transports = {request.transport} if request.transport else set()
            self._open |= transports
            try:
                return await self._meet(asked, request, handler)
            finally:
                self._open -= transports

        return meet

    async def _meet(self, asked: Asked, request: web.Request, handler: Handler) -> web.StreamResponse:
        rule = next((rule for rule in self.rules if rule.fits(asked)), None)
        if rule is None:
            return await handler(request)
        rule.hits += 1
        if rule.left is not None:
            rule.left -= 1
        return await rule.fault(request, handler)

    def _note(self, request: web.Request) -> Asked:
        query = request.query
        resource = request.match_info["plural"]
        verb: Verb = "get" if "name" in request.match_info else "watch" if "watch" in query else "list"
        page = 1
        if verb == "list":
            page = self._pages[resource] = self._pages.get(resource, 0) + 1 if "continue" in query else 1
        asked = Asked(
            at=asyncio.get_running_loop().time(),
            verb=verb,
            resource=resource,
            page=page,
            version=query.get("resourceVersion", ""),
            limit=query.get("limit", ""),
            authorization=request.headers.get("Authorization", ""),
        )
        self.asked.append(asked)
        return asked
