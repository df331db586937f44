"""The nodes of a running workflow: `status.nodes`, and the questions and changes that the operator has for them."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from nbargo_local.controller.names import Object, node_id

Node = Object

COMPLETED: Final = frozenset({"Succeeded", "Failed", "Error"})
FULFILLED: Final = COMPLETED | {"Skipped", "Omitted"}
FAILED: Final = frozenset({"Failed", "Error"})
ACTIVE: Final = frozenset({"Pending", "Running"})

_GROUPS: Final = frozenset({"Pod", "Steps", "DAG"})
_WITH_PROGRESS: Final = frozenset({"Pod", "Suspend"})
_CALL_PREFIX: Final = re.compile(r"^(\[\d+\])?\.")


def fulfilled(node: Node) -> bool:
    """Tell whether nothing more will happen to a node.

    Args:
        node: The node.
    """
    return node["phase"] in FULFILLED


class Tree:
    """The nodes of one workflow.

    Args:
        workflow: The Workflow's name.
        nodes: `status.nodes`, by id; changed in place.
        now: The present time, as metav1.Time.
    """

    def __init__(self, workflow: str, nodes: dict[str, Node], now: str) -> None:
        self.workflow = workflow
        self.nodes = nodes
        self._now = now

    def id_of(self, name: str) -> str:
        """Return the id of the node of a name, whether it exists or not."""
        return node_id(self.workflow, name)

    def get(self, name: str) -> Node | None:
        """Return the node of a name, or None."""
        return self.nodes.get(self.id_of(name))

    def children(self, node: Node) -> Iterator[Node]:
        """Yield a node's children; ids without a node, which `argo retry` can leave behind, are left out."""
        return (self.nodes[each] for each in node.get("children", ()) if each in self.nodes)

    def add(  # noqa: PLR0913 - a node's fields
        self,
        name: str,
        kind: str,
        phase: str,
        *,
        template: str = "",
        boundary: str = "",
        flag: Object | None = None,
        message: str = "",
    ) -> Node:
        """Add a node.

        Args:
            name: Its name; not taken yet.
            kind: Its type, such as `Pod`.
            phase: Its phase.
            template: The name of its template; empty for a step group.
            boundary: The id of the Steps or DAG node that it belongs to; empty for none.
            flag: Its nodeFlag.
            message: Its message.
        """
        node: Node = {
            "id": self.id_of(name),
            "name": name,
            "displayName": self._display_name(name, boundary),
            "type": kind,
            "templateScope": f"local/{self.workflow}",
            "phase": phase,
            "startedAt": self._now,
            "finishedAt": self._now if phase in FULFILLED else None,
        }
        given = {"templateName": template, "boundaryID": boundary, "message": message}
        node |= {key: value for key, value in given.items() if value}
        if flag is not None:
            node["nodeFlag"] = dict(flag)
        self.nodes[node["id"]] = node
        return node

    def _display_name(self, name: str, boundary: str) -> str:
        if boundary not in self.nodes:
            return name
        return _CALL_PREFIX.sub("", name.removeprefix(self.nodes[boundary]["name"]))

    def mark(self, node: Node, phase: str, message: str | None = None) -> Node:
        """Give a node a phase, and its end when it is fulfilled by that.

        Args:
            node: The node.
            phase: The phase.
            message: The message; None keeps what is there, an empty one removes it.
        """
        node["phase"] = phase
        if message:
            node["message"] = message
        elif message is not None:
            node.pop("message", None)
        if phase in FULFILLED and not node.get("finishedAt"):
            node["finishedAt"] = self._now
        return node

    def adopt(self, parent: Node, child: str) -> None:
        """Make a node another one's child, once.

        Args:
            parent: The parent.
            child: The child's name.
        """
        children = parent.setdefault("children", [])
        if (each := self.id_of(child)) not in children:
            children.append(each)

    def outbound(self, node: Node) -> list[str]:
        """Return the ids of the nodes that what comes after this node hangs on.

        Args:
            node: The node.
        """
        kind = node["type"]
        if kind in {"Skipped", "Suspend", "Pod"}:
            return [node["id"]]
        if kind == "Retry" and node.get("children"):
            return [node["children"][-1]]
        found = (self.nodes[each] for each in node.get("outboundNodes", ()) if each in self.nodes)
        return [each for child in found for each in self.outbound(child)]

    def set_outbound(self, node: Node, ids: list[str]) -> None:
        """Set what comes after a Steps or DAG node; like Argo, without a field for nothing.

        Args:
            node: The node.
            ids: The ids of the nodes that it ended with.
        """
        node.pop("outboundNodes", None)
        if ids:
            node["outboundNodes"] = ids

    def attempts(self, node: Node) -> list[Node]:
        """Return the attempts of a Retry node, the oldest first."""
        return [each for each in self.children(node) if each.get("nodeFlag", {}).get("retried")]

    def in_exit_handler(self, node: Node) -> bool:
        """Tell whether a node belongs to the exit handler."""
        while not node.get("nodeFlag", {}).get("hooked"):
            parent = self.nodes.get(node.get("boundaryID", "")) or self._retry_parent(node)
            if parent is None:
                return False
            node = parent
        return True

    def _retry_parent(self, node: Node) -> Node | None:
        if not node.get("nodeFlag", {}).get("retried"):
            return None
        parents = (each for each in self.nodes.values() if node["id"] in each.get("children", ()))
        return next(parents, None)

    def count(self, boundary: str, phases: frozenset[str], *, pods_only: bool = False) -> int:
        """Count the nodes of a boundary that are in one of some phases.

        Args:
            boundary: The id of a Steps or DAG node; empty, with `pods_only`, for the whole workflow.
            phases: The phases.
            pods_only: Count pods, not Steps and DAG nodes.
        """
        kinds = {"Pod"} if pods_only else _GROUPS
        return sum(
            each["type"] in kinds
            and each["phase"] in phases
            and ((pods_only and not boundary) or each.get("boundaryID", "") == boundary)
            for each in self.nodes.values()
        )

    def update_progress(self) -> str:
        """Set every node's progress, and return the workflow's: `<done>/<all>`."""
        for node in self.nodes.values():
            if node["type"] in _WITH_PROGRESS:
                node["progress"] = "1/1" if node["phase"] in {"Succeeded", "Skipped", "Omitted"} else "0/1"
        for node in self.nodes.values():
            if node["type"] not in _WITH_PROGRESS and (below := list(self._below(node, set()))):
                node["progress"] = _sum(below)
        return _sum([each for each in self.nodes.values() if each["type"] in _WITH_PROGRESS])

    def _below(self, node: Node, seen: set[str]) -> Iterator[Node]:
        for child in self.children(node):
            if child["id"] in seen:
                continue
            seen.add(child["id"])
            if child["type"] in _WITH_PROGRESS:
                yield child
            yield from self._below(child, seen)


def _sum(nodes: Sequence[Node]) -> str:
    done = sum(each["progress"] == "1/1" for each in nodes)
    return f"{done}/{len(nodes)}"


def output_parameters(node: Node) -> list[Object]:
    """Return a node's output parameters.

    Args:
        node: The node.
    """
    parameters: list[Object] = (node.get("outputs") or {}).get("parameters") or []
    return parameters
