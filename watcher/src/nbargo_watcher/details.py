"""What Argo says only of a workflow's parts, and the user has to know: taken from its nodes and templates.

A pod that cannot start leaves its reason in its node, while the workflow runs and says nothing; the end of a job with
retries says that they ran out, and what went wrong is in the last pod's node. Both are looked up only where they
matter, in objects of a job's size: of others, and where Argo has packed or moved the nodes away, nothing is told.
"""

import re
from typing import Any, Final

import msgspec
from msgspec import Struct

from nbargo_watcher.wire import Spec, Status

_MAX_WAITING: Final = 16 * 1024
"""Bytes of nodes that are searched with each event: a pod's node is 1 KB and more, one for each attempt."""
_MAX_ENDED: Final = 256 * 1024
"""Bytes of nodes that are searched at the end: each attempt's node may hold its outcome then."""
_ENDED_BADLY: Final = frozenset({"Failed", "Error"})
_OF_RETRIES: Final = (
    "No more retries left",
    "retryStrategy.expression evaluated to false",
    "Max duration limit exceeded",
    "Backoff would exceed max duration limit",
    "retry exceeded workflow deadline",
)
"""What a retry node says of itself: processNodeRetries in Argo's workflow/controller/operator.go."""
_OUT_OF_MEMORY: Final = "OOMKilled"
MEMORY_LIMIT: Final = "limits.memory="
"""What stands before the memory limit in a message that it was added to."""


class _Node(Struct, rename="camel"):
    """A node of `status.nodes`."""

    type: str = ""
    phase: str = ""
    message: str = ""
    name: str = ""
    started_at: str | None = None


class _Resources(Struct):
    """A container's resources; a quantity may be a number."""

    limits: dict[str, Any] | None = None


class _Container(Struct):
    """A template's container or script."""

    resources: _Resources | None = None


class _Template(Struct):
    """A template."""

    container: _Container | None = None
    script: _Container | None = None


_nodes = msgspec.json.Decoder(dict[str, _Node])
_pending = re.compile(rb'"Pending"').search  # most pods run, and this costs a tenth of what reading the nodes would
_templates = msgspec.json.Decoder(list[_Template])


def message_of(status: Status, spec: Spec | None) -> str:
    """Return `status.message`, with what the workflow's parts say where it alone does not tell.

    Args:
        status: The workflow's status. Once the message is put in its place, its nodes are not needed any more.
        spec: Its spec, with the templates, which are not needed any more then either.
    """
    message, phase = status.message, status.phase
    if phase in _ENDED_BADLY:
        return _with_limit(_with_last_pod(message or "", status.nodes), spec)
    if message or phase == "Succeeded" or not 0 < len(status.nodes) <= _MAX_WAITING:
        return message or ""
    return _of_waiting_pod(status.nodes) if _pending(status.nodes) else ""


def _of_waiting_pod(nodes: msgspec.Raw) -> str:
    """Return what the pods say that wait, unless one of them runs."""
    pods = _pods(nodes)
    if any(pod.phase == "Running" for pod in pods):
        return ""
    return next((pod.message for pod in pods if pod.phase == "Pending" and pod.message), "")


def _with_last_pod(message: str, nodes: msgspec.Raw) -> str:
    if not message.startswith(_OF_RETRIES) or not 0 < len(nodes) <= _MAX_ENDED:
        return message
    failed = [pod for pod in _pods(nodes) if pod.phase in _ENDED_BADLY and pod.message]
    if not failed:
        return message
    # Attempts that Argo started within one second differ in the number at the end of their names.
    last = max(failed, key=lambda pod: (pod.started_at or "", len(pod.name), pod.name))
    return message if last.message in message else f"{message}: {last.message}"


def _with_limit(message: str, spec: Spec | None) -> str:
    if _OUT_OF_MEMORY not in message or MEMORY_LIMIT in message or spec is None or not len(spec.templates):
        return message
    try:
        templates = _templates.decode(spec.templates)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return message
    containers = [part for each in templates for part in (each.script, each.container) if part and part.resources]
    limits = {str((part.resources.limits or {}).get("memory", "")) for part in containers if part.resources} - {""}
    return f"{message}, {MEMORY_LIMIT}{limits.pop()}" if len(limits) == 1 else message


def _pods(nodes: msgspec.Raw) -> list[_Node]:
    try:
        found = _nodes.decode(nodes)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return []
    return [node for node in found.values() if node.type == "Pod"]
