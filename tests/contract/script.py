"""The words that contract cases are written in: requests, watches, and what to remember of an answer.

Texts of a step may hold variables: ``$ns`` is the case's own namespace, ``$ns2`` a second one, and a step's
``keep`` makes others from its answer. A ``$`` of its own is written ``$$``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]

GROUP: Final = "/apis/argoproj.io/v1alpha1"
WORKFLOWS: Final = f"{GROUP}/namespaces/$ns/workflows"
MERGE: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
PARTIAL: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
PARTIAL_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request and its whole answer.

    Args:
        method: HTTP's.
        path: With variables.
        query: Parameters, with variables.
        body: Sent as JSON, with variables; bytes are sent as they are.
        headers: More headers; an empty value takes one away.
        keep: Variables to set, with the places in the answer where their values are, such as ``metadata.uid``.
        names: Record a list's items by their names alone.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    keep: Mapping[str, str] = field(default_factory=dict)
    names: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A watch. It stays open until it is read to its end, or the case is over.

    Args:
        name: What the other steps call it.
        path: With variables.
        query: Parameters beside ``watch``; a timeout of 20 s is added if they name none.
        accept: The Accept header.
    """

    name: str
    path: str
    query: Mapping[str, str]
    accept: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Read the next events of a watch.

    Args:
        name: Of the watch.
        count: How many; None for all until the server ends the watch. Of bookmarks in a row only the first counts
            and is recorded, since their number is a matter of time.
        keep: As in a call, with places in ``{"events": [...]}``.
    """

    name: str
    count: int | None = None
    keep: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Forget:
    """Make the server forget its past, as a restart and a compaction of etcd do."""


Step = Call | Watch | Read | Forget


@dataclass(frozen=True, slots=True, kw_only=True)
class Differs:
    """What the local API answers otherwise, and why that is right.

    Args:
        reason: One sentence, which docs/local-argo.md repeats.
        answers: The local API's answers by the number of the step, from 0; written by hand.
    """

    reason: str
    answers: Mapping[int, Json]


@dataclass(frozen=True, slots=True)
class Case:
    """A named script against one API.

    Args:
        name: Also that of the file of its answers.
        steps: In their order.
        differs: Where the local API is another than the real one; None if it is not.
    """

    name: str
    steps: tuple[Step, ...]
    differs: Differs | None = None

    def __str__(self) -> str:
        """Name the case in a test's name."""
        return self.name


def case(name: str, *steps: Step | tuple[Step, ...], differs: Differs | None = None) -> Case:
    """Make a case; a tuple of steps counts as its steps."""
    flat = [each for step in steps for each in (step if isinstance(step, tuple) else (step,))]
    return Case(name, tuple(flat), differs)


def workflow(name: str = "", /, **metadata: Any) -> Json:
    """Return a small Workflow."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": ({"name": name} if name else {}) | metadata,
        "spec": {"entrypoint": "main"},
    }


def without(body: Json, key: str) -> Json:
    """Return an object without one of its fields."""
    return {name: value for name, value in body.items() if name != key}


def get(path: str, *, accept: str = "application/json", **query: str) -> Call:
    """Get or list."""
    return Call(method="GET", path=path, query=query, headers={"Accept": accept})


def show(
    query: Mapping[str, str] | None = None, *, keep: Mapping[str, str] | None = None, path: str = WORKFLOWS
) -> Call:
    """List, and record the names of the items alone."""
    return Call(method="GET", path=path, query=query or {}, keep=keep or {}, names=True)


def post(body: Any, *, path: str = WORKFLOWS, keep: Mapping[str, str] | None = None, **query: str) -> Call:
    """Create."""
    return Call(method="POST", path=path, body=body, query=query, keep=keep or {})


def put(name: str, body: Any, *, keep: Mapping[str, str] | None = None, **query: str) -> Call:
    """Update a Workflow."""
    return Call(method="PUT", path=f"{WORKFLOWS}/{name}", body=body, query=query, keep=keep or {})


def patch(
    name: str, body: Any, *, content_type: str = MERGE, keep: Mapping[str, str] | None = None, **query: str
) -> Call:
    """Patch a Workflow."""
    headers = {"Content-Type": content_type}
    return Call(method="PATCH", path=f"{WORKFLOWS}/{name}", body=body, query=query, headers=headers, keep=keep or {})


def delete(name: str = "", body: Any = None, **query: str) -> Call:
    """Delete a Workflow, or the collection."""
    path = f"{WORKFLOWS}/{name}" if name else WORKFLOWS
    return Call(method="DELETE", path=path, body=body, query=query)


def watch(
    query: Mapping[str, str], *, name: str = "watch", path: str = WORKFLOWS, accept: str = "application/json"
) -> Watch:
    """Open a watch."""
    return Watch(name=name, path=path, query=query, accept=accept)


def whole_watch(
    query: Mapping[str, str], *, path: str = WORKFLOWS, accept: str = "application/json"
) -> tuple[Step, ...]:
    """Watch until the server ends it, after a second unless the query says otherwise."""
    return (
        watch({"timeoutSeconds": "1"} | dict(query), path=path, accept=accept),
        Read(name="watch"),
    )


def failure(request: str, code: int, reason: str, message: str) -> Json:
    """Return the answer of a refusal without details.

    Args:
        request: As the transcript has it, such as ``GET /apis``.
        code: The HTTP status.
        reason: The machine-readable reason.
        message: What the server says.
    """
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return {
        "request": request,
        "status": code,
        "headers": {"Content-Type": "application/json"},
        "body": {**body, "message": message, "reason": reason, "code": code},
    }


def not_local(request: str, code: int, reason: str, what: str) -> Json:
    """Return the answer of the local API to what it does not do."""
    return failure(request, code, reason, f"{what} is not supported by the local API of nbargo")


FUTURE: Final = "99999999999"
"""A resourceVersion that no server of a test comes to."""

THREE: Final[tuple[Step, ...]] = (
    post(workflow("b", labels={"x": "1", "y": "q"})),
    post(workflow("a", labels={"x": "2"})),
    post(workflow("c")),
)
"""Three objects, not created in the order of their names."""
