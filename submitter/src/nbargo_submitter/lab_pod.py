"""What the lab's own pod is like, as far as jobs take it over: NBARGO_LAB_POD, which whoever starts the lab may set.

The lab has no right to read its own pod. KubeSpawner has made it, and a hook there can say what is in it.
"""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from traitlets import Dict, default
from traitlets.config import LoggingConfigurable

VARIABLE: Final = "NBARGO_LAB_POD"

_HINT: Final = "Correct it where the lab is started, or set c.ArgoScheduler's own settings"


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts_by_name(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


_KINDS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "image": (_is_text, "a text"),
    "image_pull_secrets": (_are_texts, "a list of names"),
    "node_selector": (_is_texts_by_name, "an object of texts"),
    "tolerations": (_are_objects, "a list of objects"),
    "volumes": (_are_objects, "a list of objects"),
    "volume_mounts": (_are_objects, "a list of objects"),
}


def read(text: str) -> tuple[dict[str, Any], list[str]]:
    """Return what is usable, by the name of the setting that it is the default of, and what is wrong with the rest.

    Args:
        text: A JSON object; "" for nothing.
    """
    try:
        document = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        return {}, [f"it is no JSON: {error}"]
    if not isinstance(document, dict):
        return {}, ["it is no JSON object"]
    wrong = [f"{name} is not {_KINDS[name][1]}" for name, value in document.items() if not _fits(name, value)]
    unknown = [f"{name[:80]!r} is not known" for name in document if name not in _KINDS]
    return {name: value for name, value in document.items() if name in _KINDS and _fits(name, value)}, wrong + unknown


def _fits(name: str, value: Any) -> bool:
    return name not in _KINDS or _KINDS[name][0](value)


class LabPodTraits(LoggingConfigurable):
    """Knows what NBARGO_LAB_POD says: the defaults of the settings of these names."""

    _lab_pod = Dict()

    @default("_lab_pod")
    def _read_lab_pod(self) -> dict[str, Any]:
        found, problems = read(os.environ.get(VARIABLE, ""))
        if problems:
            self.log.error("What %s says is not used: %s. %s", VARIABLE, "; ".join(problems), _HINT)
        return found

    def of_lab_pod(self, name: str) -> Any:
        """Return what the lab's own pod has; None if that is not known.

        Args:
            name: The setting.
        """
        return self._lab_pod.get(name)
