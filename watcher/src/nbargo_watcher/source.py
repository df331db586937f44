"""The requests themselves: thin I/O over one HTTP session.

Each method waits for its turn in the process's budget, sends a request and turns whatever comes back into a value or
a `FaultError`. Nothing here tries again: that is decided in `decide`.
"""

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import anyio

from nbargo_shared import labels
from nbargo_watcher import faults
from nbargo_watcher.budget import Budget
from nbargo_watcher.connection import Connection
from nbargo_watcher.decode import Decoder, GarbledError, Line, Page, Poison
from nbargo_watcher.faults import Fault, FaultError, What
from nbargo_watcher.framing import LineBuffer, LineTooLongError
from nbargo_watcher.model import Event, Observed
from nbargo_watcher.resources import Resource
from nbargo_watcher.telemetry import Telemetry
from nbargo_watcher.wire import AnySeen

PAGE_SIZE: Final = 200
"""Objects in a page. client-go's tools/pager asks for 500; what a page takes until it is written is most of what the
watcher's memory grows by, and 500 are 6 MiB more than 200 (bench/memory.py)."""
PAGE_BYTES: Final = 16 * 1024 * 1024
"""Bytes of a page, after which it is asked for again with fewer objects: a hundred workflows of 1 MiB would not fit
into a sidecar's memory."""
SHRINK: Final = 5
READ_BUFFER: Final = 256 * 1024
"""Bytes that aiohttp reads ahead; its default of 64 KiB pauses the transport many times for one large object."""
_ERROR_BYTES: Final = 64 * 1024
_OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long to wait for the API server, in seconds.

    Attributes:
        connect: For a connection, TLS included.
        answer: For the first byte of a watch's answer, which the server sends at once.
        listing: For a page of a list, or one object, from request to end.
        idle: For the next bytes of a watch. Bookmarks come every minute from a kube-apiserver, if it sends any.
        watch: Range from which a watch's own length is drawn, so that watchers do not all come back together.
        relist: Range from which the time to the next anti-entropy list is drawn.
    """

    connect: float = 10.0
    answer: float = 30.0
    listing: float = 60.0
    idle: float = 90.0
    watch: tuple[float, float] = (240.0, 480.0)
    relist: tuple[float, float] = (600.0, 1200.0)


class Source:
    """One resource in one namespace of an API server, as far as it belongs to one user.

    Args:
        session: The HTTP session; shared by all sources of the process.
        connection: Where the server is, and who we are.
        budget: What the process may still ask.
        resource: What to read.
        namespace: Where.
        user: Value of the user label.
        timing: Deadlines.
        telemetry: Where requests are counted.
    """

    def __init__(  # noqa: PLR0913 - what a request is made of
        self,
        *,
        session: aiohttp.ClientSession,
        connection: Connection,
        budget: Budget,
        resource: Resource,
        namespace: str,
        user: str,
        timing: Timing,
        telemetry: Telemetry,
    ) -> None:
        self.scope = resource.scope(namespace)
        self._decoder = Decoder(kind=resource.kind, namespace=namespace)
        self._session = session
        self._connection = connection
        self._budget = budget
        self._resource = resource
        self._namespace = namespace
        self._selector = labels.selector(user)
        self._timing = timing
        self._telemetry = telemetry
        self._page_size = PAGE_SIZE

    async def page(self, *, token: str = "", paged: bool = True) -> Page:
        """Return a page of a list. The list is consistent: no resourceVersion is named, so it is never a stale one.

        Args:
            token: The `continue` token of the page before; "" for the first.
            paged: Whether to ask for pages at all.

        Raises:
            FaultError: The server did not answer with a page.
        """
        if not token:  # the pages that follow are bounded by the list's size
            await self._budget.acquire()
        while True:
            limit = self._page_size if paged else 0
            body = await self._body(
                self._list_parameters(token=token, limit=limit), most=PAGE_BYTES if limit > 1 else None
            )
            if body is not None:
                break
            self._page_size = max(1, limit // SHRINK)
        try:
            return self._decoder.page(body)
        except GarbledError as error:
            raise FaultError(Fault(what=What.GARBLED, message=str(error))) from error

    async def get(self, name: str) -> Observed | None:
        """Return an object as it is now, or None if it is not there.

        Args:
            name: The object's name.

        Raises:
            ClusterError: The question could not be answered, which says nothing about the object.
        """
        await self._budget.acquire()
        try:
            body = await self._body({}, most=None, name=name)
        except FaultError as error:
            # An unknown resource is a 404 in plain text, an absent object is one with a Status (reason NotFound).
            if error.fault.what is What.MISSING and "NotFound" in error.fault.message:
                return None
            if error.fault.what is What.UNAUTHORISED:
                self._connection.reject()
            raise faults.as_error(error.fault, url=self._connection.url) from error
        found = self._decoder.object(body or b"")
        if isinstance(found, Poison):
            raise faults.as_error(Fault(what=What.GARBLED, message=found.why), url=self._connection.url)
        return found

    @asynccontextmanager
    async def watch(self, resource_version: str, *, rng: random.Random) -> AsyncIterator["Watch"]:
        """Open a watch for what happens after a resourceVersion.

        Args:
            resource_version: Of a complete list, or of the last event or bookmark.
            rng: Draws the watch's length.

        Raises:
            FaultError: The server did not begin one.
        """
        parameters = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(round(rng.uniform(*self._timing.watch))),
            "labelSelector": self._selector,
        }
        await self._budget.acquire()
        response = await self._open(parameters, answer=self._timing.answer)
        try:
            if response.status != _OK:
                raise FaultError(await _refusal(response, within=self._timing.connect))
            yield Watch(response, telemetry=self._telemetry)
        finally:
            response.close()

    def decode(self, line: bytes | memoryview) -> Line:
        """Return what a line of a watch says.

        Raises:
            FaultError: It is not an event.
        """
        try:
            return self._decoder.line(line)
        except GarbledError as error:
            raise FaultError(Fault(what=What.GARBLED, message=str(error))) from error

    def event(self, seen: AnySeen) -> Event:
        """Return the event that a line of a watch brought."""
        return self._decoder.event(seen)

    @property
    def url(self) -> str:
        """Address of the API server."""
        return self._connection.url

    def renew(self) -> None:
        """Have the credentials read again before the next request."""
        self._connection.reject()

    def _list_parameters(self, *, token: str, limit: int) -> dict[str, str]:
        parameters = {"labelSelector": self._selector}
        if limit:
            parameters["limit"] = str(limit)
        if token:
            parameters["continue"] = token
        return parameters

    async def _body(self, parameters: Mapping[str, str], *, most: int | None, name: str = "") -> bytearray | None:
        """Return an answer's body, or None if it has more bytes than *most*."""
        response: aiohttp.ClientResponse | None = None
        try:
            with anyio.fail_after(self._timing.listing):
                response = await self._open(parameters, answer=self._timing.listing, name=name)
                if response.status != _OK:
                    raise FaultError(await _refusal(response, within=self._timing.connect))
                return await _read(response, most=most)
        except TimeoutError as error:
            raise FaultError(_timed_out(self._timing.listing)) from error
        except (aiohttp.ClientError, OSError) as error:
            raise FaultError(Fault(what=What.CUT, message=_said(error))) from error
        finally:
            if response is not None:
                response.release() if response.content.at_eof() else response.close()

    async def _open(self, parameters: Mapping[str, str], *, answer: float, name: str = "") -> aiohttp.ClientResponse:
        url = self._connection.url + self._resource.path(self._namespace, name)
        try:
            credentials = await self._connection.credentials()
            options: dict[str, Any] = {"ssl": credentials.tls} if credentials.tls else {}
            headers = {"Authorization": credentials.authorization} if credentials.authorization else {}
            with anyio.fail_after(answer):
                return await self._session.get(
                    url,
                    params=parameters,
                    headers=headers,
                    proxy=self._connection.proxy,
                    server_hostname=credentials.server_name,
                    **options,
                )
        except TimeoutError as error:
            raise FaultError(_timed_out(answer)) from error
        except (aiohttp.ClientError, OSError) as error:
            raise FaultError(Fault(what=What.UNREACHABLE, message=_said(error))) from error


class Watch:
    """An open watch: lines as they come.

    Args:
        response: The server's answer.
        telemetry: Where bytes are noted.
    """

    def __init__(self, response: aiohttp.ClientResponse, *, telemetry: Telemetry) -> None:
        self._content = response.content
        self._telemetry = telemetry
        self._buffer = LineBuffer()

    async def lines(self) -> Sequence[bytes | memoryview] | None:
        """Return the next complete lines, at least one, or None when the server has closed the watch in order.

        Raises:
            FaultError: The connection broke, it ended in the middle of a line, or a line is longer than any object.
        """
        while True:
            try:
                chunk = await self._content.readany()
            except (aiohttp.ClientError, OSError) as error:
                raise FaultError(Fault(what=What.CUT, message=_said(error))) from error
            self._telemetry.heard()
            if not chunk:
                if self._buffer.pending:
                    raise FaultError(Fault(what=What.CUT, message="the watch ended in the middle of a line"))
                return None
            try:
                lines = self._buffer.feed(chunk)
            except LineTooLongError as error:
                raise FaultError(Fault(what=What.GARBLED, message=error.message)) from error
            if lines:
                return lines


def new_session(timing: Timing) -> aiohttp.ClientSession:
    """Return a session for API servers: no total deadline, large reads, JSON, no compression.

    A watch is not compressed by the server, and compressing lists costs the server more than the network saves.

    Args:
        timing: Deadlines; those beyond connecting are set for each request.
    """
    session = aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=timing.connect, connect=timing.connect),
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "nbargo-watcher"},
        read_bufsize=READ_BUFFER,
        cookie_jar=aiohttp.DummyCookieJar(),
    )
    # aiohttp sends a request that was reset a second time, at once and behind the budget's back; it has no setting.
    session._retry_connection = False  # noqa: SLF001 - as its own test client does
    return session


async def _read(response: aiohttp.ClientResponse, *, most: int | None) -> bytearray | None:
    body = bytearray()  # rather than a list of chunks, which is in memory twice when it is put together
    async for chunk in response.content.iter_any():
        body += chunk
        if most is not None and len(body) > most:
            return None
    return body


async def _refusal(response: aiohttp.ClientResponse, *, within: float) -> Fault:
    body = b""
    try:
        with anyio.move_on_after(within):
            body = await response.content.read(_ERROR_BYTES)
    except (aiohttp.ClientError, OSError):
        body = b""  # the status alone says enough
    return faults.of_answer(response.status, headers=response.headers, body=body)


def _timed_out(seconds: float) -> Fault:
    return Fault(what=What.UNREACHABLE, message=f"no answer within {seconds:g} s")


def _said(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:256]
