"""retryStrategy: whether a failed attempt is followed by another one, and when."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from nbargo_local.controller.durations import humanize, parse_duration, read_stamp
from nbargo_local.controller.expressions import ExpressionError, holds
from nbargo_local.controller.names import Object
from nbargo_local.controller.operation import Call, Operation
from nbargo_local.controller.parameters import substitute
from nbargo_local.controller.pods import integer
from nbargo_local.controller.templating import TemplateError
from nbargo_local.controller.tree import FAILED, Node, fulfilled

_RETRIED: Final = {
    "Always": frozenset({"Failed", "Error"}),
    "OnFailure": frozenset({"Failed"}),
    "OnError": frozenset({"Error"}),
}
_TRANSIENT: Final = (
    "Connection closed by foreign host",
    "net/http: TLS handshake timeout",
    "i/o timeout",
    "connection timed out",
    "connection reset by peer",
    "http2: client connection lost",
    "http2: server sent GOAWAY and closed the connection",
    "connect: connection refused",
    "invalid connection",
    "etcdserver: leader changed",
    "etcdserver: request timed out",
)
"""What Argo takes for a passing fault in a message (util/errors, with TRANSIENT_ERROR_PATTERN unset)."""


def _duration(text: object) -> timedelta:
    try:
        return parse_duration(str(text))
    except ValueError as error:
        raise TemplateError(str(error)) from error


def latest_end(op: Operation, parent: Node, strategy: Object) -> datetime | None:
    """Return when the last attempt has to end because of `backoff.maxDuration`; None for never.

    Args:
        op: The operation.
        parent: The Retry node.
        strategy: The retry strategy.
    """
    longest = (strategy.get("backoff") or {}).get("maxDuration")
    attempts = op.tree.attempts(parent)
    first = read_stamp(attempts[0]["startedAt"]) if attempts else None
    return first + _duration(longest) if longest and first else None


def _pause(strategy: Object, attempts: int) -> timedelta:
    backoff = strategy["backoff"]
    if not backoff.get("duration"):
        raise TemplateError("no base duration specified for retryStrategy")
    pause = _duration(backoff["duration"])
    factor = integer(backoff.get("factor"))
    if factor is not None and factor > 0:
        pause *= factor ** (attempts - 1)
    return min(pause, _duration(backoff["cap"])) if backoff.get("cap") else pause


def _back_off(op: Operation, parent: Node, strategy: Object) -> bool:
    """Return whether to look on; the parent says why not, or that it waits."""
    attempts = op.tree.attempts(parent)
    last = attempts[-1]
    end = latest_end(op, parent, strategy)
    if end is not None and op.now > end:
        op.tree.mark(parent, last["phase"], "Max duration limit exceeded")
        return True
    pause = _pause(strategy, len(attempts))
    next_start = (read_stamp(last["finishedAt"]) or op.now) + pause
    if end is not None and next_start > end:
        op.tree.mark(parent, last["phase"], "Backoff would exceed max duration limit")
        return True
    limit = integer(strategy.get("limit"))
    if op.now < next_start and limit is not None and len(attempts) <= limit:
        op.wake_at(next_start)
        op.tree.mark(parent, parent["phase"], f"Backoff for {humanize(pause)}")
        return False
    op.tree.mark(parent, parent["phase"], "")
    return True


def _policy_allows(strategy: Object, last: Node) -> bool:
    policy = strategy.get("retryPolicy") or ("Always" if strategy.get("expression") else "OnFailure")
    if policy == "OnTransientError":
        return any(text in last.get("message", "") for text in _TRANSIENT)
    if policy not in _RETRIED:
        raise TemplateError(f"{policy} is not a valid RetryPolicy")
    return last["phase"] in _RETRIED[policy]


def _closing(op: Operation) -> str | None:
    """Return why nothing is tried again any more, whatever the strategy says; None if it may be."""
    if op.shutdown:
        return f"Stopped with strategy '{op.shutdown}'"
    if op.overdue and op.deadline is not None:
        return f"retry exceeded workflow deadline {op.deadline:%Y-%m-%d %H:%M:%S} +0000 UTC"
    return None


def _settle(op: Operation, parent: Node, strategy: Object) -> bool:
    """Bring the Retry node up to date with its last attempt; return False while it waits for the next one."""
    attempts = op.tree.attempts(parent)
    if fulfilled(parent) or not attempts or not fulfilled(attempts[-1]):
        return True
    last = attempts[-1]
    if last["phase"] not in FAILED:
        op.tree.mark(parent, "Succeeded", "")
    elif (why := _closing(op)) is not None:
        op.tree.mark(parent, last["phase"], why)
    elif strategy.get("backoff") and not _back_off(op, parent, strategy):
        return False
    elif not fulfilled(parent):
        _judge(op, parent, last, strategy)
    return True


def _judge(op: Operation, parent: Node, last: Node, strategy: Object) -> None:
    limit = integer(strategy.get("limit"))
    if not _policy_allows(strategy, last):
        op.tree.mark(parent, last["phase"], last.get("message", ""))
    elif limit is not None and len(op.tree.attempts(parent)) > limit:
        op.tree.mark(parent, last["phase"], "No more retries left")
    elif strategy.get("expression") and not _holds(op, parent, last, strategy["expression"]):
        op.tree.mark(parent, last["phase"], "retryStrategy.expression evaluated to false")


def _holds(op: Operation, parent: Node, last: Node, expression: str) -> bool:
    """Tell whether a strategy's expression lets a failed attempt be followed by another one."""
    exit_code = (last.get("outputs") or {}).get("exitCode")
    scope = _last_values(last) | {
        "retries": str(len(op.tree.attempts(parent)) - 1),
        "lastRetry.exitCode": "-1" if exit_code is None else exit_code,
    }
    try:
        return holds(expression, scope)
    except ExpressionError as error:
        raise TemplateError(str(error)) from error


def next_attempt(op: Operation, call: Call, parent: Node, template: Object) -> tuple[Call, Object] | None:
    """Return the attempt that is to be run or looked at now, with its template; None if there is none.

    Args:
        op: The operation.
        call: The call of the Retry node.
        parent: The Retry node; it is brought up to date.
        template: The template with its inputs.

    Raises:
        TemplateError: The retry strategy, or the template with the attempt's tags, is not valid.
    """
    strategy = op.retry_strategy(template) or {}
    if not _settle(op, parent, strategy):
        return None
    attempts = op.tree.attempts(parent)
    last = attempts[-1] if attempts else None
    if fulfilled(parent):
        if last is not None and last.get("outputs"):
            parent["outputs"] = last["outputs"]
        return None
    if last is not None and not fulfilled(last):
        number, name = len(attempts) - 1, last["name"]
    else:
        number = len(attempts)
        name = f"{call.name}({number})"
        op.tree.adopt(parent, name)
    values = {"pod.name": op.pod_name(name, call.template), "retries": str(number), **_last_values(last)}
    attempt = replace(call, name=name, flag={**(call.flag or {}), "retried": True})
    return attempt, substitute(template, {**op.values, **values})


def _last_values(last: Node | None) -> dict[str, str]:
    if last is None:
        return {
            "lastRetry.exitCode": "0",
            "lastRetry.duration": "0",
            "lastRetry.status": "",
            "lastRetry.message": "",
        }
    started, finished = read_stamp(last["startedAt"]), read_stamp(last["finishedAt"])
    seconds = (finished - started).total_seconds() if started and finished else 0.0
    return {
        "lastRetry.exitCode": (last.get("outputs") or {}).get("exitCode") or "0",
        "lastRetry.duration": f"{seconds:g}",
        "lastRetry.status": last["phase"],
        "lastRetry.message": last.get("message", ""),
    }
