"""The execution of a template as a node: pods, suspension, retries, and the limits of how much may run at once."""

from dataclasses import replace
from datetime import datetime, timedelta

from nbargo_local.controller.dag import execute_dag
from nbargo_local.controller.durations import parse_duration, read_stamp
from nbargo_local.controller.names import Object
from nbargo_local.controller.operation import Call, Operation, ParallelismReachedError
from nbargo_local.controller.pods import pod_of
from nbargo_local.controller.retries import latest_end, next_attempt
from nbargo_local.controller.steps import execute_steps
from nbargo_local.controller.templating import TemplateError
from nbargo_local.controller.tree import ACTIVE, FAILED, Node, fulfilled

_ATTEMPTS_AT_ONCE = 2  # one that has ended and the one after it; a template that fails at once must not spin
_NEXT_LOOK = timedelta(seconds=1)
_FAIL_FAST = "template has failed or errored children and failFast enabled"


def execute(op: Operation, call: Call) -> Node | None:
    """Execute a template, or go on with it, as far as that is possible now.

    Args:
        op: The operation.
        call: What to execute.

    Returns:
        The node.

    Raises:
        TemplateError: The template cannot be processed; the node says so.
        ParallelismReachedError: It has to wait for others.
    """
    node = op.tree.get(call.name)
    if node is not None and fulfilled(node):
        return node
    try:
        template = op.process(call)
    except TemplateError as error:
        op.fail_call(call, str(error))
        raise
    _check_parallelism(op, template, node, call.boundary)
    if op.retry_strategy(template) is None:
        return _run(op, call, template)
    return _with_retries(op, call, template)


def _with_retries(op: Operation, call: Call, template: Object) -> Node:
    parent = op.tree.get(call.name) or op.new_node(call, "Retry", "Running", template)
    strategy = op.retry_strategy(template) or {}
    for _ in range(_ATTEMPTS_AT_ONCE):
        try:
            attempt = next_attempt(op, call, parent, template)
        except TemplateError as error:
            op.tree.mark(parent, "Error", str(error))
            raise
        if attempt is None:
            return parent
        node = _run(op, *attempt, kill_at=latest_end(op, parent, strategy))
        if not fulfilled(node):
            return parent
    op.wake_at(op.now + _NEXT_LOOK)
    return parent


def _run(op: Operation, call: Call, template: Object, *, kill_at: datetime | None = None) -> Node:
    try:
        if template.get("steps") is not None:
            return execute_steps(op, call, template, execute)
        if template.get("dag") is not None:
            return execute_dag(op, call, template, execute)
        if template.get("suspend") is not None:
            return _suspend(op, call, template)
        return _pod(op, call, template, kill_at)
    except TemplateError as error:
        op.fail_call(call, str(error))
        raise


def _pod(op: Operation, call: Call, template: Object, kill_at: datetime | None) -> Node:
    node = op.tree.get(call.name) or op.new_node(call, "Pod", "Pending", template)
    if fulfilled(node) or node["id"] in op.pods:
        return node
    if not op.may_run(exit_handler=call.exit_handler):
        return op.tree.mark(node, "Failed", f"workflow shutdown with strategy: {op.shutdown}")
    if op.overdue and not call.exit_handler:
        return node
    name = op.pod_name(call.name, call.template)
    op.starts.append(pod_of({**op.workflow, "spec": op.spec}, template, node=node["id"], name=name, kill_at=kill_at))
    return node


def _suspend(op: Operation, call: Call, template: Object) -> Node:
    node = op.tree.get(call.name) or op.new_node(call, "Suspend", "Pending", template)
    duration = template["suspend"].get("duration")
    if duration:
        try:
            end = (read_stamp(node["startedAt"]) or op.now) + parse_duration(str(duration))
        except ValueError as error:
            raise TemplateError(str(error)) from error
        if op.now >= end:
            return op.tree.mark(node, "Succeeded")
        op.wake_at(end)
    return op.tree.mark(node, "Running")


def _fail_fast(op: Operation, template: Object, node: Node) -> None:
    """Raise if children of a failFast template have failed; end the template once nothing of it runs any more."""
    if not template.get("failFast") or not op.tree.count(node["id"], FAILED):
        return
    if not op.active_pods(node["id"]):
        if template.get("steps") is not None:
            groups = [each for each in op.tree.nodes.values() if each.get("boundaryID") == node["id"]]
            for group in [each for each in groups if each["type"] == "StepGroup"][-1:]:
                op.tree.mark(group, "Failed", _FAIL_FAST)
        op.tree.mark(node, "Failed", _FAIL_FAST)
    raise ParallelismReachedError


def _check_parallelism(op: Operation, template: Object, node: Node | None, boundary: str) -> None:
    limit = op.spec.get("parallelism")
    if limit is not None and op.active_pods() >= limit:
        raise ParallelismReachedError
    if node is not None and node["type"] in {"Steps", "DAG"}:
        _fail_fast(op, template, node)
        if (most := template.get("parallelism")) and op.active_pods(node["id"]) >= most:
            raise ParallelismReachedError
    if boundary and (node is None or node["phase"] not in ACTIVE):
        around = op.tree.nodes[boundary]
        caller = op.template(around["templateName"])
        _fail_fast(op, caller, around)
        if (most := caller.get("parallelism")) and op.tree.count(boundary, ACTIVE) >= most:
            raise ParallelismReachedError


def exit_call(op: Operation) -> Call:
    """Return the call of the workflow's exit handler."""
    return replace(
        entry_call(op),
        name=f"{op.name}.onExit",
        template=op.spec["onExit"],
        exit_handler=True,
        flag={"hooked": True},
    )


def entry_call(op: Operation) -> Call:
    """Return the call of the workflow's entrypoint."""
    arguments = (op.spec.get("arguments") or {}).get("parameters") or []
    return Call(name=op.name, template=op.spec["entrypoint"], arguments=arguments)
