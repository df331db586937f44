"""Parameters: the workflow's global ones, and what a template's tags are replaced by."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from nbargo_local.controller.durations import read_stamp
from nbargo_local.controller.forms import in_argos_order
from nbargo_local.controller.names import SCHEDULED_ANNOTATION, Object
from nbargo_local.controller.templating import TemplateError, dump, replace

_STRFTIME: Final = "BbmAadHIMSYypZz"  # the letters that Argo offers behind workflow.creationTimestamp


def text_of(value: Any) -> str:
    """Return a parameter's value as the string that Argo makes of it.

    Args:
        value: A string, number or boolean; a manifest may hold any of them.
    """
    return value if isinstance(value, str) else json.dumps(value)


def by_name(items: list[Object] | None, name: str) -> Object | None:
    """Return the item of a list that has a name, or None.

    Args:
        items: Objects with a name each; None is an empty list.
        name: The name.
    """
    return next((item for item in items or () if item.get("name") == name), None)


def as_list(parameters: list[Object] | None) -> list[Object]:
    """Return parameters with their values as strings, as Argo holds them.

    Args:
        parameters: From a manifest; None is an empty list.
    """
    return [
        item | {"value": text_of(item["value"])} if item.get("value") is not None else item for item in parameters or ()
    ]


def _creation_values(created: datetime) -> dict[str, str]:
    moment = created.astimezone(UTC)
    prefix = "workflow.creationTimestamp"
    rfc3339 = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    values = {f"{prefix}.{letter}": moment.strftime(f"%{letter}") for letter in _STRFTIME}
    return values | {
        prefix: rfc3339,
        f"{prefix}.RFC3339": rfc3339,
        f"{prefix}.s": str(int(moment.timestamp())),
        f"{prefix}.L": f".{moment.microsecond // 1000:03d}",
    }


def _metadata_values(metadata: Object, declared: Object) -> dict[str, str]:
    values: dict[str, str] = {}
    for kind in ("annotations", "labels"):
        own = metadata.get(kind) or {}
        values[f"workflow.{kind}"] = values[f"workflow.{kind}.json"] = dump(dict(sorted(own.items())))
        for key, value in {**own, **(declared.get(kind) or {})}.items():
            values[f"workflow.{kind}.{key}"] = value
    return values


def global_values(workflow: Object) -> dict[str, str]:
    """Return what the tags of the `workflow.` family stand for, but for its status, failures and duration.

    Args:
        workflow: The Workflow.

    Raises:
        TemplateError: An argument has no value.
    """
    metadata, spec = workflow["metadata"], workflow["spec"]
    arguments = as_list((spec.get("arguments") or {}).get("parameters"))
    values = {
        "workflow.name": metadata["name"],
        "workflow.namespace": metadata.get("namespace", ""),
        "workflow.uid": metadata["uid"],
        "workflow.mainEntrypoint": spec.get("entrypoint") or "",
        "workflow.serviceAccountName": spec.get("serviceAccountName") or "",
        "workflow.parameters": dump(arguments),
        "workflow.parameters.json": dump(arguments),
    }
    values |= _creation_values(read_stamp(metadata["creationTimestamp"]) or datetime.now(UTC))
    values |= _metadata_values(metadata, spec.get("workflowMetadata") or {})
    if SCHEDULED_ANNOTATION in (metadata.get("annotations") or {}):
        values["workflow.scheduledTime"] = metadata["annotations"][SCHEDULED_ANNOTATION]
    if spec.get("priority") is not None:
        values["workflow.priority"] = str(spec["priority"])
    for argument in arguments:
        if argument.get("value") is None:
            raise TemplateError(
                f"either value or valueFrom must be specified in order to set global parameter {argument['name']}"
            )
        values[f"workflow.parameters.{argument['name']}"] = argument["value"]
    return values | output_values(workflow)


def output_values(workflow: Object) -> dict[str, str]:
    """Return the tags of a workflow's global outputs.

    Args:
        workflow: The Workflow.
    """
    outputs = ((workflow.get("status") or {}).get("outputs") or {}).get("parameters") or ()
    return {
        f"workflow.outputs.parameters.{item['name']}": item["value"]
        for item in outputs
        if item.get("value") is not None
    }


def _input(declared: Object, arguments: list[Object] | None) -> Object:
    argument = by_name(arguments, declared["name"])
    value = declared.get("value")
    if value is None:
        value = declared.get("default")
    if argument is not None:
        value = argument.get("value")
    if value is None:
        raise TemplateError(f"inputs.parameters.{declared['name']} was not supplied")
    return declared | {"value": text_of(value)}


def process_template(template: Object, arguments: list[Object] | None, values: Mapping[str, str]) -> Object:
    """Return a template with its inputs filled in and the tags that are known replaced.

    Args:
        template: The template of the manifest; not changed.
        arguments: The parameters that the caller hands over.
        values: The global and local tags.

    Raises:
        TemplateError: An input has no value, or the substitution failed.
    """
    inputs = template.get("inputs") or {}
    if inputs.get("parameters"):
        filled = [_input(declared, arguments) for declared in inputs["parameters"]]
        template = template | {"inputs": inputs | {"parameters": filled}}
    return substitute(in_argos_order(template), values)


def input_values(template: Object) -> dict[str, str]:
    """Return the tags of a template's inputs.

    Args:
        template: A template whose inputs have their values.
    """
    parameters = (template.get("inputs") or {}).get("parameters") or []
    values = {f"inputs.parameters.{item['name']}": item["value"] for item in parameters}
    return values | {"inputs.parameters": dump(parameters)}


def substitute(template: Object, values: Mapping[str, str]) -> Object:
    """Return a template with its tags replaced: global and local ones first, then its own inputs and output paths.

    Args:
        template: A template whose inputs have their values.
        values: The global and local tags.

    Raises:
        TemplateError: The substitution failed.
    """
    first: Object = replace(template, values)
    paths = {
        f"outputs.parameters.{item['name']}.path": item["valueFrom"]["path"]
        for item in (first.get("outputs") or {}).get("parameters") or ()
        if (item.get("valueFrom") or {}).get("path")
    }
    second: Object = replace(first, {**values, **input_values(first), **paths})
    return second
