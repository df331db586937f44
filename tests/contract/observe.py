"""From what a watch told of a case's Workflows to a story that can be compared.

A story leaves out what no two runs share: times, uids, versions, folders, how long something took and how many writes
a controller made on its way. It keeps every phase and message that stays long enough to be relied upon.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from contract.workflows import DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Object = dict[str, Any]
Event = tuple[float, str, Object]
"""When it was seen (seconds since the epoch), the type, the object."""

LEFT_OUT: Final[dict[str, str]] = {
    "status.artifactGCStatus": "there are no artifacts",
    "status.artifactRepositoryRef": "there are no artifacts",
    "status.resourcesDuration": "a process has no requests and limits to count by",
    "status.taskResultsCompletionStatus": "there are no WorkflowTaskResults: the outputs come with the end of the process",
    "status.nodes.resourcesDuration": "as status.resourcesDuration",
}
"""Fields of Argo's that the local controller does not write, and why."""

_PREFIX: Final = "workflows.argoproj.io/"
_LABELS: Final = (f"{_PREFIX}phase", f"{_PREFIX}completed")
_METADATA: Final = ("labels", "annotations", "ownerReferences", "finalizers", "generateName")
_PASSING: Final = frozenset({"Pending", "Running"})
_TIMES: Final = (
    re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
    re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC"),
)


def tell(events: Mapping[str, list[Event]], manifests: Mapping[str, Object], directory: str) -> Object:
    """Return the story of a case.

    Args:
        events: What was seen of each Workflow, by name.
        manifests: What was created, by name.
        directory: The case's folder.
    """
    uids = {
        str(obj["metadata"]["uid"]): f"<uid of {name}>" for name, seen in events.items() for _, _, obj in seen[:1]
    }
    told = {name: _tell_one(seen, manifests[name]) for name, seen in events.items()}
    story: Object = json.loads(_anonymous(json.dumps(told, ensure_ascii=False), uids, directory))
    return story


def _anonymous(text: str, uids: Mapping[str, str], directory: str) -> str:
    for uid, name in uids.items():
        text = text.replace(uid, name)
    text = text.replace(directory, DIRECTORY)
    for pattern in _TIMES:
        text = pattern.sub("<time>", text)
    return text


def _tell_one(events: list[Event], manifest: Object) -> Object:
    last = events[-1][2]
    return {
        "course": _distinct(_seen(kind, obj) for _, kind, obj in events),
        "lived": _lived(events),
        "metadata": {key: last["metadata"][key] for key in _METADATA if last["metadata"].get(key)},
        "spec": _changes(manifest.get("spec") or {}, last.get("spec") or {}),
        "status": _status(last),
        "nodes": {
            node["name"]: _node(node, (obj for _, _, obj in events)) for node in _nodes(last).values()
        },
        "left out": _left_out(events),
    }


def _seen(kind: str, obj: Object) -> list[Any]:
    labels = obj["metadata"].get("labels") or {}
    status = obj.get("status") or {}
    return [kind, status.get("phase"), status.get("message"), *(labels.get(label) for label in _LABELS)]


def _distinct(items: Iterable[list[Any]]) -> list[list[Any]]:
    found: list[list[Any]] = []
    for item in items:
        if not found or found[-1] != item:
            found.append(item)
    return found


def _lived(events: list[Event]) -> int | None:
    """Return how many seconds a finished Workflow lived on at least, no more than its time to live asks for."""
    when, kind, obj = events[-1]
    finished = (obj.get("status") or {}).get("finishedAt")
    if kind != "DELETED" or not finished:
        return None
    strategy = obj["spec"].get("ttlStrategy") or {}
    age = when - datetime.fromisoformat(finished).astimezone(UTC).timestamp()
    return min(int(age), min(strategy.values(), default=0) + 1)


def _changes(before: Object, after: Object) -> Object:
    keys = sorted(before.keys() | after.keys())
    return {key: after.get(key) for key in keys if before.get(key) != after.get(key)}


def _nodes(obj: Object) -> dict[str, Object]:
    nodes: dict[str, Object] = (obj.get("status") or {}).get("nodes") or {}
    return nodes


def _status(obj: Object) -> Object:
    status = dict(obj.get("status") or {})
    status.pop("nodes", None)
    if "conditions" in status:
        status["conditions"] = sorted(status["conditions"], key=lambda condition: str(condition["type"]))
    return {key: value for key, value in status.items() if f"status.{key}" not in LEFT_OUT}


def _node(node: Object, objects: Iterable[Object]) -> Object:
    shown = {key: value for key, value in node.items() if f"status.nodes.{key}" not in LEFT_OUT}
    if "hostNodeName" in shown:
        shown["hostNodeName"] = "<host>"
    states = (found for obj in objects if (found := _nodes(obj).get(node["id"])) is not None)
    return shown | {"course": _course(states)}


def _course(states: Iterable[Object]) -> list[list[Any]]:
    """Return the phases and messages of a node; those of a pod on its way may pass too fast to be seen."""
    return _distinct(
        [state.get("phase"), state.get("message")]
        for state in states
        if state["type"] != "Pod" or state.get("phase") not in _PASSING
    )


def _left_out(events: list[Event]) -> list[str]:
    statuses = [obj.get("status") or {} for _, _, obj in events]
    nodes = [node for _, _, obj in events for node in _nodes(obj).values()]
    return [
        name
        for name in sorted(LEFT_OUT)
        if any(name.removeprefix("status.") in status for status in statuses)
        or any(name.removeprefix("status.nodes.") in node for node in nodes)
    ]
