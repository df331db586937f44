"""Pods that go wrong on purpose: the statuses that the scheduler and the kubelet write then.

The image's name says what goes wrong, so that a job is sent as any other. A pod that cannot start starts when it is
told to go on, by an annotation; one that is ended by the node is ended when it is told so. The words are Kubernetes'
1.34 (pkg/scheduler/framework/types.go, pkg/kubelet/images, kuberuntime, eviction, active_deadline.go).
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster.podplay import Pod, main_container

if TYPE_CHECKING:
    from collections.abc import Mapping

REGISTRY = "trouble.example/"
GO_ON = "trouble.example/go-on"
_PREEMPTION = "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."


@dataclass(frozen=True, slots=True)
class Ended:
    """How the node ends a pod.

    Args:
        signal: What the main container's processes get.
        container: The main container's reason, or empty for the usual one.
        reason: The pod's reason, or empty.
        message: The pod's message, or empty.
    """

    signal: int
    container: str = ""
    reason: str = ""
    message: str = ""


UNSCHEDULED: Mapping[str, str] = {
    "no-memory": f"0/3 nodes are available: 3 Insufficient memory. {_PREEMPTION}",
    "no-claim": f'0/3 nodes are available: persistentvolumeclaim "home-ada" not found. {_PREEMPTION}',
}
"""The scheduler's messages."""
WAITING: Mapping[str, tuple[str, str]] = {
    "no-image": (
        "ImagePullBackOff",
        (
            f'Back-off pulling image "{REGISTRY}no-image:1": ErrImagePull: rpc error: code = NotFound desc = failed to '
            f'pull and unpack image "{REGISTRY}no-image:1": not found'
        ),
    ),
    "no-secret": ("CreateContainerConfigError", 'secret "mail" not found'),
    "being-made": ("ContainerCreating", ""),
}
"""The kubelet's reason and message for a main container that waits."""
ENDED: Mapping[str, Ended] = {
    "out-of-memory": Ended(signal.SIGKILL, container="OOMKilled"),
    "evicted": Ended(
        signal.SIGKILL,
        reason="Evicted",
        message="The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi. Container main was "
        "using 3Gi, request is 1Gi, has larger consumption of memory. ",
    ),
    "drained": Ended(signal.SIGTERM),
}
"""How the node ends a pod that is told to go on."""


def of(pod: Pod) -> str:
    """Return what goes wrong with a pod, or an empty text."""
    image: str = main_container(pod)["image"]
    return image.removeprefix(REGISTRY).partition(":")[0] if image.startswith(REGISTRY) else ""


def is_told(pod: Pod) -> bool:
    """Tell whether the pod was told to go on."""
    return GO_ON in (pod["metadata"].get("annotations") or {})


def unscheduled_status(message: str, at: str) -> dict[str, Any]:
    """Return the status of a pod that the scheduler finds no node for."""
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": message,
        "lastProbeTime": None,
        "lastTransitionTime": at,
    }
    return {"phase": "Pending", "conditions": [condition]}


def waiting_status(reason: str, message: str, at: str) -> dict[str, Any]:
    """Return the status of a pod whose main container waits, while its other one runs."""
    unready = {
        "status": "False",
        "reason": "ContainersNotReady",
        "message": "containers with unready status: [main]",
        "lastTransitionTime": at,
    }
    waiting = {"reason": reason, **({"message": message} if message else {})}
    done = {"exitCode": 0, "reason": "Completed", "startedAt": at, "finishedAt": at}
    return {
        "phase": "Pending",
        "startTime": at,
        "conditions": [
            {"type": "Initialized", "status": "True", "lastTransitionTime": at},
            {"type": "Ready", **unready},
            {"type": "ContainersReady", **unready},
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": at},
        ],
        "initContainerStatuses": [_container("init", {"terminated": done}, ready=True)],
        "containerStatuses": [
            _container("main", {"waiting": waiting}, ready=False),
            _container("wait", {"running": {"startedAt": at}}, ready=True),
        ],
    }


def _container(name: str, state: dict[str, Any], *, ready: bool) -> dict[str, Any]:
    return {"name": name, "state": state, "ready": ready, "restartCount": 0, "image": "process", "imageID": ""}
