"""What Argo asks of a pod, and what it expects to hear of it: pure functions, no I/O.

Read in argo-workflows 3.7 (cmd/argoexec, workflow/executor, workflow/controller/workflowpod.go):
the init container holds the template in ARGO_TEMPLATE and stages a script's source, the main
container's command is wrapped in ``argoexec emissary ... --``, and the wait container reports the
outputs in a WorkflowTaskResult named by the node id.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREFIX = "workflows.argoproj.io/"
REPORTED = PREFIX + "report-outputs-completed"
STAGED_SCRIPT = "/argo/staging/script"
TEMPLATE_VARIABLE = "ARGO_TEMPLATE"
RESULT_VARIABLE = "ARGO_INCLUDE_SCRIPT_OUTPUT"
# argoexec's own failure, as opposed to that of the program that it runs.
EXIT_EXECUTOR_ERROR = 64
# Where the main container's emissary leaves copies of the output files, and the wait container looks for them.
COPIED_OUTPUTS = "/var/run/argo/outputs/parameters"
SIGNAL_EXIT_BASE = 128
DEFAULT_GRACE_SECONDS = 30
# The kubelet's words for a pod that ran longer than its activeDeadlineSeconds.
DEADLINE_MESSAGE = "Pod was active on the node longer than the specified deadline"
KNOWN_CONTAINERS = {"main", "wait"}

# The keys of a variable's source, and the collections that they refer to.
REFERENCE_KINDS = {"secretKeyRef": "secrets", "configMapKeyRef": "configmaps"}
# As these, of objects whose keys all become variables.
WHOLE_KINDS = {"secretRef": "secrets", "configMapRef": "configmaps"}

Pod = dict[str, Any]
Reference = tuple[str, str]


class UnplayableError(Exception):
    """The pod asks for something that a process node cannot do."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a pod ended.

    Args:
        exit_code: The main container's.
        started: When the main container was started.
        finished: When it ended.
        executor_error: Why the outputs could not be reported, or empty; the wait container's message.
        start_error: Why the program could not be started, or empty; the main container's message.
        reason: The kubelet's reason for ending the pod itself, or empty.
        message: The kubelet's message, or empty.
        main_reason: The runtime's reason for the main container's end, or empty for the usual one.
    """

    exit_code: int
    started: str
    finished: str
    executor_error: str = ""
    start_error: str = ""
    reason: str = ""
    message: str = ""
    main_reason: str = ""


def now() -> str:
    """Return the time as Kubernetes writes it: UTC in whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def node_id(pod: Pod) -> str:
    """Return the id of the workflow node that the pod plays."""
    value: str = pod["metadata"]["annotations"][PREFIX + "node-id"]
    return value


def is_argo(pod: Pod) -> bool:
    """Tell whether Argo's controller made the pod."""
    return PREFIX + "node-id" in (pod["metadata"].get("annotations") or {})


def is_ended(pod: Pod) -> bool:
    """Tell whether the pod reached a final phase."""
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def grace_seconds(pod: Pod) -> float:
    """Return how long the pod may go on after SIGTERM, in seconds."""
    deletion = pod["metadata"].get("deletionGracePeriodSeconds")
    if deletion is not None:
        return float(deletion)
    return float(pod["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS))


def main_container(pod: Pod) -> dict[str, Any]:
    """Return the main container.

    Raises:
        UnplayableError: The pod has containers that a process node does not play.
    """
    containers = {container["name"]: container for container in pod["spec"]["containers"]}
    if unknown := containers.keys() - KNOWN_CONTAINERS:
        raise UnplayableError(f"the process node plays no container named {sorted(unknown)}")
    if "main" not in containers:
        raise UnplayableError("the process node plays only pods with a main container")
    main: dict[str, Any] = containers["main"]
    return main


def template_text(pod: Pod) -> str:
    """Return the template's JSON, which the init container gets."""
    for container in pod["spec"].get("initContainers", ()):
        for variable in container.get("env", ()):
            if variable["name"] == TEMPLATE_VARIABLE:
                text: str = variable["value"]
                return text
    raise UnplayableError("the pod has no init container with a template")


def wants_result(pod: Pod) -> bool:
    """Tell whether Argo asked for what the main container prints."""
    variables = main_container(pod).get("env", ())
    return {"name": RESULT_VARIABLE, "value": "true"} in variables


def references(pod: Pod) -> set[Reference]:
    """Return the Secrets and ConfigMaps that the main container's variables come from."""
    container = main_container(pod)
    sources = [*container.get("envFrom", ()), *(each.get("valueFrom", {}) for each in container.get("env", ()))]
    kinds = {**REFERENCE_KINDS, **WHOLE_KINDS}
    return {(kind, source[key]["name"]) for source in sources for key, kind in kinds.items() if key in source}


def environment(pod: Pod, referred: Mapping[Reference, Mapping[str, str]]) -> dict[str, str]:
    """Return the variables that the main container declares; ``$(NAME)`` stands for these only.

    Args:
        pod: The pod.
        referred: The data of the objects that the variables refer to.

    Raises:
        UnplayableError: A variable comes from a source that is not known here.
    """
    container = main_container(pod)
    values: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        for key, kind in WHOLE_KINDS.items():
            data = referred[kind, source[key]["name"]] if key in source else {}
            values |= {f"{source.get('prefix', '')}{name}": value for name, value in data.items()}
    for variable in container.get("env", ()):
        if "valueFrom" in variable:
            value = _value_from(pod, variable["valueFrom"], referred)
            values |= {} if value is None else {variable["name"]: value}
        else:
            values[variable["name"]] = expand(variable.get("value", ""), values)
    return values


def _value_from(pod: Pod, source: dict[str, Any], referred: Mapping[Reference, Mapping[str, str]]) -> str | None:
    for key, kind in REFERENCE_KINDS.items():
        if key in source:
            data, wanted = referred[kind, source[key]["name"]], source[key]["key"]
            if wanted not in data and not source[key].get("optional"):
                raise UnplayableError(f"there is no key {wanted} in {source[key]['name']} of the {kind}")
            return data.get(wanted)
    path: str = source.get("fieldRef", {}).get("fieldPath", "")
    if path in {"metadata.name", "metadata.uid", "metadata.namespace"}:
        value: str = pod["metadata"][path.removeprefix("metadata.")]
        return value
    raise UnplayableError(f"the process node knows no such source of a value: {source}")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace ``$(NAME)`` as Kubernetes does: unknown names stay, ``$$`` is one dollar sign."""

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return variables.get(match[1], match[0])

    return re.sub(r"\$\$|\$\(([-._a-zA-Z0-9]+)\)", replace, text)


def command(pod: Pod, script: Path, variables: Mapping[str, str]) -> list[str]:
    """Return the main container's own command line, without Argo's wrapper.

    Args:
        pod: The pod.
        script: The file that stands for the staged script.
        variables: Those that the container declares.
    """
    container = main_container(pod)
    words = [*container["command"], *container.get("args", ())]
    own = words[words.index("--") + 1 :]
    return [str(script) if word == STAGED_SCRIPT else expand(word, variables) for word in own]


def start_error(name: str, path: str) -> str:
    """Return why argoexec does not start a program, or an empty text: what Go's exec.LookPath says.

    Args:
        name: The first word of the command.
        path: The container's PATH.
    """
    if "/" not in name:
        if shutil.which(name, path=path):
            return ""
        return f'failed to find name in PATH: exec: "{name}": executable file not found in $PATH'
    try:
        mode = Path(name).stat().st_mode
    except OSError as error:
        reason = f"stat {name}: {(error.strerror or str(error)).lower()}"
    else:
        if mode & 0o111 and not stat.S_ISDIR(mode):
            return ""
        reason = "is a directory" if stat.S_ISDIR(mode) else "permission denied"
    return f'failed to find name in PATH: exec: "{name}": {reason}'


def exit_code(returncode: int) -> int:
    """Return a container's exit code for that of a process: 128 plus the signal that ended it."""
    return returncode if returncode >= 0 else SIGNAL_EXIT_BASE - returncode


def outputs(
    template: dict[str, Any], read: Callable[[str], str | None], result: str | None
) -> tuple[dict[str, Any], str]:
    """Return a template's outputs with their values, and what is missing.

    Args:
        template: The template as JSON.
        read: Returns a file's text, or None if there is none.
        result: What the main container printed, if Argo asked for it.

    Returns:
        The outputs, and the executor's error (empty if there is none). After an error Argo's
        executor goes on and reports the outputs without the values that it did not get to.
    """
    report: dict[str, Any] = dict(template.get("outputs", {}))
    if result is not None:
        report["result"] = result.removesuffix("\n")
    parameters: list[dict[str, Any]] = []
    error = ""
    for parameter in report.get("parameters", ()):
        source = parameter.get("valueFrom", {})
        if error or "path" not in source:
            parameters.append(parameter)
            continue
        value = read(source["path"])
        if value is None:
            value = source.get("default")
        if value is None:
            copied = posixpath.normpath(f"{COPIED_OUTPUTS}/{source['path']}")
            error = f"open {copied}: no such file or directory"
            parameters.append(parameter)
            continue
        parameters.append({**parameter, "value": str(value).removesuffix("\n")})
    if parameters:
        report["parameters"] = parameters
    return report, error


def read_text(path: str | Path) -> str | None:
    """Return a file's text, or None if there is no such file."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def task_result(pod: Pod) -> dict[str, Any]:
    """Return the WorkflowTaskResult that the wait container writes when it starts."""
    owner = next(
        {key: reference[key] for key in ("apiVersion", "kind", "name", "uid")}
        for reference in pod["metadata"]["ownerReferences"]
        if reference["kind"] == "Workflow"
    )
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTaskResult",
        "metadata": {
            "name": node_id(pod),
            "labels": {
                PREFIX + "workflow": pod["metadata"]["labels"][PREFIX + "workflow"],
                REPORTED: "false",
            },
            "ownerReferences": [owner],
        },
    }


def running_status(started: str) -> dict[str, Any]:
    """Return the status of a pod whose containers run."""
    state = {"running": {"startedAt": started}}
    return {
        "phase": "Running",
        "startTime": started,
        "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": started}
            for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
        ],
        "initContainerStatuses": [_container("init", _terminated(0, started, started))],
        "containerStatuses": [
            _container("main", state, ready=True),
            _container("wait", state, ready=True),
        ],
    }


def ended_status(ending: Ending) -> dict[str, Any]:
    """Return the status of a pod whose containers have ended."""
    times = ending.started, ending.finished
    wait_code = EXIT_EXECUTOR_ERROR if ending.executor_error else 0
    failed = bool(ending.exit_code or wait_code or ending.reason)
    status: dict[str, Any] = {
        "phase": "Failed" if failed else "Succeeded",
        "containerStatuses": [
            _container(
                "main",
                _terminated(ending.exit_code, *times, message=ending.start_error, reason=ending.main_reason),
            ),
            _container("wait", _terminated(wait_code, *times, message=ending.executor_error)),
        ],
    }
    if ending.reason:
        status |= {"reason": ending.reason, "message": ending.message}
    return status


def _container(name: str, state: dict[str, Any], *, ready: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "state": state,
        "ready": ready,
        "restartCount": 0,
        "image": "process",
        "imageID": "",
    }


def _terminated(code: int, started: str, finished: str, *, message: str = "", reason: str = "") -> dict[str, Any]:
    state = {
        "exitCode": code,
        "reason": reason or ("Error" if code else "Completed"),
        "startedAt": started,
        "finishedAt": finished,
    }
    if message:
        state["message"] = message
    return {"terminated": state}
