"""Sending by HTTP, in bounded time: one request, and one more if the server asks for patience."""

from __future__ import annotations

import http.client
import io
import time
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime
from typing import IO, Any

MAX_ANSWER = 64 * 1024
REQUEST_SECONDS = 10.0  # for each step of the network: reaching the server, and each piece sent or received
PAUSE = 1.0  # seconds before the second request where the server names none
TOO_MANY = 429
SERVER_ERROR = 500


class TellError(Exception):
    """Why somebody could not be told."""


class Clock:
    """How much time there is for everything."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left."""
        return max(0.0, self._end - time.monotonic())

    def step(self) -> float:
        """Return how many seconds the next step may take."""
        return max(0.1, min(REQUEST_SECONDS, self.left()))


def opener() -> urllib.request.OpenerDirector:
    """Return what sends by HTTP and HTTPS alone; urllib's own opener would read files, too.

    It has no handler of redirections, which would lead elsewhere than the administrator allows, with the token.
    """
    made = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        made.add_handler(handler())
    return made


def post(url: str, body: bytes | IO[bytes], headers: dict[str, str], clock: Clock) -> bytes:
    """Send a body and return the answer's; raises TellError. The headers have the length of a file."""
    try:
        return _send(url, body, headers, clock)
    except urllib.error.HTTPError as error:
        pause = _pause(error)
        if pause is None or pause >= clock.left():
            raise TellError(_said(error)) from error
    time.sleep(pause)
    try:
        return _send(url, body, headers, clock)
    except urllib.error.HTTPError as error:
        raise TellError(_said(error)) from error


def _send(url: str, body: bytes | IO[bytes], headers: dict[str, str], clock: Clock) -> bytes:
    """Send one request; raises TellError, or HTTPError for an answer that is none of success."""
    if isinstance(body, io.IOBase):
        body.seek(0)
    own = dict(headers)
    own["User-Agent"] = "nbargo"
    request = urllib.request.Request(url, data=body, headers=own, method="POST")  # noqa: S310 - the opener knows HTTP alone
    try:
        with opener().open(request, timeout=clock.step()) as answer:
            content: bytes = answer.read(MAX_ANSWER)
            return content
    except urllib.error.HTTPError as error:
        error.close()
        raise
    except urllib.error.URLError as error:
        raise TellError(because(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise TellError(because(error)) from error


def because(reason: Any) -> str:
    """Return what an error of the network says; its name where it says nothing."""
    return str(reason) or type(reason).__name__


def _said(error: urllib.error.HTTPError) -> str:
    return f"the server answered {error.code} {error.reason or ''}".strip()


def _pause(error: urllib.error.HTTPError) -> float | None:
    """Return how many seconds the server asks for before it is tried again; None if trying again is of no use."""
    if error.code != TOO_MANY and error.code < SERVER_ERROR:
        return None
    asked = error.headers.get("Retry-After", "")
    try:
        return max(0.0, float(int(asked)))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except (TypeError, ValueError, IndexError):
        return PAUSE
