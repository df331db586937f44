"""The workflows that Argo's controller and the local one both run: what a case is made of.

A case is data: a manifest, and what happens to it from outside. `/@DIR@` stands for a folder of the case's own, which
its processes and its actions share, `@NAME@` for the Workflow's name. The table is `contract.workflows_table`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

DIRECTORY: Final = "/@DIR@"
NAME: Final = "@NAME@"
IMAGE: Final = "python:3.12-slim"
GO: Final = f"until [ -e {DIRECTORY}/go ]; do sleep 0.02; done"
FOREVER: Final = "exec sleep 1000"

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Until:
    """Wait until a Workflow, or a node of it, is in a phase.

    Args:
        phase: The phase.
        node: The node's display name; empty for the Workflow itself.
        message: What the message has to begin with.
        of: What follows the case's own name in the Workflow's.
    """

    phase: str
    node: str = ""
    message: str = ""
    of: str = ""


@dataclass(frozen=True, slots=True)
class UntilFile:
    """Wait until a process has made a file."""

    name: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Wait until a Workflow is labelled as completed, and its last writes have been seen."""

    of: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """Wait until a Workflow has been deleted."""

    of: str = ""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Wait until a Workflow has not changed for two seconds."""


@dataclass(frozen=True, slots=True)
class Touch:
    """Make a file that a process waits for."""

    name: str = "go"


@dataclass(frozen=True, slots=True)
class Merge:
    """Apply a JSON merge patch."""

    patch: Object
    of: str = ""


@dataclass(frozen=True, slots=True)
class Another:
    """Create another Workflow of the same case.

    Args:
        of: What follows the case's own name in its name.
        spec: Fields of its spec that are other ones.
    """

    of: str
    spec: Object = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """Give the case's ConfigMap other data."""

    data: dict[str, str]


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a Workflow."""

    of: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """Do what `argo retry` does."""


@dataclass(frozen=True, slots=True)
class Resubmit:
    """Do what `argo resubmit` does; the new Workflow's name ends in `-again`."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Do what `argo resume` does."""


Action = (
    Until | UntilFile | Ended | Gone | Quiet | Touch | Merge | Another | Limits | Delete | Retry | Resubmit | Resume
)


@dataclass(frozen=True, slots=True)
class Case:
    """One workflow and what happens to it.

    Args:
        name: Unique; part of the Workflow's name.
        spec: The Workflow's spec.
        actions: What happens after its creation, in this order.
        metadata: Metadata besides the name.
        owned: Whether another Workflow, suspended, with `-owner` behind the name, is made first and owns it.
        limits: The data of a ConfigMap of the Workflow's name, which is made first; none for no ConfigMap.
        differs: Why the local controller's story is another one; empty for the same story.
    """

    name: str
    spec: Object
    actions: tuple[Action, ...] = (Ended(),)
    metadata: Object = field(default_factory=dict)
    owned: bool = False
    limits: dict[str, str] = field(default_factory=dict)
    differs: str = ""


def container(*command: str, name: str = "main", **template: Any) -> Object:
    return {"name": name, "container": {"image": IMAGE, "command": list(command)}, **template}


def shell(text: str, name: str = "main", **template: Any) -> Object:
    return container("sh", "-c", text, name=name, **template)


def script(text: str, name: str = "main", **template: Any) -> Object:
    return {"name": name, "script": {"image": IMAGE, "command": ["sh"], "source": text}, **template}


def spec(*templates: Object, **more: Any) -> Object:
    return {"entrypoint": templates[0]["name"], "templates": list(templates), **more}


def parameters(**values: Any) -> Object:
    return {"parameters": [{"name": name, "value": value} for name, value in values.items()]}


def inputs(*names: str) -> Object:
    return {"parameters": [{"name": name} for name in names]}


def output(name: str, **source: Any) -> Object:
    """Return outputs of one parameter that is read from the file of its name."""
    shown = {key: source.pop(key) for key in ("globalName",) if key in source}
    return {"parameters": [{"name": name, "valueFrom": {"path": f"{DIRECTORY}/{name}", **source}, **shown}]}


def printing(variable: str, text: str, name: str = "main") -> Object:
    """Return a template that writes a text to its output, by way of its environment."""
    template = shell(f'printf %s "${variable}" > {DIRECTORY}/out', name, outputs=output("out", globalName="out"))
    template["container"]["env"] = [{"name": variable, "value": text}]
    return template


def call(name: str, template: str = "", **more: Any) -> Object:
    return {"name": name, "template": template or name, **more}


def steps(*groups: list[Object], name: str = "main", **template: Any) -> Object:
    return {"name": name, "steps": list(groups), **template}


def dag(*tasks: Object, name: str = "main", **template: Any) -> Object:
    """Return a DAG template; `failFast` and `target` are the DAG's own."""
    own = {key: template.pop(key) for key in ("failFast", "target") if key in template}
    return {"name": name, "dag": {"tasks": list(tasks), **own}, **template}


def after(name: str, *needs: str, template: str = "", **more: Any) -> Object:
    return call(name, template, dependencies=list(needs), **more)
