"""The operator: from a workflow and its pods to the workflow's next state, and to what is to be done for it.

`operate` is pure but for the locks: the same workflow, pods and time give the same decision, and a decision that was
lost is made again.
The order of its steps, the messages and the conditions are those of Argo's workflow-controller 3.7.3.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from nbargo_local.controller.durations import stamp
from nbargo_local.controller.execute import entry_call, execute, exit_call
from nbargo_local.controller.locks import LockError, Locks
from nbargo_local.controller.names import COMPLETED_LABEL, PHASE_LABEL, POD_NAMES_ANNOTATION, Object
from nbargo_local.controller.observe import enforce_ends, observe_pods
from nbargo_local.controller.operation import Operation, ParallelismReachedError
from nbargo_local.controller.pods import PodSpec, PodStatus
from nbargo_local.controller.support import UnsupportedError, check_support
from nbargo_local.controller.templating import TemplateError, dump, quote
from nbargo_local.controller.tree import COMPLETED, FAILED, Node, fulfilled
from nbargo_local.controller.validation import InvalidSpecError, validate

_WORKFLOW_PHASE: Final = {
    "Succeeded": "Succeeded",
    "Skipped": "Succeeded",
    "Omitted": "Succeeded",
    "Failed": "Failed",
    "Error": "Error",
}
_LIMITS_PERIOD: Final = timedelta(seconds=1)  # nothing tells of a limit that was raised: a ConfigMap is a folder here


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done for a workflow.

    Args:
        workflow: Its next state; None if it stays as it is.
        start: The pods to start, once that state is stored.
        stop: The node ids of the pods to stop.
        forget: The node ids of pods that no node stands for any more, which happens with `argo retry`.
        wake: When to look again at the latest, if nothing happens before; None for never.
    """

    workflow: Object | None
    start: tuple[PodSpec, ...] = ()
    stop: tuple[str, ...] = ()
    forget: tuple[str, ...] = ()
    wake: datetime | None = None


def operate(workflow: Object, pods: Mapping[str, PodStatus], now: datetime, *, locks: Locks) -> Decision:
    """Decide what is to happen to a workflow that is not completed.

    Args:
        workflow: The Workflow as it is stored; not changed.
        pods: Its pods, by node id.
        now: The present time, aware.
        locks: The locks of all workflows. Those of one that ends are released by whoever has stored that.
    """
    op = Operation(workflow, _known(workflow, pods), now, locks)
    try:
        _advance(op)
    except LockError as error:
        _end(op, "Failed", str(error))
    except UnsupportedError as error:
        _end(op, "Error", str(error))
    except InvalidSpecError as error:
        _end(op, "Failed", f"invalid spec: {error}")
    return _decision(op, workflow, pods)


def give_up(workflow: Object, pods: Mapping[str, PodStatus], now: datetime, *, locks: Locks, why: str) -> Decision:
    """Return the decision for a workflow that cannot be processed or stored: it ends in phase Error.

    Args:
        workflow: The Workflow as it is stored; not changed.
        pods: Its pods, by node id.
        now: The present time, aware.
        locks: As for `operate`.
        why: What went wrong.
    """
    op = Operation(workflow, {}, now, locks)
    _end(op, "Error", why)
    op.workflow["status"] = op.status
    alive = tuple(node for node, pod in pods.items() if pod.alive)
    return Decision(workflow=op.workflow, stop=alive)


def _known(workflow: Object, pods: Mapping[str, PodStatus]) -> dict[str, PodStatus]:
    nodes = (workflow.get("status") or {}).get("nodes") or {}
    return {node: pod for node, pod in pods.items() if node in nodes}


def _decision(op: Operation, workflow: Object, pods: Mapping[str, PodStatus]) -> Decision:
    if op.tree.nodes:
        op.status["nodes"] = op.tree.nodes
    if op.status:
        op.status["progress"] = op.tree.update_progress()
        op.workflow["status"] = op.status
    ended = op.status.get("phase") in COMPLETED
    stop = (
        node
        for node, pod in op.pods.items()
        if pod.alive and (ended or op.stop_everything or fulfilled(op.tree.nodes[node]))
    )
    return Decision(
        workflow=op.workflow if _worth_storing(op.workflow, workflow) else None,
        start=() if ended else tuple(op.starts),
        stop=tuple(stop),
        forget=tuple(pods.keys() - op.pods.keys()),
        wake=op.wake,
    )


def _worth_storing(new: Object, old: Object) -> bool:
    """Tell whether anything has changed; conditions alone are stored with the next change, as Argo does."""

    def rest(workflow: Object) -> Object:
        status = {key: value for key, value in (workflow.get("status") or {}).items() if key != "conditions"}
        return workflow | {"status": status}

    return rest(new) != rest(old)


def _advance(op: Operation) -> None:
    check_support(op.spec)
    fresh = not op.status.get("phase")
    if fresh:
        validate(op.workflow)
    try:
        op.load_values()
    except TemplateError as error:
        _end(op, "Failed", f"failed to set global parameters: {error}")
        return
    if fresh:
        _add_metadata(op)
    if _waits(op):
        return
    if fresh:
        _begin(op)
    else:
        _set_condition(op, "PodRunning", any(pod.phase == "Running" for pod in op.pods.values()))
        observe_pods(op)
    enforce_ends(op)
    if not op.spec.get("suspend"):
        _go_on(op)


def _go_on(op: Operation) -> None:
    """Execute what is to be executed now."""
    if op.status["phase"] == "Pending":
        _set_phase(op, "Running", "")
    try:
        entry = _executed(op)
    except ParallelismReachedError:
        return
    except TemplateError as error:
        _end(op, "Error", f"error in entry template execution: {error}")
        return
    if entry is not None and fulfilled(entry):
        _finish(op, entry)


def _executed(op: Operation) -> Node | None:
    """Execute the entrypoint; a limit that is reached does not keep a node that has ended from counting."""
    try:
        return execute(op, entry_call(op))
    except ParallelismReachedError:
        return op.tree.get(op.name)


def _add_metadata(op: Operation) -> None:
    metadata = op.workflow["metadata"]
    declared = op.spec.get("workflowMetadata") or {}
    for kind in ("labels", "annotations"):
        if declared.get(kind):
            metadata[kind] = (metadata.get(kind) or {}) | declared[kind]


def _waits(op: Operation) -> bool:
    """Return whether the workflow goes no further now, because others hold a lock that it asks for."""
    if not op.spec.get("synchronization"):
        return False
    why = op.locks.acquire(op.workflow | {"spec": op.spec}, op.status)
    if not why:
        return False
    if op.status.get("phase") == "Pending" and op.shutdown == "Terminate":
        execute(op, entry_call(op))
        _end(op, "Succeeded", "")  # as Argo 3.5 to 4.0 have it: nothing ran, and nobody takes it for a failure
        return True
    _set_phase(op, op.status.get("phase") or "Pending", why)
    op.wake_at(op.now + _LIMITS_PERIOD)
    return True


def _begin(op: Operation) -> None:
    metadata = op.workflow["metadata"]
    metadata["annotations"] = (metadata.get("annotations") or {}) | {POD_NAMES_ANNOTATION: "v2"}
    _set_phase(op, "Running", "")


def _set_condition(op: Operation, kind: str, value: bool) -> None:  # noqa: FBT001 (the condition's status)
    conditions = op.status.setdefault("conditions", [])
    for condition in conditions:
        if condition["type"] == kind:
            condition["status"] = str(value)
            return
    conditions.append({"type": kind, "status": str(value)})


def _set_phase(op: Operation, phase: str, message: str) -> None:
    """Write phase, label and message together, as Argo does."""
    labels = op.workflow["metadata"].setdefault("labels", {})
    if op.status.get("phase") != phase:
        op.status["phase"] = phase
        labels[PHASE_LABEL] = phase
        labels.setdefault(COMPLETED_LABEL, "false")
    op.status.setdefault("finishedAt", None)
    if not op.status.get("startedAt"):
        op.status["startedAt"] = stamp(op.now) if phase != "Pending" else None
    if message:
        op.status["message"] = message
    else:
        op.status.pop("message", None)


def _end(op: Operation, phase: str, message: str) -> None:
    """Complete the workflow, once nothing of it runs any more."""
    if any(pod.alive for pod in op.pods.values()):
        op.stop_everything = op.stop_everything or phase == "Error"
        return
    op.starts.clear()
    _set_phase(op, phase, message)
    entry = op.tree.get(op.name)
    if phase == "Error" and entry is not None and entry["phase"] == "Running":
        entry |= {"phase": "Error", "message": "Workflow operation error"}
    op.status["finishedAt"] = stamp(op.now)
    op.status.pop("synchronization", None)
    op.workflow["metadata"]["labels"][COMPLETED_LABEL] = "true"
    _set_condition(op, "Completed", value=True)
    op.wake = None


def _failures(op: Operation) -> str:
    failed = [
        {
            "displayName": node["displayName"],
            "message": node.get("message", ""),
            "templateName": node.get("templateName", ""),
            "phase": node["phase"],
            "podName": op.pod_name(node["name"], node.get("templateName", "")),
            "finishedAt": node["finishedAt"],
        }
        for node in op.tree.nodes.values()
        if node["phase"] in FAILED
    ]
    return f'"{quote(dump(failed or None))}"'


def _exit_node(op: Operation) -> Node | None:
    """Execute the exit handler, if there is one and it may run; return its node, None for none."""
    if not op.spec.get("onExit"):
        return None
    call = exit_call(op)
    if op.tree.get(call.name) is None and not op.may_run(exit_handler=True):
        return None
    return execute(op, call)


def _finish(op: Operation, entry: Node) -> None:
    phase = _WORKFLOW_PHASE[entry["phase"]]
    op.values |= {"workflow.status": phase, "workflow.failures": _failures(op)}
    try:
        handler = _exit_node(op)
    except ParallelismReachedError:
        return
    except TemplateError as error:
        _end(op, "Error", f"error in exit template execution : {error}")
        return
    if handler is not None and not fulfilled(handler):
        return
    message = entry.get("message", "")
    if entry["phase"] in FAILED and op.shutdown:
        message = f"Stopped with strategy '{op.shutdown}'"
    if phase == "Succeeded":
        message = ""
        if handler is not None and handler["phase"] in FAILED:
            phase, message = handler["phase"], handler.get("message", "")
    _end(op, phase, message)
