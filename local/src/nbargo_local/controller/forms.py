"""A template in the form in which Argo turns it into text: its fields in the order of Argo's types.

Substitution works on that text, and a `{{` that is not closed in its own string reaches to the next `}}` of the text.
So the order of the fields decides what such a `{{` swallows, and whether the template is valid at all.
"""

from typing import Final

from nbargo_local.controller.names import Object

_TEMPLATE: Final = (
    *("name", "inputs", "outputs", "nodeSelector", "affinity", "metadata", "daemon", "steps", "container", "script"),
    *("dag", "suspend", "volumes", "archiveLocation", "activeDeadlineSeconds", "retryStrategy", "parallelism"),
    *("failFast", "tolerations", "schedulerName", "priorityClassName", "serviceAccountName"),
    *("automountServiceAccountToken", "executor", "hostAliases", "securityContext", "metrics", "annotations"),
)
_CONTAINER: Final = (
    *("name", "image", "command", "args", "workingDir", "ports", "env", "resources", "volumeMounts"),
    *("volumeDevices", "livenessProbe", "readinessProbe", "startupProbe", "terminationMessagePath"),
    *("terminationMessagePolicy", "imagePullPolicy", "securityContext", "source"),
)
_ALWAYS: Final[Object] = {"inputs": {}, "outputs": {}, "metadata": {}}
"""Objects that Argo writes even when they are empty."""


def _ordered(fields: Object, order: tuple[str, ...]) -> Object:
    known = {key: fields[key] for key in order if key in fields}
    return known | {key: value for key, value in fields.items() if key not in known}


def in_argos_order(template: Object) -> Object:
    """Return a template with its fields in the order of Argo's types, and the empty ones that Argo writes too.

    Args:
        template: As it stands in a manifest; not changed.
    """
    fields = {key: value for key, value in (_ALWAYS | template).items() if value is not None}
    for kind in ("container", "script"):
        if isinstance(fields.get(kind), dict):
            fields[kind] = _ordered({"name": "", "resources": {}} | fields[kind], _CONTAINER)
    return _ordered(fields, _TEMPLATE)
