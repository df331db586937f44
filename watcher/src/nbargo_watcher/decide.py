"""The one place that decides among listing again, watching again, backing off and stopping.

`decide` is a pure function of what happened and what happened before. Everything that limits how a watcher treats an
API server is here or in `budget`, and every path by which the reflector asks again leads through it.

Its numbers are those of client-go's reflector where it has them (tools/cache/reflector.go): backoff from 0.8 s,
doubled up to 30 s, forgotten after 120 s without a failure.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from nbargo_watcher.budget import NAMESPACE, Bucket
from nbargo_watcher.faults import Fault, What

BACKOFF_BASE: Final = 0.8
BACKOFF_CAP: Final = 30.0
"""Seconds; with the time of one request it keeps recovery within 35 s of the end of an outage."""
HEALTHY_AFTER: Final = 120.0
"""Seconds without a failure after which the failures before are forgotten."""
RETRY_AFTER_CAP: Final = 120.0
"""Seconds; a server that asks for more is asked again all the same."""
SHORT_WATCH: Final = 2.0
"""Seconds; a watch that is closed sooner and said nothing is a failure. Servers close instead of answering 410
(kubernetes#104171)."""
SHORT_LIMIT: Final = 3
"""So many short watches in a row are an expired resourceVersion."""
BROKEN_LIMIT: Final = 4
"""So many answers in a row that broke off or made no sense: list, because it may be the place that we ask from."""
QUIET_LIMIT: Final = 3
"""So many silent watches in a row, 90 s each: list, because a server that went back in time is silent, too."""
REFUSED_LIMIT: Final = 3
"""So many failures before a refused permission is taken for an administrator's matter. A kube-apiserver that was just
started refuses everybody for a few seconds, until it has read its roles (bench/fleet.py, `restart`)."""
FOLLOWS_FOR: Final = 120.0
"""Seconds that a stream waits for the one that it follows when the server is at fault; then it asks for itself."""
TRIES: Final = 5
"""Attempts of a run that is to end (`--once`): with the backoff about ten seconds."""


class Action(StrEnum):
    """What to do next, after the delay."""

    RELIST = "relist"
    REWATCH = "rewatch"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What the last list or watch came to.

    Attributes:
        fault: What ended it; its kind may also be a success.
        listing: Whether it was a list.
        lasted: Seconds from the request to its end.
        lines: Events and bookmarks that a watch brought.
    """

    fault: Fault
    listing: bool = False
    lasted: float = 0.0
    lines: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What happened before, as far as it matters.

    Attributes:
        failures: Failures since the stream was last healthy; the exponent of the backoff.
        failed_at: Time of the last failure, seconds of a monotonic clock.
        expiries: Expired lists in a row.
        lost: Watches in a row whose place the server did not know, or no longer.
        shorts: Short watches in a row.
        broken: Watches in a row that broke, failed in the server or made no sense, and brought nothing.
        quiet: Silent watches in a row.
        finite: Whether the run is to end: then it stops after TRIES failures, or at one that waiting does not mend.
        follows: Whether another stream asks first when the server is at fault.
    """

    failures: int = 0
    failed_at: float = float("-inf")
    expiries: int = 0
    lost: int = 0
    shorts: int = 0
    broken: int = 0
    quiet: int = 0
    finite: bool = False
    follows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do next.

    Attributes:
        action: List, watch, or stop.
        delay: Seconds to wait before.
        paged: Whether a list comes in pages. One that keeps expiring between its pages is asked for in one piece.
        new_token: Whether the credentials must be read again first.
        follow: Whether to wait, after the delay, until the stream that is followed gets answers again.
        degraded: Why the stream does not do its work, for whoever looks from outside; "" if it does.
    """

    action: Action
    delay: float = 0.0
    paged: bool = True
    new_token: bool = False
    follow: bool = False
    degraded: str = ""


_SUCCESSES: Final = frozenset({What.LISTED, What.ENDED, What.IDLE, What.DUE})
_RELISTED: Final = frozenset({What.EXPIRED, What.TOO_LARGE, What.INVALID, What.MISSING, What.DUE})
_LOST: Final = frozenset({What.EXPIRED, What.TOO_LARGE})
_BROKEN: Final = frozenset({What.CUT, What.GARBLED, What.SERVER})
_SERVERS_OWN: Final = frozenset({What.UNREACHABLE, What.CUT, What.GARBLED, What.THROTTLED, What.SERVER})
_HOPELESS: Final = frozenset({What.FORBIDDEN, What.MISSING, What.INVALID})
_TOLD_LATER: Final = frozenset({What.ENDED, What.CUT, What.EXPIRED, What.TOO_LARGE})
_TOLD_FROM: Final = 3


def decide(
    happened: Happened, history: History, *, now: float, draw: float, budget: Bucket = NAMESPACE
) -> tuple[Decision, History, Bucket]:
    """Return what to do next, the history with what happened, and what is left of the budget.

    Args:
        happened: What the last list or watch came to.
        history: What happened before.
        now: The time, seconds of a monotonic clock.
        draw: A random number from 0 to 1, for the jitter.
        budget: What may still be asked.
    """
    failed = _is_failure(happened)
    history = _remember(happened, history, failed=failed, now=now)
    if history.finite and _is_over(happened, history, failed=failed):
        return Decision(action=Action.STOP, degraded=_complaint(happened) if failed else ""), history, budget
    action = _action(happened, history)
    follow = history.follows and happened.fault.what in _SERVERS_OWN
    wait, left = (0.0, budget) if follow else budget.take(now=now)  # what waits for another pays when it asks
    decision = Decision(
        action=action,
        delay=max(wait, _delay(happened, history, failed=failed, draw=draw)),
        paged=history.expiries <= 1,
        new_token=happened.fault.what is What.UNAUTHORISED,
        follow=follow,
        degraded=_complaint(happened) if failed and _is_told(happened, history) else "",
    )
    return decision, _settle(history, action), left


def _is_failure(happened: Happened) -> bool:
    return happened.fault.what not in _SUCCESSES or _is_short(happened)


def _is_short(happened: Happened) -> bool:
    return happened.fault.what is What.ENDED and happened.lasted < SHORT_WATCH and not happened.lines


def _remember(happened: Happened, history: History, *, failed: bool, now: float) -> History:
    what = happened.fault.what
    fresh = now - history.failed_at >= HEALTHY_AFTER
    failures = 0 if fresh else history.failures
    broken = what in _BROKEN and not happened.listing and not happened.lines
    return replace(
        history,
        failures=failures + 1 if failed else failures,
        failed_at=now if failed else history.failed_at,
        expiries=_count(history.expiries, on=what is What.EXPIRED and happened.listing, off=what is What.LISTED),
        lost=_count(history.lost, on=what in _LOST and not happened.listing, off=happened.lines > 0),
        shorts=_count(history.shorts, on=_is_short(happened), off=happened.lines > 0 or what is What.ENDED),
        broken=_count(history.broken, on=broken, off=happened.lines > 0),
        quiet=_count(history.quiet, on=what is What.IDLE and not happened.lines, off=happened.lines > 0),
    )


def _count(value: int, *, on: bool, off: bool) -> int:
    if on:
        return value + 1
    return 0 if off else value


def _is_over(happened: Happened, history: History, *, failed: bool) -> bool:
    if not failed:
        return happened.fault.what is What.LISTED
    if happened.fault.what is What.UNAUTHORISED:
        return history.failures > 1  # the token may have been exchanged a moment ago: a second try with the new one
    return happened.fault.what in _HOPELESS or history.failures >= TRIES


def _action(happened: Happened, history: History) -> Action:
    what = happened.fault.what
    if what is What.LISTED:
        return Action.REWATCH
    stuck = history.shorts >= SHORT_LIMIT or history.broken >= BROKEN_LIMIT or history.quiet >= QUIET_LIMIT
    if happened.listing or what in _RELISTED or stuck:
        return Action.RELIST
    return Action.REWATCH


def _settle(history: History, action: Action) -> History:
    """Return the history once a list has been decided: it answers what the streaks have asked."""
    return replace(history, shorts=0, broken=0, quiet=0) if action is Action.RELIST else history


def _delay(happened: Happened, history: History, *, failed: bool, draw: float) -> float:
    floor = min(happened.fault.retry_after or 0.0, RETRY_AFTER_CAP)
    if not failed:
        return floor
    if happened.fault.what is What.FORBIDDEN and history.failures > REFUSED_LIMIT:
        ceiling = BACKOFF_CAP  # an administrator has to act: there is no use in trying soon
        return max(floor, ceiling / 2 + draw * ceiling / 2)
    # The first word of a server that was away is often that it has forgotten our place: it answers, so no longer wait.
    failures = 1 if happened.fault.what in _LOST and history.lost == 1 else history.failures
    ceiling = min(BACKOFF_CAP, BACKOFF_BASE * 2.0 ** min(failures - 1, 10))
    # The jitter comes on top of the floor, so that watchers that were sent away together do not come back together.
    return floor + draw * min(ceiling, max(BACKOFF_BASE, BACKOFF_CAP - floor))


def _is_told(happened: Happened, history: History) -> bool:
    """Whether to call the stream degraded: what heals by the next request is not worth a word at once."""
    return happened.fault.what not in _TOLD_LATER or history.failures >= _TOLD_FROM


def _complaint(happened: Happened) -> str:
    fault = happened.fault
    return f"{fault.what.value}: {fault.message}" if fault.message else fault.what.value
