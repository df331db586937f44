"""What `argo resume`, `argo retry` and `argo resubmit` write, as Argo 3.7's workflow/util formulates it.

The stories of the real controller are told with Argo's own code in its place (the Go program `argocommands`), so that a
story that agrees proves these functions too. They know the node types that the local controller knows.
"""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

Object = dict[str, Any]

_PREFIX: Final = "workflows.argoproj.io/"
_OF_ONE_RUN: Final = {f"{_PREFIX}{name}" for name in ("phase", "completed", "workflow-archiving-status")}
_GROUPS: Final = frozenset({"DAG", "StepGroup", "Steps"})
_FAILED: Final = frozenset({"Failed", "Error"})


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def resume(workflow: Object) -> Object:
    """Return a suspended Workflow as `argo resume` writes it.

    Args:
        workflow: The Workflow; not changed.
    """
    resumed = copy.deepcopy(workflow)
    resumed["spec"].pop("suspend", None)
    for node in (resumed["status"].get("nodes") or {}).values():
        if node["type"] == "Suspend" and node["phase"] == "Running":
            node |= {"phase": "Succeeded", "finishedAt": _now()}
    return resumed


def resubmit(workflow: Object) -> Object:
    """Return the new Workflow that `argo resubmit` creates.

    Args:
        workflow: The Workflow that it is a copy of; not changed.
    """
    old = workflow["metadata"]
    labels = {key: value for key, value in (old.get("labels") or {}).items() if key not in _OF_ONE_RUN}
    metadata = {
        "generateName": old.get("generateName") or f"{old['name']}-",
        "labels": labels | {f"{_PREFIX}resubmitted-from-workflow": old["name"]},
        "annotations": dict(old.get("annotations") or {}),
        "ownerReferences": list(old.get("ownerReferences") or []),
    }
    spec = {key: value for key, value in workflow["spec"].items() if key != "shutdown"}
    return {"apiVersion": workflow["apiVersion"], "kind": workflow["kind"], "metadata": metadata, "spec": spec}


def retry(workflow: Object) -> Object:
    """Return an ended Workflow as `argo retry` writes it.

    Args:
        workflow: The Workflow, in phase Failed or Error; not changed.
    """
    retried = copy.deepcopy(workflow)
    labels, status = retried["metadata"]["labels"], retried["status"]
    for name in ("completed", "workflow-archiving-status"):
        labels.pop(f"{_PREFIX}{name}", None)
    labels[f"{_PREFIX}phase"] = "Running"
    for condition in status.get("conditions") or ():
        if condition["type"] == "Completed":
            condition["status"] = "False"
    status.pop("message", None)
    status |= {"phase": "Running", "startedAt": _now(), "finishedAt": None}
    status["nodes"] = _Nodes(retried).left()
    if not status["nodes"]:
        del status["nodes"]
    retried["spec"].pop("shutdown", None)
    if retried["spec"].get("activeDeadlineSeconds") == 0:
        del retried["spec"]["activeDeadlineSeconds"]
    return retried


class _Nodes:
    """The nodes of a Workflow while it is worked out which of them a retry drops and which it opens again."""

    def __init__(self, workflow: Object) -> None:
        self._root: str = workflow["metadata"]["name"]
        self._nodes: dict[str, Object] = workflow["status"].get("nodes") or {}
        self._parents = {child: node["id"] for node in self._nodes.values() for child in node.get("children", ())}

    def left(self) -> dict[str, Object]:
        """Return the nodes that stay."""
        drop: set[str] = set()
        open_again: set[str] = set()
        for each in self._from_the_root():
            if each not in drop and self._failed(self._nodes[each]):
                drop |= {each, *self._below(each)}
                open_again |= self._above(each)
        drop |= {each for each, node in self._nodes.items() if node["name"].startswith(f"{self._root}.onExit")}
        return {
            each: self._stripped(self._opened(node) if each in open_again else node, drop)
            for each, node in self._nodes.items()
            if each not in drop
        }

    def _from_the_root(self) -> list[str]:
        found = [self._root] if self._root in self._nodes else []
        for each in found:
            found.extend(child for child in self._nodes[each].get("children", ()) if child in self._nodes)
        return found

    def _failed(self, node: Object) -> bool:
        if node["type"] != "Pod" or node["phase"] not in _FAILED:
            return False
        retried = (node.get("nodeFlag") or {}).get("retried")
        top = self._parents[node["id"]] if retried else node["id"]
        return all(self._nodes[each]["phase"] != "Succeeded" for each in self._below(top))

    def _below(self, each: str) -> Iterable[str]:
        found: dict[str, None] = {}
        waiting = list(self._nodes[each].get("children", ()))
        while waiting:
            if (child := waiting.pop()) not in found:
                found[child] = None
                waiting.extend(self._nodes[child].get("children", ()))
        return found

    def _above(self, each: str) -> set[str]:
        """Return the groups and retries around a node: they are to run again."""
        found: set[str] = set()
        current = self._parents.get(each)
        while current is not None:
            node = self._nodes[current]
            if node["type"] not in _GROUPS:
                found |= {current} if node["type"] == "Retry" and node["phase"] in _FAILED else set()
                current = self._parents.get(current)
                continue
            found.add(current)
            current = self._around(current, found)
        return found

    def _around(self, current: str, found: set[str]) -> str | None:
        """Go from a group to what is outside of its boundaries, and note what is passed."""
        while True:
            parent = self._parents.get(current)
            if parent is not None and self._nodes[parent]["type"] == "Retry":
                found.add(parent)
                current = parent
            parent = self._parents.get(current)
            if parent is not None and self._nodes[parent]["type"] == "StepGroup":
                found.add(parent)
            boundary = self._nodes[current].get("boundaryID")
            if not boundary:
                return parent
            while current != boundary:
                current = self._parents[current]
            found.add(current)

    @staticmethod
    def _opened(node: Object) -> Object:
        rest = {key: value for key, value in node.items() if key != "message"}
        phase = node["phase"] if node["phase"] == "Skipped" else "Running"
        return rest | {"phase": phase, "startedAt": _now(), "finishedAt": None}

    @staticmethod
    def _stripped(node: Object, drop: set[str]) -> Object:
        for key in ("children", "outboundNodes"):
            if key in node:
                node = node | {key: [each for each in node[key] if each not in drop]}
                if not node[key]:
                    del node[key]
        return node
