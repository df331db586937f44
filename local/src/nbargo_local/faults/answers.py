"""Answers in place of the right one, and right answers that are damaged on the way."""

import asyncio
import json
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler

from nbargo_local.faults.plan import Fault

EXPIRED: Final = "too old resource version: 1 (4)"
TOO_LARGE: Final = "Too large resource version: 4000, current: 4"


def status(code: int, reason: str = "", message: str = "no", *, cause: str = "") -> dict[str, Any]:
    """Return a Status that says that something failed.

    Args:
        code: The HTTP status that it stands for.
        reason: One word, such as `Expired`.
        message: What the server says.
        cause: The reason of a cause in the details; "" for none.
    """
    details = {"details": {"causes": [{"reason": cause, "message": message}]}} if cause else {}
    head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return head | {"message": message, "reason": reason, "code": code} | details


def refuse(code: int, body: Mapping[str, Any] | str | None = None, *, retry_after: int | None = None) -> Fault:
    """Answer with an HTTP status.

    Args:
        code: The status.
        body: A Status, or any text; None for a Status without a reason.
        retry_after: The Retry-After header, seconds; None for none.
    """
    text = body if isinstance(body, str) else json.dumps(body or status(code))
    kind = "text/plain" if isinstance(body, str) else "application/json"
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}

    async def answer(_: web.Request, __: Handler) -> web.StreamResponse:
        return web.Response(status=code, text=text, content_type=kind, headers=headers)

    return answer


def expired() -> Fault:
    """Answer 410 as HTTP status: to a watch on old servers, to a `continue` token on all."""
    return refuse(410, status(410, "Expired", EXPIRED))


def too_large() -> Fault:
    """Answer 504 as a server does that has not reached the resourceVersion in question."""
    return refuse(504, status(504, "Timeout", TOO_LARGE, cause="ResourceVersionTooLarge"))


def reset() -> Fault:
    """Reset the connection instead of answering."""

    async def answer(request: web.Request, _: Handler) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    return answer


def unanswered() -> Fault:
    """Say nothing until the client goes."""

    async def answer(_: web.Request, __: Handler) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise web.HTTPServiceUnavailable

    return answer


def after(act: Callable[[], object]) -> Fault:
    """Do something first, and then answer rightly."""

    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        act()
        return await handler(request)

    return answer


def truncated() -> Fault:
    """Answer with the first half of the right list, as if it were all."""
    return _damaged(lambda body: body[: len(body) // 2])


def emptied() -> Fault:
    """Answer with the right list without its objects."""
    return edited(lambda _: [])


def edited(edit: Callable[[list[Any]], Sequence[Any]]) -> Fault:
    """Answer with the right list, its objects changed.

    Args:
        edit: Given the objects of the list or page, returns those to send.
    """

    def damage(body: bytes) -> bytes:
        listed = json.loads(body)
        return json.dumps(listed | {"items": list(edit(listed["items"]))}).encode()

    return _damaged(damage)


def known_tokens(accepted: Container[str], *, own: str) -> Fault:
    """Let in whoever has one of several tokens, and answer 401 to everybody else.

    Args:
        accepted: The bearer tokens; looked at for each request, so that they may change.
        own: The token that the server itself knows.
    """

    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in accepted:
            return web.json_response(status(401, "Unauthorized", "Unauthorized"), status=401)
        return await handler(request.clone(headers={**request.headers, "Authorization": f"Bearer {own}"}))

    return answer


def _damaged(damage: Callable[[bytes], bytes]) -> Fault:
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        right = await handler(request)
        body = getattr(right, "body", None)
        if not isinstance(body, bytes) or right.status != web.HTTPOk.status_code:
            return right
        return web.Response(body=damage(body), content_type="application/json")

    return answer
