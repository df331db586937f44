"""Pods as the operator sees them: what to run, and what became of it; and how a template becomes one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from nbargo_local.controller.names import WORKFLOW_LABEL, Object
from nbargo_local.controller.parameters import text_of
from nbargo_local.controller.templating import TemplateError

PodPhase = Literal["Pending", "Running", "Succeeded", "Failed", "Error"]

HOST: Final = "local"
"""The name of the one node that there is."""

_REFERENCE: Final = re.compile(r"\$\$|\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")
_METADATA_KEY: Final = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


@dataclass(frozen=True, slots=True)
class Output:
    """One output parameter that is read from a file when the process has ended.

    Args:
        name: The parameter's name.
        path: The file.
        default: What to use when it cannot be read; None for nothing.
        global_name: The workflow's output that it becomes too; empty for none.
    """

    name: str
    path: str
    default: str | None
    global_name: str


@dataclass(frozen=True, slots=True)
class PodSpec:
    """What to run.

    Args:
        uid: The Workflow's uid.
        node_id: The node's id; with `uid` the pod's key.
        workflow: The Workflow's name.
        name: The pod's name.
        command: The program and its arguments, without the script's file.
        env: The template's environment.
        working_dir: Where it starts; empty for a directory of its own.
        source: A script's text, whose file becomes the last argument; None for a container.
        outputs: What to read when it has ended.
        deadline: How many seconds it may run; None for no limit.
        kill_at: When it is stopped at the latest, for a retry's maxDuration; None for never.
    """

    uid: str
    node_id: str
    workflow: str
    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    working_dir: str = ""
    source: str | None = None
    outputs: tuple[Output, ...] = ()
    deadline: int | None = None
    kill_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PodStatus:
    """What became of a pod.

    Args:
        phase: Its phase; `Error` is a failure of what surrounds the process, such as an output that is missing.
        message: Why, if there is a reason to give.
        exit_code: The process's, 128 and the signal's number when a signal ended it; None as long as it runs.
        finished_at: When it ended, as metav1.Time; empty as long as it runs.
        outputs: The output parameters as Argo writes them to the node.
    """

    phase: PodPhase
    message: str = ""
    exit_code: int | None = None
    finished_at: str = ""
    outputs: tuple[Object, ...] = ()

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.phase in {"Pending", "Running"}


def integer(value: object) -> int | None:
    """Return a number that a manifest may give as a string too.

    Args:
        value: The field; None for absent.

    Raises:
        TemplateError: It is no number.
    """
    if value is None:
        return None
    try:
        return int(text_of(value))
    except ValueError as error:
        raise TemplateError(f"value '{value}' cannot be resolved to an int") from error


def expand(text: str, env: Mapping[str, str]) -> str:
    """Return a text with Kubernetes' `$(NAME)` references replaced; `$$` stands for one `$`.

    Args:
        text: A command's word, an argument or a variable's value.
        env: The variables that are known so far; what is not among them stays as it is.
    """

    def one(match: re.Match[str]) -> str:
        return "$" if match[1] is None else env.get(match[1], match[0])

    return _REFERENCE.sub(one, text)


def _field(path: str, metadata: Object) -> str:
    if found := _METADATA_KEY.fullmatch(path):
        return str(metadata[found[1]].get(found[2], ""))
    return str(metadata[path.removeprefix("metadata.")])


def _environment(variables: list[Object], metadata: Object) -> dict[str, str]:
    env: dict[str, str] = {}
    for variable in variables:
        source = (variable.get("valueFrom") or {}).get("fieldRef")
        if source:
            env[variable["name"]] = _field(source["fieldPath"], metadata)
        else:
            env[variable["name"]] = expand(text_of(variable.get("value") or ""), env)
    return env


def _outputs(template: Object) -> tuple[Output, ...]:
    declared = (template.get("outputs") or {}).get("parameters") or ()
    return tuple(
        Output(
            name=item["name"],
            path=item["valueFrom"]["path"],
            default=None if (default := item["valueFrom"].get("default")) is None else text_of(default),
            global_name=item.get("globalName") or "",
        )
        for item in declared
        if (item.get("valueFrom") or {}).get("path")
    )


def _metadata(workflow: Object, template: Object, *, name: str, node: str) -> Object:
    spec = workflow["spec"].get("podMetadata") or {}
    own = template.get("metadata") or {}
    labels = {WORKFLOW_LABEL: workflow["metadata"]["name"], "workflows.argoproj.io/completed": "false"}
    return {
        "name": name,
        "namespace": workflow["metadata"].get("namespace", ""),
        "uid": f"{workflow['metadata']['uid']}-{node}",
        "labels": labels | (spec.get("labels") or {}) | (own.get("labels") or {}),
        "annotations": (spec.get("annotations") or {}) | (own.get("annotations") or {}),
    }


def pod_of(
    workflow: Object,
    template: Object,
    *,
    node: str,
    name: str,
    kill_at: datetime | None = None,
) -> PodSpec:
    """Return the pod of a container or script template.

    Args:
        workflow: The Workflow.
        template: The processed template.
        node: The node's id.
        name: The pod's name.
        kill_at: When it has to end at the latest; None for no such time.

    Raises:
        TemplateError: A number of the template is none.
    """
    container = template.get("container") or template["script"]
    metadata = _metadata(workflow, template, name=name, node=node)
    env = _environment(container.get("env") or [], metadata)
    words = [*container["command"], *(container.get("args") or ())]
    return PodSpec(
        uid=workflow["metadata"]["uid"],
        node_id=node,
        workflow=workflow["metadata"]["name"],
        name=name,
        command=tuple(expand(text_of(word), env) for word in words),
        env=env,
        working_dir=container.get("workingDir") or "",
        source=container.get("source") or None,
        outputs=_outputs(template),
        deadline=integer(template.get("activeDeadlineSeconds")),
        kill_at=kill_at,
    )
