"""Steps templates: groups that run one after the other, each of steps that run side by side."""

from nbargo_local.controller.names import Object
from nbargo_local.controller.operation import Call, Execute, Operation, ParallelismReachedError
from nbargo_local.controller.parameters import input_values, output_values
from nbargo_local.controller.results import finish, scope_of
from nbargo_local.controller.templating import TemplateError, replace
from nbargo_local.controller.tree import FAILED, Node, fulfilled


def step_groups(template: Object) -> list[list[Object]]:
    """Return the groups of a steps template; a group of one may be written without its list.

    Args:
        template: The template.
    """
    return [group if isinstance(group, list) else [group] for group in template["steps"]]


def continues(step: Object, phase: str) -> bool:
    """Tell whether a step's continueOn accepts how it ended.

    Args:
        step: The step or task.
        phase: The node's phase.
    """
    accepted = step.get("continueOn") or {}
    return bool((accepted.get("error") and phase == "Error") or (accepted.get("failed") and phase == "Failed"))


def _connect(op: Operation, node: Node, index: int) -> None:
    """Hang a group's node below what the group before it ended with."""
    name = f"{node['name']}[{index}]"
    if index == 0:
        op.tree.adopt(node, name)
        return
    before = op.tree.get(f"{node['name']}[{index - 1}]")
    if before is None:
        return
    if not before.get("children"):
        op.tree.adopt(before, name)
    for child in op.tree.children(before):
        for each in op.tree.outbound(child):
            op.tree.adopt(op.tree.nodes[each], name)


def _set_outbound(op: Operation, node: Node, groups: int) -> None:
    names = [f"{node['name']}[{index}]" for index in range(groups)]
    reached = [group for name in names if (group := op.tree.get(name)) is not None]
    last = (child for group in reached[-1:] for child in op.tree.children(group))
    op.tree.set_outbound(node, [each for child in last for each in op.tree.outbound(child)])


def _start(op: Operation, call: Call, group: Node, steps: list[Object], execute: Execute) -> None:
    """Execute the steps of a group, as far as limits let them."""
    for step in steps:
        name = f"{group['name']}.{step['name']}"
        child = Call(
            name=name,
            template=step["template"],
            arguments=(step.get("arguments") or {}).get("parameters") or [],
            boundary=group["boundaryID"],
            caller="steps.name",
            caller_name=step["name"],
            exit_handler=call.exit_handler,
        )
        try:
            execute(op, child)
        except ParallelismReachedError:
            pass
        except TemplateError as error:
            op.tree.adopt(group, name)
            op.tree.mark(group, "Error", f"step group deemed errored due to child {name} error: {error}")
            return
        if op.tree.get(name) is not None:
            op.tree.adopt(group, name)


def _finish(op: Operation, group: Node, steps: list[Object]) -> None:
    """Give a group its phase once all its steps have ended."""
    nodes = [(step, op.tree.get(f"{group['name']}.{step['name']}")) for step in steps]
    if any(node is None or not fulfilled(node) for _, node in nodes):
        return
    for step, node in nodes:
        if node is not None and node["phase"] in FAILED and not continues(step, node["phase"]):
            op.tree.mark(group, "Failed", f"child '{node['id']}' failed")
            return
    op.tree.mark(group, "Succeeded")


def _group(op: Operation, node: Node, index: int) -> Node:
    name = f"{node['name']}[{index}]"
    group = op.tree.get(name) or op.tree.add(name, "StepGroup", "Running", boundary=node["id"], flag={})
    _connect(op, node, index)
    return group


def execute_steps(op: Operation, call: Call, template: Object, execute: Execute) -> Node:
    """Execute a steps template, or go on with it.

    Args:
        op: The operation.
        call: Its call.
        template: The processed template.
        execute: What executes the steps' templates.

    Returns:
        Its node.

    Raises:
        TemplateError: The template's outputs cannot be made.
    """
    node = op.tree.get(call.name) or op.new_node(call, "Steps", "Running", template)
    groups = step_groups(template)
    scope = input_values(template) | output_values({"status": op.status})
    for index, steps in enumerate(groups):
        group = _group(op, node, index)
        if not fulfilled(group):
            try:
                _start(op, call, group, replace(steps, {**op.values, **scope}), execute)
            except TemplateError as error:
                op.tree.mark(group, "Error", str(error))
        if not fulfilled(group):
            _finish(op, group, steps)
        if not fulfilled(group) or group["phase"] in FAILED:
            return _unfinished(op, node, group, len(groups))
        for step in steps:
            if (child := op.tree.get(f"{group['name']}.{step['name']}")) is not None:
                scope |= scope_of(op, f"steps.{step['name']}", child)
    _set_outbound(op, node, len(groups))
    return finish(op, node, template, scope)


def _unfinished(op: Operation, node: Node, group: Node, groups: int) -> Node:
    if not fulfilled(group):
        return node
    _set_outbound(op, node, groups)
    return op.tree.mark(node, "Failed", group.get("message", ""))
