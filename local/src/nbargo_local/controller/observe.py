"""What became of the pods goes into the nodes; and the deadline and a shutdown end what they have to end."""

from nbargo_local.controller.operation import Operation
from nbargo_local.controller.pods import HOST, PodStatus
from nbargo_local.controller.tree import ACTIVE, Node, fulfilled

_OVERDUE = "Step exceeded its deadline"


def observe_pods(op: Operation) -> None:
    """Bring the nodes up to date with their pods, and mark those whose pod is gone.

    Args:
        op: The operation.
    """
    for node in list(op.tree.nodes.values()):
        if node["type"] != "Pod":
            continue
        pod = op.pods.get(node["id"])
        if pod is not None:
            _observe(op, node, pod)
        elif node["phase"] == "Running":
            op.tree.mark(node, "Error", "pod deleted")


def _observe(op: Operation, node: Node, pod: PodStatus) -> None:
    if not fulfilled(node):
        op.tree.mark(node, pod.phase, pod.message)
        if pod.phase != "Pending":
            node["hostNodeName"] = HOST
        if pod.finished_at:
            node["finishedAt"] = pod.finished_at
    if pod.alive:
        return
    outputs = node.get("outputs") or {}
    if pod.exit_code is not None:
        outputs["exitCode"] = str(pod.exit_code)
    if pod.outputs:
        outputs["parameters"] = list(pod.outputs)
    if outputs:
        node["outputs"] = outputs
    op.publish(node)


def _end_of(op: Operation, node: Node) -> str:
    """Return why a node that goes on has to end now; empty if it may go on."""
    exit_handler = op.tree.in_exit_handler(node)
    suspended = node["type"] == "Suspend" and node["phase"] == "Running"
    has_pod = node["id"] in op.pods
    if not op.may_run(exit_handler=exit_handler):
        if has_pod:
            return f"workflow shutdown with strategy:  {op.shutdown}"
        if suspended:
            return f"Stopped with strategy '{op.shutdown}'"
    if op.overdue and not exit_handler and (has_pod or suspended or node["phase"] == "Pending"):
        return _OVERDUE
    return ""


def enforce_ends(op: Operation) -> None:
    """Fail the nodes that a shutdown or the workflow's deadline does not let go on; their pods are stopped after that.

    Args:
        op: The operation.
    """
    if op.deadline is not None and not op.overdue:
        op.wake_at(op.deadline)
    for node in list(op.tree.nodes.values()):
        if node["phase"] in ACTIVE and node["type"] in {"Pod", "Suspend"} and (why := _end_of(op, node)):
            op.tree.mark(node, "Failed", why)
            op.cut_short.add(node["id"])
