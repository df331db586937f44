"""Which pods a Workflow comes to, read from its manifest, and the programs of its scripts as Argo would start them.

It reads as much of Argo's language as notebook jobs use: an entrypoint that is a container, a script or a list of
steps; conditions that compare the steps' ends; and a script's inputs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_ENDED = re.compile(r"\{\{steps\.([\w-]+)\.status\}\}\s*(==|!=)\s*(\w+)")
_INPUT = re.compile(r"\{\{inputs\.parameters\.([\w-]+)\}\}")
SUCCEEDED = "Succeeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One pod of a Workflow.

    Attributes:
        name: The step's name.
        template: The template, a container or a script.
        inputs: The values of its parameters.
    """

    name: str
    template: Mapping[str, Any]
    inputs: Mapping[str, str] = field(default_factory=dict)

    def program(self) -> str:
        """Return the script's text with its inputs in it.

        Raises:
            KeyError: It is no script, or an input has no value.
        """
        return _INPUT.sub(lambda found: self.inputs[found[1]], self.template["script"]["source"])


def pods(manifest: Mapping[str, Any], ends: Mapping[str, str] | None = None) -> list[Pod]:
    """Return a run's pods in their order.

    Args:
        manifest: A Workflow, or a CronWorkflow, of which one run is meant.
        ends: How steps end, by name; one that is not named succeeds.

    Raises:
        ValueError: A condition or a template is of a kind that is not known here.
    """
    spec = manifest["spec"].get("workflowSpec") or manifest["spec"]
    templates = {template["name"]: template for template in spec["templates"]}
    entry = templates[spec["entrypoint"]]
    if "steps" not in entry:
        return [_pod({"name": entry["name"]}, entry)]
    steps = [step for group in entry["steps"] for step in group]
    chosen = [step for step in steps if holds(step.get("when", ""), ends or {})]
    return [_pod(step, templates[step["template"]]) for step in chosen]


def holds(condition: str, ends: Mapping[str, str]) -> bool:
    """Return whether a step's condition is met; an empty one is.

    Args:
        condition: Comparisons of steps' statuses, joined by && and ||.
        ends: As in `pods`.

    Raises:
        ValueError: It is of another kind.
    """
    return not condition or any(
        all(_compares(part.strip(), ends) for part in alternative.split("&&")) for alternative in condition.split("||")
    )


def _compares(text: str, ends: Mapping[str, str]) -> bool:
    found = _ENDED.fullmatch(text)
    if found is None:
        raise ValueError(f"no comparison of a step's status: {text}")
    return (ends.get(found[1], SUCCEEDED) == found[3]) == (found[2] == "==")


def _pod(step: Mapping[str, Any], template: Mapping[str, Any]) -> Pod:
    if not {"container", "script"} & template.keys():
        raise ValueError(f"the template {template['name']} is no pod")
    defaults = {each["name"]: each["default"] for each in _parameters(template.get("inputs")) if "default" in each}
    given = {each["name"]: each["value"] for each in _parameters(step.get("arguments"))}
    return Pod(name=step["name"], template=template, inputs=defaults | given)


def _parameters(holder: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    return list((holder or {}).get("parameters") or ())
