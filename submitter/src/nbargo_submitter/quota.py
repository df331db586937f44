"""How many jobs of a user run at a time: Argo's own semaphore or mutex, which lets the others wait.

Argo fails every workflow that asks for a semaphore whose ConfigMap, or whose key in it, is not there. So a user has a
semaphore only when the key is seen: the administrator mounts the ConfigMap into the lab, where each key is a file. A
mutex needs nothing in the cluster.
"""

import re
from pathlib import Path
from typing import Any, Final

from traitlets import Bool, Dict, Enum, HasTraits, TraitError, Unicode, validate

from nbargo_shared.errors import ConfigError

USER: Final = "{user}"
_MEMBERS: Final = {"config_map", "key", "directory"}
_LIMIT: Final = re.compile(r"[+]?0*[1-9][0-9]{0,8}")
_MUTEX: Final = "nbargo-"


class QuotaTraits(HasTraits):
    """The settings of ArgoScheduler for how much runs at a time."""

    concurrency = Dict(
        value_trait=Unicode(),
        config=True,
        help="""How many runs of a user go at a time, jobs and scheduled ones together; the others wait in the list as
        QUEUED. A dictionary: `config_map`, a ConfigMap in the jobs' namespace that has each user's number; `directory`,
        where it is mounted in the lab; and perhaps `key`, the user's key in it with `{user}` for the user's label
        ("{user}" if it is not given). Users without a key have no limit, or one_at_a_time. Default: no limits.""",
    )
    one_at_a_time = Bool(
        default_value=False,
        config=True,
        help="""Whether the runs of a user who has no key in `concurrency` go one after the other. It needs no
        ConfigMap.""",
    )
    synchronization_form = Enum(
        ["lists", "single"],
        "lists",
        config=True,
        help="""How a Workflow asks for that: `lists` (`semaphores`, `mutexes`) in Argo 3.6 and newer, `single`
        (`semaphore`, `mutex`) in 3.4 and 3.5, which do not know the lists and would let everything run.""",
    )

    @validate("concurrency")
    def _check_concurrency(self, proposal: Any) -> dict[str, str]:
        value: dict[str, str] = proposal["value"]
        if value and (set(value) - _MEMBERS or not value.get("config_map") or not value.get("directory")):
            raise TraitError("ArgoScheduler.concurrency has `config_map`, `directory` and perhaps `key`, nothing else")
        if USER not in value.get("key", USER):
            raise TraitError(f"ArgoScheduler.concurrency's `key` needs {USER} in it: the limit is each user's own")
        return value

    def synchronization(self, user: str) -> dict[str, Any]:
        """Return what a user's Workflows say in `spec.synchronization`; nothing for no limit. Blocks.

        Args:
            user: The value of the user label.

        Raises:
            ConfigError: The user's limit is not a number of runs.
        """
        key = self.concurrency.get("key", USER).replace(USER, user)
        if self.concurrency and _has_limit(Path(self.concurrency["directory"]) / key, self.concurrency["config_map"]):
            reference = {"configMapKeyRef": {"name": self.concurrency["config_map"], "key": key}}
            return {"semaphore": reference} if self.synchronization_form == "single" else {"semaphores": [reference]}
        if self.one_at_a_time:
            mutex = {"name": f"{_MUTEX}{user}"}
            return {"mutex": mutex} if self.synchronization_form == "single" else {"mutexes": [mutex]}
        return {}


def _has_limit(path: Path, config_map: str) -> bool:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The limit of your runs cannot be read: {path}: {error}",
            hint="Ask your administrator: ArgoScheduler.concurrency's directory is where the ConfigMap is mounted",
        ) from error
    if not _LIMIT.fullmatch(text):
        raise ConfigError(
            f"The limit of your runs is {text[:20]!r}, which is no number of runs",
            hint=f"Ask your administrator for a number of 1 or more, without a line's end, as {path.name} in the "
            f"ConfigMap {config_map}",
        )
    return True
