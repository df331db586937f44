"""`{username}` and the like in the settings of pods, as in KubeSpawner's settings.

Unlike there, nothing but the known names means anything: JSON, a shell's `${X}` and Argo's `{{x}}` stay as they are.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from nbargo_shared.errors import ConfigError
from nbargo_shared.identity import user_label
from nbargo_shared.slugs import slug

NAMES: Final = ("username", "unescaped_username", "servername", "namespace")

_BRACED: Final = re.compile(r"(?<![{$])\{([a-z_]+)\}(?!\})")
_REPLACED_LATER: Final = re.compile(r"[{}$\x00-\x1f]")
_LIKENESS: Final = 0.55
"""Of difflib: as alike as `userid` and `username`."""


def values(environ: Mapping[str, str], *, namespace: str) -> dict[str, str]:
    """Return what the names stand for.

    Args:
        environ: The lab's environment.
        namespace: The workflows' namespace; "" if it is not known.
    """
    user = user_label(environ)
    server = environ.get("JUPYTERHUB_SERVER_NAME", "")
    return {
        "username": user,
        "unescaped_username": environ.get("JUPYTERHUB_USER") or user,
        "servername": slug(server) if server else "",
        "namespace": namespace,
    }


def filled(setting: Any, known: Mapping[str, str]) -> Any:
    """Return a setting with the names in its texts replaced, in those of lists and dictionaries too, but not in keys.

    Args:
        setting: A text, or what JSON can hold.
        known: What the names stand for.

    Raises:
        ConfigError: A name stands for nothing, or for what Argo or Kubernetes would replace.
    """
    if isinstance(setting, str):
        return _BRACED.sub(lambda match: _value(match, known), setting)
    if isinstance(setting, Mapping):
        return {key: filled(value, known) for key, value in setting.items()}
    if isinstance(setting, list | tuple):
        return [filled(value, known) for value in setting]
    return setting


def misspelt(setting: Any) -> Iterator[tuple[str, str]]:
    """Return what stands in braces in a setting and looks like a name, and the name that it looks like.

    Args:
        setting: A text, or what JSON can hold.
    """
    if isinstance(setting, str):
        for found in _BRACED.findall(setting):
            alike = get_close_matches(found, NAMES, n=1, cutoff=_LIKENESS)
            if alike and found not in NAMES:
                yield found, alike[0]
    elif isinstance(setting, Mapping | list | tuple):
        for value in setting.values() if isinstance(setting, Mapping) else setting:
            yield from misspelt(value)


def _value(match: re.Match[str], known: Mapping[str, str]) -> str:
    name = match[1]
    if name not in known:
        return match[0]
    value = known[name]
    if name == "namespace" and not value:
        raise ConfigError(
            "A setting of the jobs' pods has {namespace}, which is not known here",
            hint="Set c.ArgoScheduler.namespace or NBARGO_NAMESPACE",
        )
    if _REPLACED_LATER.search(value):
        raise ConfigError(
            f"A setting of the jobs' pods has {{{name}}}, and {value[:80]!r} holds a brace, a dollar or a control "
            "character, which the cluster would not leave as it is",
            hint="Use {username}, which has none of them",
        )
    return value
