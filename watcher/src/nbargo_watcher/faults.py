"""What can happen to a request, in the terms in which the reflector decides.

A fault is a value: the same 410 may come as an HTTP status, as a line in a watch, or as the answer to a `continue`
token, and must be one thing to whoever decides. `FaultError` carries it through code that raises.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import msgspec

from nbargo_shared.errors import (
    ClusterConflictError,
    ClusterError,
    ClusterMissingError,
    ClusterRefusedError,
    ClusterUnreachableError,
)
from nbargo_watcher.wire import StatusObject

_TOO_LARGE: Final = "ResourceVersionTooLarge"
_TEXT_LENGTH: Final = 256
_SERVER_ERRORS: Final = 500
_GATEWAY_TIMEOUT: Final = 504


class What(StrEnum):
    """What happened to a list or a watch."""

    LISTED = "listed"
    """A list is complete and its objects are with the sink."""
    ENDED = "ended"
    """The server closed a watch in order, between two lines."""
    IDLE = "idle"
    """Nothing came for as long as the read deadline: half-open, or just quiet."""
    DUE = "due"
    """The time of the next anti-entropy list has come."""
    EXPIRED = "expired"
    """410 in any of its shapes: the resourceVersion or the continue token is too old."""
    TOO_LARGE = "too-large"
    """504: the server has not reached our resourceVersion, as after it was restored from a backup."""
    UNREACHABLE = "unreachable"
    """No connection, or no answer in time."""
    CUT = "cut"
    """The connection broke in the middle of an answer."""
    GARBLED = "garbled"
    """The answer is not what an API server says."""
    THROTTLED = "throttled"
    """429."""
    SERVER = "server-error"
    """500 and above."""
    UNAUTHORISED = "unauthorised"
    """401."""
    FORBIDDEN = "forbidden"
    """403."""
    MISSING = "missing"
    """404: the resource or the namespace is not there."""
    INVALID = "invalid"
    """Any other refusal, such as 400 for a resourceVersion that is not a number."""


_BY_STATUS: Final[Mapping[int, What]] = {
    401: What.UNAUTHORISED,
    403: What.FORBIDDEN,
    404: What.MISSING,
    410: What.EXPIRED,
    429: What.THROTTLED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that a request met with.

    Attributes:
        what: Its kind.
        message: A sentence for the log, 256 characters at most; no body that is not a Status gets into it.
        status: The HTTP status; 0 if there was none.
        retry_after: Seconds that the server asks us to stay away; None if it does not.
    """

    what: What
    message: str = ""
    status: int = 0
    retry_after: float | None = None


class FaultError(ClusterError):
    """A request that met with a fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message or fault.what.value, status=fault.status)
        self.fault = fault


def of_answer(status: int, *, headers: Mapping[str, str], body: bytes) -> Fault:
    """Return the fault that an HTTP answer other than 200 stands for.

    Args:
        status: The HTTP status.
        headers: The answer's headers.
        body: As much of the body as was read. It need not be JSON: an unknown resource is answered in plain text.
    """
    try:
        said = msgspec.json.decode(body, type=StatusObject)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        said = StatusObject()
    fault = of_status(said, status=status)
    after = _seconds(headers.get("Retry-After"))
    return fault if after is None else replace(fault, retry_after=max(after, fault.retry_after or 0.0))


def of_status(said: StatusObject, *, status: int = 0) -> Fault:
    """Return the fault that a Status stands for.

    Args:
        said: The Status, from an answer's body or from an ERROR line.
        status: The HTTP status of the answer, where that is not 200.
    """
    code = status or said.code or 0
    details = said.details
    causes = (details.causes or ()) if details else ()
    what = _BY_STATUS.get(code, What.SERVER if code >= _SERVER_ERRORS or not code else What.INVALID)
    if said.reason in {"Expired", "Gone"}:
        what = What.EXPIRED
    elif code == _GATEWAY_TIMEOUT and any(cause.reason == _TOO_LARGE for cause in causes):
        what = What.TOO_LARGE
    after = details.retry_after_seconds if details else None
    message = f"HTTP {code} {said.reason or ''}: {said.message or 'no reason given'}"[:_TEXT_LENGTH]
    return Fault(what=what, message=message, status=code, retry_after=None if after is None else max(0.0, float(after)))


def as_error(fault: Fault, *, url: str) -> ClusterError:
    """Return the error of the shared tree that a person should see for a fault.

    Args:
        fault: What happened.
        url: The address of the API server.
    """
    message = f"The Kubernetes API at {url} did not answer as it should ({fault.message or fault.what.value})"
    if fault.what is What.UNREACHABLE:
        return ClusterUnreachableError(f"The Kubernetes API at {url} cannot be reached ({fault.message})")
    if fault.what in {What.UNAUTHORISED, What.FORBIDDEN}:
        return ClusterRefusedError(f"The Kubernetes API at {url} refused ({fault.message})", status=fault.status)
    if fault.what is What.MISSING:
        hint = "Check the namespace, and that Argo Workflows is installed in this cluster"
        return ClusterMissingError(f"The Kubernetes API at {url} has no workflows there", hint=hint, status=404)
    if fault.status == _CONFLICT:
        return ClusterConflictError(message, status=fault.status)
    return ClusterError(message, transient=fault.what is not What.INVALID, status=fault.status)


_CONFLICT: Final = 409


def _seconds(header: str | None) -> float | None:
    """Return the seconds of a Retry-After header; the API server never sends the form with a date."""
    return float(header) if header and header.isascii() and header.isdigit() else None
