"""The administrator's own function for what no setting covers: it sees each manifest last, and may change it.

What nbargo itself lives on has to stay: the watcher finds a job by its name and labels and reads its annotations and
its outcome, and an edit of a definition compares with the schedule that is recorded.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from traitlets import HasTraits, TraitType
from traitlets.utils.importstring import import_item

from nbargo_shared import labels
from nbargo_shared.definition import DefinitionRecord
from nbargo_shared.errors import ConfigError
from nbargo_shared.record import JobRecord
from nbargo_submitter import manifest as manifests

PREFIX: Final = "nbargo/"

_VARIABLES: Final = "NBARGO_"
_IMPORT: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*[.:][A-Za-z_]\w*", re.ASCII)
_HINT: Final = "Ask your administrator: it is c.ArgoScheduler.manifest_hook"
_IDENTITY: Final = ("apiVersion", "kind", "metadata.name", "metadata.generateName", "metadata.namespace")
_SCHEDULE: Final = ("spec.schedule", "spec.schedules", "spec.timezone", "spec.suspend")


@dataclass(frozen=True, slots=True, kw_only=True)
class HookContext:
    """What is known of the object that a hook is given.

    Attributes:
        user: The value of the user label.
        kind: Workflow or CronWorkflow.
        environment: Name of the environment.
        compute_type: Name of the size; "" if there are none.
        job: The job of a Workflow; None for a CronWorkflow.
        definition: The definition of a CronWorkflow; None for a Workflow.
    """

    user: str
    kind: str
    environment: str
    compute_type: str
    job: JobRecord | None = None
    definition: DefinitionRecord | None = None


ManifestHook: TypeAlias = Callable[[dict[str, Any], HookContext], dict[str, Any]]


class Hook(TraitType[Any, Any]):
    """A trait that is a function, or the place of one to import; None and "" stand for none."""

    info_text = 'a function, or the place of one such as "module:function"'
    allow_none = True

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the function or its place."""
        if value == "":
            return None
        if callable(value) or (isinstance(value, str) and _IMPORT.fullmatch(value)):
            return value
        return self.error(obj, value)


class HookTraits(HasTraits):
    """The setting of ArgoScheduler for what no other one covers."""

    manifest_hook = Hook(
        None,
        config=True,
        help="""A function that is given the manifest of each Workflow and CronWorkflow as a dictionary, and what is
        known of it as a nbargo_submitter.hooks.HookContext (user, kind, environment, compute_type, job, definition),
        and returns the manifest to use. It is the function itself, or "module:function". It runs in a thread, and the
        same request may call it twice. Default: none.""",
    ).tag(example="nbargo_hooks:with_cost_center")


def applied(hook: str | ManifestHook | None, manifest: dict[str, Any], context: HookContext) -> dict[str, Any]:
    """Return a manifest as an administrator's function leaves it. Blocks.

    Args:
        hook: The function, or where it is; None for none.
        manifest: A Workflow or CronWorkflow. The function may change it in place.
        context: What is known of it.

    Raises:
        ConfigError: The function cannot be imported, raises an exception, or returns what is not usable.
        InputError: A template is too large now.
    """
    if hook is None:
        return manifest
    name = hook if isinstance(hook, str) else getattr(hook, "__qualname__", repr(hook))
    before = _own(manifest)
    made = _plain(_called(hook, manifest, context, name=name), name=name)
    after = _own(made)
    for place in (*before, *after):
        if before.get(place) != after.get(place):
            raise ConfigError(f"The hook '{name}' changed {place}, which nbargo needs as it was", hint=_HINT)
    for template in _templates(made):
        manifests.check_template(template)
    return made


def _called(hook: str | ManifestHook, manifest: dict[str, Any], context: HookContext, *, name: str) -> Any:
    try:
        function: Any = import_item(hook.replace(":", ".")) if isinstance(hook, str) else hook
    except Exception as error:  # a module's own code may raise anything
        raise ConfigError(f"The hook '{name}' cannot be imported: {_words(error)}", hint=_HINT) from error
    try:
        return function(manifest, context)
    except Exception as error:  # as above
        raise ConfigError(f"The hook '{name}' failed: {_words(error)}", hint=_HINT) from error


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _plain(made: Any, *, name: str) -> dict[str, Any]:
    """Return what a hook returned as it will be sent."""
    if not isinstance(made, dict):
        raise ConfigError(f"The hook '{name}' returned {type(made).__name__}, not the manifest", hint=_HINT)
    try:
        plain: dict[str, Any] = json.loads(json.dumps(made, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"The hook '{name}' returned what is no JSON: {error}", hint=_HINT) from error
    return plain


def _own(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what has to stay, by where it is."""
    is_cron = "workflowSpec" in _object(manifest, "spec")
    spec = "spec.workflowSpec" if is_cron else "spec"
    places = (*_IDENTITY, *(_SCHEDULE if is_cron else ()), f"{spec}.entrypoint")
    found = {place: _at(manifest, place) for place in places}
    for where in ("metadata", "spec.workflowMetadata", f"{spec}.podMetadata"):
        for kind in ("labels", "annotations"):
            noted = _object(manifest, f"{where}.{kind}")
            found |= {f"{where}.{kind}['{key}']": noted[key] for key in noted if key.startswith(PREFIX)}
    for template in _templates(manifest):
        if template.get("name") == manifests.TEMPLATE:
            found |= _of_template(template)
    return found


def _of_template(template: Mapping[str, Any]) -> dict[str, Any]:
    container = _object(template, "script") or _object(template, "container")
    outputs = _objects(_at(template, "outputs.parameters"))
    outcome = [each for each in outputs if each.get("name") == labels.OUTCOME_PARAMETER]
    variables = [each for each in _objects(container.get("env")) if str(each.get("name")).startswith(_VARIABLES)]
    return {
        f"the output parameter {labels.OUTCOME_PARAMETER}": outcome,
        **{f"the environment variable {each['name']}": each for each in variables},
    }


def _templates(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    spec = _object(manifest, "spec.workflowSpec") or _object(manifest, "spec")
    return _objects(spec.get("templates"))


def _at(document: Mapping[str, Any], place: str) -> Any:
    """Return what is at a place such as `metadata.name`; None for nothing."""
    found: Any = document
    for member in place.split("."):
        found = found.get(member) if isinstance(found, Mapping) else None
    return found


def _object(document: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    found = _at(document, place)
    return found if isinstance(found, Mapping) else {}


def _objects(found: Any) -> list[Mapping[str, Any]]:
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
