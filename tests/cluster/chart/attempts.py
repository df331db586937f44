"""What a caller tries, as data: a request, or a change to a manifest, and why the server refuses it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cluster.kube import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cluster.kube import Kube

Json = dict[str, Any]

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"

BY_POLICY = httpx.codes.UNPROCESSABLE_ENTITY
BY_RIGHTS = httpx.codes.FORBIDDEN
UNKNOWN = httpx.codes.UNAUTHORIZED

END = object()
"""In a path: what comes after the last item of a list."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the API server.

    Args:
        method: HTTP's.
        path: The resource's path.
        body: What is sent as JSON.
        content_type: The body's.
    """

    method: str
    path: str
    body: Any = None
    content_type: str = "application/json"

    def send(self, kube: Kube) -> Json:
        """Send it for real.

        Raises:
            ApiError: It is refused.
        """
        return kube.request(self.method, self.path, self.body, content_type=self.content_type)

    def try_on(self, kube: Kube) -> None:
        """Send it without any effect.

        Raises:
            ApiError: It would be refused.
        """
        if self.method == "DELETE" and self.body:  # whose query is not looked at
            kube.request(self.method, self.path, {**self.body, "dryRun": ["All"]})
            return
        query = "&dryRun=All" if "?" in self.path else "?dryRun=All"
        kube.request(self.method, self.path + query, self.body, content_type=self.content_type)


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody changes in a manifest, and the part of the refusal that says why it is refused.

    Args:
        what: In words.
        at: Names and indices that lead to what is set; END appends to a list. What is missing on the way is made.
        value: What it is set to; None takes it away. `<user>` and `<other>` in its texts stand for the two users.
        says: What is in the message, with the same.
    """

    what: str
    at: tuple[Any, ...]
    value: Any
    says: str

    def __str__(self) -> str:
        return self.what

    def applied(self, manifest: Json, **names: str) -> Json:
        """Return the changed manifest.

        Args:
            manifest: The one that the lab would send.
            names: What the words in angle brackets stand for.
        """
        changed = copy.deepcopy(manifest)
        *way, last = self.at
        place: Any = changed
        for name in way:
            place = place[name] if isinstance(place, list) else place.setdefault(name, {})
        value = filled(self.value, **names)
        if last is END:
            place.append(value)
        elif value is None:
            del place[last]
        else:
            place[last] = value
        return changed


def filled(value: Any, **names: str) -> Any:
    """Return values with names for the words in angle brackets in all their texts and keys."""
    if isinstance(value, dict):
        return {filled(key, **names): filled(each, **names) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, **names) for each in value]
    if isinstance(value, str):
        for word, name in names.items():
            value = value.replace(f"<{word}>", name)
    return value


def table(changes: Iterable[Change]) -> pytest.MarkDecorator:
    """Return the mark that makes a test of each change."""
    return pytest.mark.parametrize("change", changes, ids=str)


def refused(request: Request, *, of: Kube, status: int, says: str) -> None:
    """Assert that a request is refused, and that the message says why.

    Args:
        request: The request.
        of: Whose it is.
        status: HTTP's.
        says: A part of the message.
    """
    with pytest.raises(ApiError) as refusal:
        request.send(of)
    assert says in refusal.value.message
    assert refusal.value.status == status


def refused_by_policy(request: Request, *, of: Kube, api: Kube, says: str) -> None:
    """Assert that nothing but the policy refuses a request.

    Args:
        request: The request.
        of: Whose it is.
        api: A client that may do everything, whose requests the policy does not look at.
        says: A part of the message.
    """
    request.try_on(api)
    refused(request, of=of, status=BY_POLICY, says=says)
