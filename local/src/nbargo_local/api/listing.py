"""One page of a list: a consistent snapshot, cut by limit and continue.

A continue token names the revision of the first page and the key after which the next page starts, as the real server's
does. The rules for resourceVersion are those of "Semantics for get and list" in Kubernetes' API concepts.
"""

import asyncio
import base64
import json
import posixpath
from dataclasses import dataclass
from typing import Any

from nbargo_local.api.options import ListOptions, parse_revision
from nbargo_local.api.statuses import ApiError, bad_request, expired, internal, too_large
from nbargo_local.api.store import Resource, Store

_TOKEN_VERSION = "meta.k8s.io/v1"  # noqa: S105 - the format's version
_LATEST = -1
_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list "
    "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
    "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
    "modified, or deleted between the time the first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list.

    Args:
        items: The objects, in order.
        revision: The revision that the whole list shows.
        continue_token: Where the next page starts; empty on the last one.
        remaining: How many objects the next pages hold; None when it is not told.
    """

    items: list[dict[str, Any]]
    revision: int
    continue_token: str = ""
    remaining: int | None = None


async def wait_for_revision(store: Store, revision: int, *, patience: float) -> None:
    """Wait until the store has reached a revision.

    Args:
        store: The store.
        revision: What the request named.
        patience: Seconds to wait; the real server waits 3.

    Raises:
        ApiError: 504, it was not reached in time.
    """
    with store.subscribe() as subscription:
        try:
            async with asyncio.timeout(patience):
                while store.revision < revision:
                    await subscription.get()
        except TimeoutError:
            raise too_large(revision, store.revision) from None


async def list_page(store: Store, resource: Resource, options: ListOptions, *, patience: float) -> Page:
    """Answer a list.

    Args:
        store: Where the objects are.
        resource: Which objects.
        options: What the request asks for.
        patience: Seconds to wait for a revision that is not there yet.

    Raises:
        ApiError: 400, 410 when the page's snapshot is gone, 504 for a revision that does not come.
    """
    revision, start = _starting_point(store, options)
    if revision > store.revision:
        await wait_for_revision(store, revision, patience=patience)
    if not options.continue_token and not _wants_exactly(options):
        revision = store.revision
    # A list at resourceVersion 0 comes from the watch cache of the real server, which knows no pages.
    limit = 0 if options.version == "0" and not options.match else options.limit
    try:
        found = store.snapshot(resource, revision)
    except ApiError as error:
        raise _gone(error, start) from error
    namespace = options.selector.namespace
    prefix = "" if namespace is None else f"{namespace}/"
    keys = sorted(key for key in found if key >= start and key.startswith(prefix))
    return _cut(keys, found, options, limit=limit, revision=revision)


def _starting_point(store: Store, options: ListOptions) -> tuple[int, str]:
    """Decide at which revision to look, and at which key to start."""
    if options.continue_token:
        revision, start = _decode(options.continue_token)
        if options.version not in {"", "0"}:
            raise bad_request("specifying resource version is not allowed when using continue")
        return (store.revision if revision == _LATEST else revision), start
    try:
        return options.revision, ""
    except ValueError as error:
        raise bad_request(f"invalid resource version: {error}") from None


def _wants_exactly(options: ListOptions) -> bool:
    if options.match:
        return options.match == "Exact"
    return options.limit > 0 and options.revision > 0


def _cut(
    keys: list[str],
    found: dict[str, dict[str, Any]],
    options: ListOptions,
    *,
    limit: int,
    revision: int,
) -> Page:
    items = []
    for index, key in enumerate(keys):
        if not options.selector.matches(found[key]):
            continue
        items.append(found[key])
        left = len(keys) - index - 1
        if limit and len(items) == limit and left:
            # The real server counts keys, not matches, and so tells no number when there is a selector.
            remaining = left if options.selector.selects_all else None
            return Page(items, revision, _encode(revision, f"{key}\0"), remaining)
    return Page(items, revision)


def _gone(error: ApiError, start: str) -> ApiError:
    if not start:
        return error
    answer = expired(_TOO_OLD)
    answer.continue_token = _encode(_LATEST, start)
    return answer


def _encode(revision: int, start: str) -> str:
    fields = {"v": _TOKEN_VERSION, "rv": revision, "start": start}
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


def _decode(token: str) -> tuple[int, str]:
    """Read a continue token, with the checks of apiserver's pkg/storage/continue.go."""
    complaint = "invalid continue token: continue key is not valid"
    try:
        padded = token + "=" * (-len(token) % 4)
        fields = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        version, revision, start = (fields.get(key) or "" for key in ("v", "rv", "start"))
    except (ValueError, AttributeError) as error:
        raise bad_request(complaint) from error
    if version != _TOKEN_VERSION:
        raise bad_request(f"{complaint}: server does not recognize this encoded version {version}")
    if not isinstance(revision, int) or not revision:
        raise bad_request(f"{complaint}: incorrect encoded start resourceVersion (version {version})")
    if not isinstance(start, str) or not start:
        raise bad_request(f"{complaint}: encoded start key empty (version {version})")
    if posixpath.normpath(f"/{start}") != f"/{start}":
        raise bad_request(f"{complaint}: {start}")
    return revision, start


async def read_one(
    store: Store, resource: Resource, address: tuple[str, str], *, version: str, patience: float
) -> dict[str, Any] | None:
    """Answer a get.

    Args:
        store: Where the object is.
        resource: What it is.
        address: Its namespace and name.
        version: The resourceVersion that the answer may not be older than; empty or 0 for any.
        patience: Seconds to wait for it.

    Returns:
        The object, or None.

    Raises:
        ApiError: 500 for a version that is no number, 504 for one that does not come.
    """
    try:
        revision = parse_revision(version)
    except ValueError as error:
        raise internal(str(error)) from None
    await wait_for_revision(store, revision, patience=patience)
    return store.get(resource, *address)
