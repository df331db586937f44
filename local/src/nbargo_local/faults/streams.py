"""Watches that say something else than the truth, or are damaged on the way."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from nbargo_local.api.app import WATCH_RESPONSE
from nbargo_local.faults.plan import Fault

Shape = Callable[[bytes], Iterable[bytes]]
"""Makes of one right line of a watch, with its end, the pieces to send: none, one or several, each by itself."""


class End(Enum):
    """How a watch ends."""

    CLOSE = "in order, between two lines or in the middle of one"
    RESET = "the connection is reset"
    HOLD = "not at all: it stays open and silent until the client goes"


def line(kind: str, item: Mapping[str, Any]) -> bytes:
    """Return one line of a watch, with its end.

    Args:
        kind: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR.
        item: The object.
    """
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"


def says(*pieces: bytes, end: End = End.CLOSE) -> Fault:
    """Answer a watch with something of our own.

    Args:
        pieces: What to send, each by itself; need not be lines.
        end: How it ends after them.
    """

    async def answer(request: web.Request, _: Handler) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(0)
        if end is End.HOLD:
            await asyncio.Event().wait()
        if end is End.RESET and request.transport is not None:
            await asyncio.sleep(0.01)  # what was sent should arrive first
            request.transport.abort()
        else:
            await response.write_eof()
        return response

    return answer


def reshaped(shape: Shape) -> Fault:
    """Let a watch be answered rightly, each of its lines changed on its way.

    Args:
        shape: What becomes of a line.
    """

    class Reshaped(web.StreamResponse):
        async def write(self, data: bytes | bytearray | memoryview) -> None:
            for right in bytes(data).splitlines(keepends=True):
                for piece in shape(right):
                    await super().write(piece)
                    await asyncio.sleep(0)  # so that the client may read it by itself

    return _with(Reshaped)


def cut_at(offset: int) -> Fault:
    """Let a watch be answered rightly up to the middle of its first line, then reset the connection.

    Args:
        offset: How many bytes of the line are sent.
    """

    class Cut(web.StreamResponse):
        async def write(self, data: bytes | bytearray | memoryview) -> None:
            await super().write(bytes(data)[:offset])
            await asyncio.sleep(0.01)  # they should arrive first
            if self._req is not None and self._req.transport is not None:
                self._req.transport.abort()

    return _with(Cut)


def without(*kinds: str) -> Shape:
    """Return a shape that swallows lines of some types, such as BOOKMARK."""
    return lambda right: () if json.loads(right)["type"] in kinds else (right,)


def _with(response: type[web.StreamResponse]) -> Fault:
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        before = WATCH_RESPONSE.set(response)
        try:
            return await handler(request)
        finally:
            WATCH_RESPONSE.reset(before)

    return answer
