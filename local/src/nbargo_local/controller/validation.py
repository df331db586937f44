"""The checks that Argo makes of a specification before it runs it (workflow/validate of 3.7); the texts are Argo's.

A specification that fails one ends in phase Failed with `invalid spec: ` before the text. What the local controller
refuses on its own account is another matter, and another module: `support`.
"""

import re
from collections.abc import Iterable
from typing import Final

from nbargo_local.controller.depends import condition_of, names_in
from nbargo_local.controller.names import Object
from nbargo_local.controller.parameters import by_name, global_values, process_template, text_of
from nbargo_local.controller.steps import step_groups
from nbargo_local.controller.templating import TemplateError, dump, each_tag

_TYPES: Final = ["container", "containerSet", "steps", "script", "resource", "dag", "suspend", "data", "http", "plugin"]
_CHOICES: Final = "container, containerSet, steps, script, resource, dag, suspend, template, template ref"
_CHECKED_FAMILIES: Final = ("item.", "steps.", "inputs.", "outputs.", "pod.", "workflow.", "tasks.")
_FREE_FAMILIES: Final = (
    "outputs.",
    "workflow.creationTimestamp",
    "workflow.scheduledTime",
    "workflow.duration",
    "tasks.name",
    "steps.name",
    "node.name",
)
_LOCAL: Final = frozenset({"pod.name", "workflow.status"})
_RETRY_TAGS: Final = ["retries", "lastRetry.exitCode", "lastRetry.status", "lastRetry.duration", "lastRetry.message"]
_RETRY_POLICIES: Final = frozenset({"", "Always", "OnError", "OnFailure", "OnTransientError"})
_POD_GC: Final = frozenset({"", "OnPodCompletion", "OnPodSuccess", "OnWorkflowCompletion", "OnWorkflowSuccess"})
_FIELD_NAME: Final = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
_PARAMETER_NAME: Final = re.compile(r"[-a-zA-Z0-9_]+")
_FIELD_RULE: Final = (
    "name must consist of alpha-numeric characters or '-', and must start with an alpha-numeric character "
    "(e.g. My-name1-2, 123-NAME)"
)
_PARAMETER_RULE: Final = (
    "Parameter/Artifact name must consist of alpha-numeric characters, '_' or '-' e.g. my_param_1, MY-PARAM-1"
)
_LONGEST_NAME: Final = 63  # a label value's limit; the name becomes a label of the pods


class InvalidSpecError(Exception):
    """The specification is not valid; the text is Argo's, without `invalid spec: `."""


def _check_names(path: str, items: Iterable[Object], *, parameters: bool) -> None:
    pattern, rule = (_PARAMETER_NAME, _PARAMETER_RULE) if parameters else (_FIELD_NAME, _FIELD_RULE)
    seen: set[str] = set()
    for index, item in enumerate(items):
        name = item.get("name") or ""
        if not name:
            raise InvalidSpecError(f"{path}[{index}].name is required")
        if not pattern.fullmatch(name):
            raise InvalidSpecError(f"{path}[{index}].name: '{name}' is invalid: {rule}")
        if name in seen:
            raise InvalidSpecError(f"{path}[{index}].name '{name}' is not unique")
        seen.add(name)


def _check_arguments(prefix: str, arguments: Object | None) -> None:
    parameters = (arguments or {}).get("parameters") or []
    _check_names(f"{prefix}parameters", parameters, parameters=True)
    for item in parameters:
        name = prefix + item["name"]
        if item.get("value") is None:
            raise InvalidSpecError(f"{name}.value or {name}.valueFrom is required")
        if item.get("enum") and text_of(item["value"]) not in map(text_of, item["enum"]):
            raise InvalidSpecError(f"{name}.value should be present in {name}.enum list")


class _Validator:
    """The templates of one workflow, each checked once.

    Args:
        workflow: The Workflow.
    """

    def __init__(self, workflow: Object) -> None:
        self._spec: Object = workflow["spec"]
        self._values = global_values(workflow)
        self._done: set[str] = set()

    def template(self, name: str, arguments: list[Object] | None, *, any_arguments: bool = False) -> Object:
        """Check a template as a call would use it.

        Args:
            name: Its name.
            arguments: What the call hands over.
            any_arguments: Whether to take it that the call hands over whatever the template wants.
        """
        template = by_name(self._spec.get("templates"), name)
        if template is None:
            raise InvalidSpecError(f"template name '{name}' undefined")
        policy = (template.get("retryStrategy") or {}).get("retryPolicy") or ""
        if policy not in _RETRY_POLICIES:
            raise InvalidSpecError(f"{policy} is not a valid RetryPolicy")
        self._check_type(template)
        declared = (template.get("inputs") or {}).get("parameters") or []
        _check_names(f"templates.{name}.inputs.parameters", declared, parameters=True)
        if any_arguments:
            arguments = [{"name": item["name"], "value": "placeholder"} for item in declared]
        try:
            processed = process_template(template, arguments, self._local_values(template) | self._values)
        except TemplateError as error:
            raise InvalidSpecError(f"templates.{name} {error}") from error
        if name not in self._done:
            self._done.add(name)
            self._body(processed)
        return template

    def allow(self, tag: str) -> None:
        """Let the templates that are checked from now on use a tag that has its value later."""
        self._values[tag] = "placeholder"

    @staticmethod
    def _check_type(template: Object) -> None:
        kinds = sum(template.get(kind) is not None for kind in _TYPES)
        if not kinds:
            raise InvalidSpecError(f"template '{template['name']}' type is unknown")
        if kinds > 1:
            what = f"multiple template types specified. choose one of: {_CHOICES}"
            raise InvalidSpecError(f"templates.{template['name']} {what}")

    @staticmethod
    def _local_values(template: Object) -> dict[str, str]:
        names = ["pod.name"] + (_RETRY_TAGS if template.get("retryStrategy") is not None else [])
        return dict.fromkeys(names, "placeholder")

    def _body(self, template: Object) -> None:
        if template.get("steps") is not None:
            scope = self._steps(template)
        elif template.get("dag") is not None:
            scope = self._dag(template)
        else:
            scope = self._leaf(template)
        self._check_outputs(template, scope)

    def _resolve(self, path: str, value: object, scope: set[str]) -> None:
        """Check that a tag of one of Argo's families has a value; other tags are nobody's business."""

        def one(tag: str) -> str:
            name = tag.strip()
            known = name in scope or name in self._values or name in _LOCAL or name.startswith(_FREE_FAMILIES)
            if name.startswith(_CHECKED_FAMILIES) and not known:
                raise InvalidSpecError(f"{path} failed to resolve {{{{{tag}}}}}")
            return ""

        try:
            each_tag(dump(value), one)
        except TemplateError as error:
            raise InvalidSpecError(f"{path} {error}") from error

    @staticmethod
    def _inputs(template: Object) -> set[str]:
        declared = (template.get("inputs") or {}).get("parameters") or []
        return {f"inputs.parameters.{item['name']}" for item in declared} | {"inputs.parameters"}

    def _leaf(self, template: Object) -> set[str]:
        path, scope = f"templates.{template['name']}", self._inputs(template)
        self._resolve(f"{path}:", template, scope)
        for kind in ("container", "script"):
            if template.get(kind) is not None and not template[kind].get("image"):
                raise InvalidSpecError(f"{path}.{kind}.image may not be empty")
        mounts: dict[str, str] = {}
        for index, mount in enumerate((template.get("container") or {}).get("volumeMounts") or ()):
            where = mount.get("mountPath")
            if where in mounts:
                name = f"{path}.container.volumeMounts[{index}].mountPath"
                raise InvalidSpecError(f"{name} '{where}' already mounted in container.volumeMounts.{mounts[where]}")
            mounts[where] = mount.get("name", "")
        seconds = template.get("activeDeadlineSeconds")
        if seconds is not None and not re.fullmatch(r"\d+|\{\{.*\}\}|placeholder", text_of(seconds)):
            raise InvalidSpecError(f"{path}.activeDeadlineSeconds must be a positive integer > 0 or an argo variable")
        if template.get("parallelism") is not None:
            raise InvalidSpecError(f"{path}.parallelism is only valid for steps and dag templates")
        return scope

    @staticmethod
    def _check_no_deadline(template: Object) -> None:
        if template.get("activeDeadlineSeconds") is not None:
            name = f"templates.{template['name']}.activeDeadlineSeconds"
            raise InvalidSpecError(f"{name} is only valid for leaf templates")

    def _steps(self, template: Object) -> set[str]:
        self._check_no_deadline(template)
        path, scope = f"templates.{template['name']}.steps", self._inputs(template)
        seen: set[str] = set()
        for index, group in enumerate(step_groups(template)):
            for step in group:
                name = step.get("name") or ""
                if not name:
                    raise InvalidSpecError(f"{path}[{index}].name is required")
                if name in seen:
                    raise InvalidSpecError(f"{path}[{index}].name '{name}' is not unique")
                if not _FIELD_NAME.fullmatch(name):
                    raise InvalidSpecError(f"{path}[{index}].name '{name}' is invalid: {_FIELD_RULE}")
                seen.add(name)
                self._call(f"{path}[{index}].{name}", step)
                self._resolve(path, step, scope | {f"steps.{name}.status"})
            for step in group:
                scope |= self._offered(f"steps.{step['name']}", step)
        return scope

    def _dag(self, template: Object) -> set[str]:
        self._check_no_deadline(template)
        name, tasks = template["name"], template["dag"].get("tasks") or []
        if not tasks:
            raise InvalidSpecError(f"templates.{name} must have at least one task")
        _check_names(f"templates.{name}.tasks", tasks, parameters=False)
        needs = self._needs(name, {task["name"]: task for task in tasks})
        offered = {task["name"]: self._offered(f"tasks.{task['name']}", task) for task in tasks}
        for target in (template["dag"].get("target") or "").split():
            if target not in needs:
                raise InvalidSpecError(f"templates.{name}.targets: target '{target}' is not defined")
        for task in tasks:
            path = f"templates.{name}.tasks.{task['name']}"
            self._call(path, task)
            scope = self._inputs(template).union(*(offered[each] for each in _ancestors(task["name"], needs)))
            self._resolve(path, task, scope)
        return self._inputs(template).union(*offered.values())

    @staticmethod
    def _needs(name: str, tasks: dict[str, Object]) -> dict[str, list[str]]:
        needs: dict[str, list[str]] = {}
        uses_depends = any(task.get("depends") for task in tasks.values())
        for task in tasks.values():
            path = f"templates.{name}.tasks.{task['name']}"
            if uses_depends and task.get("dependencies"):
                raise InvalidSpecError(
                    f"templates.{name} cannot use both 'depends' and 'dependencies' in the same DAG template"
                )
            try:
                needs[task["name"]] = names_in(condition_of(task, tasks))
            except TemplateError as error:
                raise InvalidSpecError(f"{path} {error}") from error
            for need in needs[task["name"]]:
                if need not in tasks:
                    raise InvalidSpecError(f"templates.{name} sorting failed: invalid dependency {need}")
        if any(each in _ancestors(each, needs) for each in needs):
            raise InvalidSpecError(f"templates.{name} sorting failed: graph with cycle")
        return needs

    def _call(self, path: str, call: Object) -> None:
        """Check what a step or task calls: first as if it handed over anything, then with what it does hand over."""
        _check_arguments(f"{path}.arguments.", call.get("arguments"))
        name = call.get("template") or ""
        try:
            self.template(name, None, any_arguments=True)
            self.template(name, (call.get("arguments") or {}).get("parameters"))
        except InvalidSpecError as error:
            raise InvalidSpecError(f"{path} {error}") from error

    def _offered(self, prefix: str, call: Object) -> set[str]:
        """Return the tags that a step or task offers, and make its global outputs known."""
        called = by_name(self._spec.get("templates"), call.get("template") or "") or {}
        facts = ("id", "startedAt", "finishedAt", "hostNodeName", "status", "exitCode")
        offered = {f"{prefix}.{fact}" for fact in facts}
        for item in (called.get("outputs") or {}).get("parameters") or ():
            offered.add(f"{prefix}.outputs.parameters.{item.get('name')}")
            if item.get("globalName"):
                self._values.setdefault(f"workflow.outputs.parameters.{item['globalName']}", "placeholder")
        return offered

    def _check_outputs(self, template: Object, scope: set[str]) -> None:
        path = f"templates.{template['name']}.outputs"
        parameters = (template.get("outputs") or {}).get("parameters") or []
        _check_names(f"{path}.parameters ", parameters, parameters=True)
        self._resolve(path, parameters, scope)
        for item in parameters:
            _check_output(f"{path}.parameters.{item['name']}", template, item)


def _check_output(path: str, template: Object, item: Object) -> None:
    source = item.get("valueFrom")
    if item.get("value") is not None:
        if source:
            raise InvalidSpecError(f"{path} has both valueFrom and value specified. Choose one.")
        return
    if source is None:
        raise InvalidSpecError(f"{path} does not have valueFrom or value specified")
    flow = template.get("steps") is not None or template.get("dag") is not None
    kind = next(kind for kind in _TYPES if template.get(kind) is not None).capitalize().replace("Dag", "DAG")
    if flow and not source.get("parameter"):
        raise InvalidSpecError(f"{path}.parameter or expression must be specified for {kind} templates")
    if not flow and not source.get("path"):
        raise InvalidSpecError(f"{path}.path must be specified for {kind} templates")
    if item.get("globalName") and not _PARAMETER_NAME.fullmatch(item["globalName"]) and "{{" not in item["globalName"]:
        raise InvalidSpecError(f"{path}.globalName: {_PARAMETER_RULE}")


def _ancestors(task: str, needs: dict[str, list[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(needs[task])
    while waiting:
        if (each := waiting.pop()) not in found:
            found.add(each)
            waiting.extend(needs.get(each, ()))
    return found


def validate(workflow: Object) -> None:
    """Check a Workflow as Argo does before it starts it.

    Args:
        workflow: The Workflow.

    Raises:
        InvalidSpecError: It is not valid.
    """
    name, spec = workflow["metadata"]["name"], workflow["spec"]
    if len(name) > _LONGEST_NAME:
        raise InvalidSpecError(
            f'workflow name "{name}" must not be more than 63 characters long (currently {len(name)})'
        )
    _check_names("spec.templates", spec.get("templates") or [], parameters=False)
    _check_arguments("spec.arguments.", spec.get("arguments"))
    if not spec.get("entrypoint"):
        raise InvalidSpecError("spec.entrypoint is required")
    arguments = (spec.get("arguments") or {}).get("parameters")
    validator = _Validator(workflow)
    validator.template(spec["entrypoint"], arguments)
    if spec.get("onExit"):
        validator.allow("workflow.failures")
        validator.template(spec["onExit"], arguments)
    strategy = (spec.get("podGC") or {}).get("strategy") or ""
    if strategy not in _POD_GC:
        raise InvalidSpecError(f"podGC.strategy unknown strategy '{strategy}'")
    for template in spec.get("templates") or ():
        try:
            validator.template(template["name"], None, any_arguments=True)
        except InvalidSpecError as error:
            raise InvalidSpecError(f"templates.{template['name']} {error}") from error
