"""What finished steps and tasks hand on: the tags of those after them, and the outputs of the template around them."""

from collections.abc import Mapping

from nbargo_local.controller.names import Object
from nbargo_local.controller.operation import Operation
from nbargo_local.controller.parameters import text_of
from nbargo_local.controller.templating import TemplateError
from nbargo_local.controller.tree import Node, output_parameters


def scope_of(op: Operation, prefix: str, node: Node) -> dict[str, str]:
    """Return the tags that a step or task that has ended offers to those after it.

    Args:
        op: The operation.
        prefix: Such as `steps.fetch` or `tasks.fetch`.
        node: Its node; of one with retries the last attempt counts.
    """
    attempts = op.tree.attempts(node) if node["type"] == "Retry" else []
    node = attempts[-1] if attempts else node
    shown = {key: node.get(key) for key in ("id", "startedAt", "finishedAt", "hostNodeName")}
    values: dict[str, str] = {f"{prefix}.{key}": value for key, value in shown.items() if value}
    values[f"{prefix}.status"] = node["phase"]
    exit_code = (node.get("outputs") or {}).get("exitCode")
    if exit_code is not None:
        values[f"{prefix}.exitCode"] = exit_code
    for item in output_parameters(node):
        if item.get("value") is not None:
            values[f"{prefix}.outputs.parameters.{item['name']}"] = item["value"]
    return values


def _output(declared: Object, scope: Mapping[str, str]) -> Object:
    source = declared["valueFrom"]
    tag = source.get("parameter", "").strip().removeprefix("{{").removesuffix("}}").strip()
    value = scope.get(tag)
    if value is None and source.get("default") is None:
        raise TemplateError(f'Unable to resolve: "{tag}"')
    value = text_of(source["default"]) if value is None else value
    rest = {key: item for key, item in declared.items() if key != "valueFrom"}
    return rest | {"value": value}


def finish(op: Operation, node: Node, template: Object, scope: Mapping[str, str]) -> Node:
    """End a Steps or DAG node that succeeded, with its template's outputs.

    Args:
        op: The operation.
        node: The node.
        template: The processed template.
        scope: The tags of what ran in it.

    Raises:
        TemplateError: An output refers to something that is not there.
    """
    declared = (template.get("outputs") or {}).get("parameters")
    if declared:
        node["outputs"] = {"parameters": [_output(item, scope) for item in declared]}
        op.publish(node)
    return op.tree.mark(node, "Succeeded")
