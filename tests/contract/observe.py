"""From what a watch told of a case's Workflows to a story that can be compared.

A story leaves out what no two runs share: times, uids, versions, folders, how long something took and how many writes
a controller made on its way. It keeps every phase and message that stays long enough to be relied upon.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from contract.workflows import DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

T = TypeVar("T")

Object = dict[str, Any]
Event = tuple[float, str, Object]
"""When it was seen (seconds since the epoch), the type, the object."""

LEFT_OUT: Final[dict[str, str]] = {
    "status.artifactGCStatus": "there are no artifacts",
    "status.artifactRepositoryRef": "there are no artifacts",
    "status.resourcesDuration": "a process has no requests and limits to count by",
    "status.nodes.resourcesDuration": "as status.resourcesDuration",
    "status.nodes.taskResultSynced": "there are no WorkflowTaskResults: outputs come with the end of the process",
    "spec's empty fields": "Argo writes the spec back through its types, which adds `inputs: {}` and the like",
}
"""Fields of Argo's that the local controller does not write, and why."""

_PREFIX: Final = "workflows.argoproj.io/"
_LABELS: Final = (f"{_PREFIX}phase", f"{_PREFIX}completed")
_METADATA: Final = ("labels", "annotations", "ownerReferences", "finalizers", "generateName")
_STOP_WORDS: Final = "workflow shutdown with strategy: "
_DEADLINE_WORDS: Final = frozenset(
    {"Step exceeded its deadline", "Pod was active on the node longer than the specified deadline"}
)
_CUT_SHORT: Final = "<cut short>"
_PASSING: Final = frozenset({"Pending", "Running"})
_TIMES: Final = (
    re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
    re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC"),
)


def tell(
    events: Mapping[str, list[Event]], manifests: Mapping[str, Object], directory: str, files: list[str]
) -> Object:
    """Return the story of a case.

    Args:
        events: What was seen of each Workflow, by name.
        manifests: What was created, by name.
        directory: The case's folder.
        files: What was in it when all was over.
    """
    uids = {str(obj["metadata"]["uid"]): f"<uid of {name}>" for name, seen in events.items() for _, _, obj in seen[:1]}
    told: Object = {name: _tell_one(seen, manifests[name]) for name, seen in events.items()}
    told["folder"] = {"files": sorted(files)}
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
    told = {
        "course": distinct(_seen(kind, obj) for _, kind, obj in events),
        "lived": _lived(events),
        "metadata": {key: last["metadata"][key] for key in _METADATA if last["metadata"].get(key)},
        "spec": changes(full(manifest["spec"]), full(last["spec"])),
        "status": _status(last),
        "nodes": {node["name"]: _node(node, (obj for _, _, obj in events)) for node in _nodes(last).values()},
        "left out": _left_out(events, manifest),
    }
    _forget_cut_short(told)
    return told


def _forget_cut_short(told: Object) -> None:
    """Take out of a story what Argo leaves to chance when it stops a pod, or when the workflow's deadline passes.

    Argo fails the pod's node at once. On its next look (after 10 s by default, 0.2 s in these tests) the end of the pod
    takes the place of that, with its own message, outputs and even a success, if it has come by then; if not, the node
    stays as it is. At a deadline the kubelet may be quicker than the controller, whose words are others.
    """
    nodes: dict[str, Object] = told["nodes"]
    cut = [node for node in nodes.values() if node["type"] == "Pod" and _was_cut_short(node)]
    if not cut:
        return
    for node in cut:
        node |= {"message": _CUT_SHORT, "course": [["Failed", _CUT_SHORT]]}
    for node in nodes.values():
        node.pop("outputs", None)
    status = told["status"]
    status.pop("outputs", None)
    status["conditions"] = [item for item in status["conditions"] if item["type"] != "PodRunning"]
    for change in told["course"]:
        change[2] = _CUT_SHORT if change[2] in _DEADLINE_WORDS else change[2]
    if status.get("message") in _DEADLINE_WORDS:
        status["message"] = _CUT_SHORT


def _was_cut_short(node: Object) -> bool:
    words = [message or "" for _, message in node["course"]]
    return any(text.startswith(_STOP_WORDS) or text in _DEADLINE_WORDS for text in words)


def _seen(kind: str, obj: Object) -> list[Any]:
    labels = obj["metadata"].get("labels") or {}
    status = obj.get("status") or {}
    return [kind, status.get("phase"), status.get("message"), *(labels.get(label) for label in _LABELS)]


def distinct(items: Iterable[T]) -> list[T]:
    """Return items without those that repeat the one before."""
    found: list[T] = []
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


def changes(before: Object, after: Object) -> Object:
    """Return the fields of an object that differ from those of another."""
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
    if node["type"] != "Retry":
        for key in shown.keys() & {"children", "outboundNodes"}:  # Argo walks through unordered maps
            shown[key] = sorted(shown[key])
    if "hostNodeName" in shown:
        shown["hostNodeName"] = "<host>"
    states = (found for obj in objects if (found := _nodes(obj).get(node["id"])) is not None)
    return shown | {"course": _course(states)}


def _course(states: Iterable[Object]) -> list[list[Any]]:
    """Return the phases and messages of a node; those of a pod on its way may pass too fast to be seen."""
    return distinct(
        [state.get("phase"), state.get("message")]
        for state in states
        if state["type"] != "Pod" or state.get("phase") not in _PASSING
    )


def full(value: Any) -> Any:
    """Return JSON without its empty fields."""
    if isinstance(value, list):
        return [full(item) for item in value]
    if not isinstance(value, dict):
        return value
    fields = {key: full(item) for key, item in value.items()}
    return {key: item for key, item in fields.items() if item not in ("", None, {}, [])}


def _left_out(events: list[Event], manifest: Object) -> list[str]:
    statuses = [obj.get("status") or {} for _, _, obj in events]
    nodes = [node for _, _, obj in events for node in _nodes(obj).values()]
    before, after = manifest["spec"], events[-1][2]["spec"]
    present = {f"status.{key}" for status in statuses for key in status}
    present |= {f"status.nodes.{key}" for node in nodes for key in node}
    present |= {"spec's empty fields"} if before != after and full(before) == full(after) else set()
    return sorted(present & LEFT_OUT.keys())
