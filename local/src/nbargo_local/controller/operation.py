"""One look at one workflow: what the operator's parts share while they decide what is to happen next."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from nbargo_local.controller.durations import read_stamp, stamp
from nbargo_local.controller.locks import Locks
from nbargo_local.controller.names import Object, pod_name
from nbargo_local.controller.parameters import as_list, by_name, global_values, process_template
from nbargo_local.controller.pods import PodSpec, PodStatus, integer
from nbargo_local.controller.templating import TemplateError, replace
from nbargo_local.controller.tree import ACTIVE, Node, Tree, output_parameters

STOP: Final = "Stop"


class ParallelismReachedError(Exception):
    """The limit of pods that may run at once is reached: look again later."""


@dataclass(frozen=True, slots=True)
class Call:
    """The execution of a template as a node.

    Args:
        name: The node's name.
        template: The template's name.
        arguments: The parameters handed over.
        boundary: The id of the Steps or DAG node that calls; empty for the workflow itself.
        caller: The tag of the call's name, `steps.name` or `tasks.name`; empty for the workflow itself.
        caller_name: The step's or task's name.
        exit_handler: Whether it is part of the exit handler, which a Stop lets run.
        flag: The node's nodeFlag.
    """

    name: str
    template: str
    arguments: list[Object] = field(default_factory=list)
    boundary: str = ""
    caller: str = ""
    caller_name: str = ""
    exit_handler: bool = False
    flag: Object | None = None


def _with_text_arguments(spec: Object) -> Object:
    arguments = spec.get("arguments") or {}
    if not arguments.get("parameters"):
        return spec
    return spec | {"arguments": arguments | {"parameters": as_list(arguments["parameters"])}}


Execute = Callable[["Operation", Call], Node | None]


class Operation:
    """A workflow's next state in the making; nothing outside of it changes.

    Args:
        workflow: The Workflow as it is stored; not changed.
        pods: Its pods, by node id.
        now: The present time.
        locks: The locks of all workflows; what this one asks for is taken at once.
    """

    def __init__(self, workflow: Object, pods: Mapping[str, PodStatus], now: datetime, locks: Locks) -> None:
        self.workflow = copy.deepcopy(workflow)
        self.status: Object = self.workflow.get("status") or {}
        self.spec: Object = self.workflow["spec"]
        self.pods = pods
        self.now = now
        self.locks = locks
        self.name: str = workflow["metadata"]["name"]
        self.tree = Tree(self.name, self.status.get("nodes") or {}, stamp(now))
        self.values: dict[str, str] = {}
        self.starts: list[PodSpec] = []
        self.stop_everything = False
        self.cut_short: set[str] = set()
        self.wake: datetime | None = None

    def load_values(self) -> None:
        """Work out the global tags, and replace them in the spec outside of its templates, as Argo stores it then.

        Raises:
            TemplateError: An argument has no value, or braces do not match.
        """
        self.values = global_values(self.workflow)
        rest = {key: value for key, value in self.spec.items() if key != "templates"}
        rest = replace(_with_text_arguments(rest), self.values)
        self.workflow["spec"] = {**self.spec, **rest}
        self.spec = {**rest, "templates": self.spec.get("templates") or []}
        started = read_stamp(self.status.get("startedAt")) or self.now
        self.values["workflow.status"] = self.status.get("phase") or ""
        self.values["workflow.duration"] = f"{(self.now - started).total_seconds():f}"

    @property
    def shutdown(self) -> str:
        """The shutdown strategy: `Stop`, `Terminate` or empty."""
        return self.spec.get("shutdown") or ""

    def may_run(self, *, exit_handler: bool) -> bool:
        """Tell whether the shutdown strategy lets a pod run.

        Args:
            exit_handler: Whether the pod belongs to the exit handler.
        """
        return not self.shutdown or (self.shutdown == STOP and exit_handler)

    @property
    def deadline(self) -> datetime | None:
        """When the workflow's activeDeadlineSeconds are over; None for never."""
        seconds = integer(self.spec.get("activeDeadlineSeconds"))
        started = read_stamp(self.status.get("startedAt"))
        return None if seconds is None or started is None else started + timedelta(seconds=seconds)

    @property
    def overdue(self) -> bool:
        """Whether the workflow's deadline has passed."""
        return self.deadline is not None and self.now >= self.deadline

    def is_cut_short(self, node: Node) -> bool:
        """Tell whether a shutdown or the deadline ended a node, or its last attempt, at this very look.

        For Argo it has not ended yet: what depends on it is not looked at before the next time.
        """
        attempts = self.tree.attempts(node) if node["type"] == "Retry" else []
        return bool(self.cut_short & {each["id"] for each in (node, *attempts)})

    def wake_at(self, when: datetime) -> None:
        """Have the workflow looked at again at a time, or earlier.

        Args:
            when: The time.
        """
        self.wake = when if self.wake is None else min(self.wake, when)

    def template(self, name: str) -> Object:
        """Return the template of a name.

        Raises:
            TemplateError: There is none.
        """
        found = by_name(self.spec.get("templates"), name)
        if found is None:
            raise TemplateError(f"template {name} not found")
        return found

    def retry_strategy(self, template: Object) -> Object | None:
        """Return the retry strategy that holds for a template; the workflow's, if it has none of its own."""
        own: Object | None = template.get("retryStrategy")
        return own if own is not None else self.spec.get("retryStrategy")

    def pod_name(self, node: str, template: str) -> str:
        """Return the name of the pod of a node."""
        return pod_name(self.name, node, template)

    def process(self, call: Call) -> Object:
        """Return the template of a call with its inputs and tags filled in.

        Args:
            call: The call.

        Raises:
            TemplateError: That is not possible.
        """
        template = self.template(call.template)
        local = {"node.name": call.name}
        if call.caller:
            local[call.caller] = call.caller_name
        if self.retry_strategy(template) is None:  # with retries, each attempt has a pod name of its own
            local["pod.name"] = self.pod_name(call.name, call.template)
        return process_template(template, call.arguments, {**self.values, **local})

    def new_node(self, call: Call, kind: str, phase: str, template: Object) -> Node:
        """Add the node of a call.

        Args:
            call: The call.
            kind: The node's type.
            phase: Its phase.
            template: The processed template, whose inputs the node shows.
        """
        node = self.tree.add(call.name, kind, phase, template=call.template, boundary=call.boundary, flag=call.flag)
        if (template.get("inputs") or {}).get("parameters"):
            node["inputs"] = copy.deepcopy(template["inputs"])
        return node

    def fail_call(self, call: Call, message: str) -> Node:
        """Give a call that cannot be made its node, in phase Error.

        Args:
            call: The call.
            message: Why.
        """
        node = self.tree.get(call.name)
        if node is not None:
            return self.tree.mark(node, "Error", message)
        return self.tree.add(
            call.name,
            "Skipped",
            "Error",
            template=call.template,
            boundary=call.boundary,
            flag=call.flag,
            message=message,
        )

    def active_pods(self, boundary: str = "") -> int:
        """Count the pods that run or wait to.

        Args:
            boundary: Only those of this Steps or DAG node; empty for all.
        """
        started = {each.node_id for each in self.starts} | self.pods.keys()
        return sum(
            each["type"] == "Pod"
            and each["phase"] in ACTIVE
            and each["id"] in started
            and (not boundary or each.get("boundaryID") == boundary)
            for each in self.tree.nodes.values()
        )

    def publish(self, node: Node) -> None:
        """Make a node's outputs that have a globalName the workflow's.

        Args:
            node: The node.
        """
        for item in output_parameters(node):
            name, value = item.get("globalName"), item.get("value")
            if not name:
                continue
            shown = self.status.setdefault("outputs", {}).setdefault("parameters", [])
            known = by_name(shown, name)
            if known is None:
                known = {"name": name}
                shown.append(known)
            if value is not None:
                known["value"] = value
                self.values[f"workflow.outputs.parameters.{name}"] = value
