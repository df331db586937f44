"""Argo's labels, annotations, node ids and pod names."""

from typing import Any, Final

PHASE_LABEL: Final = "workflows.argoproj.io/phase"
COMPLETED_LABEL: Final = "workflows.argoproj.io/completed"
ARCHIVING_LABEL: Final = "workflows.argoproj.io/workflow-archiving-status"
INSTANCE_LABEL: Final = "workflows.argoproj.io/controller-instanceid"
WORKFLOW_LABEL: Final = "workflows.argoproj.io/workflow"
POD_NAMES_ANNOTATION: Final = "workflows.argoproj.io/pod-name-format"
SCHEDULED_ANNOTATION: Final = "workflows.argoproj.io/scheduled-time"

_LONGEST_PREFIX: Final = 242  # a Kubernetes name's 253 characters less the hash and its dash (util/pod_name.go)
_FNV_OFFSET: Final = 0x811C9DC5
_FNV_PRIME: Final = 0x01000193

Object = dict[str, Any]
"""A Kubernetes object, or a part of one: plain JSON data."""


def fnv32a(text: str) -> int:
    """Return the 32-bit FNV-1a hash that Argo builds ids from.

    Args:
        text: Hashed as UTF-8.
    """
    value = _FNV_OFFSET
    for byte in text.encode():
        value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFF
    return value


def node_id(workflow: str, node: str) -> str:
    """Return a node's id.

    Args:
        workflow: The Workflow's name.
        node: The node's name.
    """
    return workflow if node == workflow else f"{workflow}-{fnv32a(node)}"


def pod_name(workflow: str, node: str, template: str) -> str:
    """Return the name of a node's pod, in Argo's format v2.

    Args:
        workflow: The Workflow's name.
        node: The node's name.
        template: The name of the template that it runs; may be empty.
    """
    if workflow == node:
        return workflow
    prefix = f"{workflow}-{template}" if template else workflow
    return f"{prefix[:_LONGEST_PREFIX]}-{fnv32a(node)}"
