"""What a user asks of one job in `runtime_environment_parameters`: its limits, its size, its environment, its messages.

The form of the lab has no field for any of it, so tags may say it too (tagged.py). jupyter-scheduler turns each value
into a number where it can (`"2"` into 2, `"0.5"` into 0.5, `"007"` into 7) before it gets here.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from nbargo_shared.errors import InputError
from nbargo_submitter import quantities
from nbargo_submitter.bounds import Bounds

Scalar: TypeAlias = bool | int | float | str

ENV_PREFIX: Final = "env."
NOTIFY: Final = ("notify_on", "notify_slack", "notify_email", "notify_webhook")
KEYS: Final = ("timeout", "retries", "retry_on", "cpu", "memory", "gpu", f"{ENV_PREFIX}NAME", *NOTIFY)

_DURATION: Final = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?", re.ASCII)
_UNITS: Final = (86400, 3600, 60, 1)
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OURS: Final = ("NBARGO_", "ARGO_")  # Argo's executor finds its own settings in the container's environment
_SMALLEST_CPU: Final = Fraction(1, 1000)  # a rule of Kubernetes
_SMALLEST_MEMORY: Final = 1024 * 1024
_LONGEST: Final = 10 * 365 * 86400
_MAX_VALUE: Final = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a user asks of one job, checked.

    Attributes:
        timeout: Seconds until the notebook is ended; None for no limit.
        retries: How often the job is tried again.
        retry_failures: Whether it is so after a failing notebook, too, rather than after a failing machine only.
        cpu: CPUs, a Kubernetes quantity; None for what the chosen size or the administrator says.
        memory: As cpu.
        gpu: Number of GPUs; None as for cpu.
        env: Environment variables.
        notify: The texts of the `notify_*` members that were given, not checked.
    """

    timeout: int | None = None
    retries: int = 0
    retry_failures: bool = False
    cpu: str | None = None
    memory: str | None = None
    gpu: int | None = None
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    notify: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def parse(parameters: Mapping[str, Scalar], bounds: Bounds) -> Options:
    """Return what a user asks for.

    Args:
        parameters: The job's `runtime_environment_parameters`.
        bounds: What the administrator allows.

    Raises:
        InputError: A member is not known, not usable, or more than is allowed.
    """
    for name in parameters:
        if name not in KEYS and not name.startswith(ENV_PREFIX):
            raise InputError(
                f"The setting '{name[:80]}' is not known", hint=f"Settings of a job are: {', '.join(KEYS)}"
            )
    given: dict[str, Any] = {
        name: read(parameters[name], bounds) for name, read in _READERS.items() if name in parameters
    }
    retry_on = given.pop("retry_on", "infrastructure")
    return Options(
        **{"timeout": bounds.default_timeout, **given},
        retry_failures=retry_on == "failure",
        env={
            _variable(name.removeprefix(ENV_PREFIX), bounds): _text(name, value)
            for name, value in parameters.items()
            if name.startswith(ENV_PREFIX)
        },
        notify={name: str(parameters[name]).strip() for name in NOTIFY if name in parameters},
    )


def duration(seconds: int) -> str:
    """Return a number of seconds as a person says it: in the largest unit that leaves a whole number.

    Args:
        seconds: Seconds.
    """
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds % size == 0 and seconds >= size:
            return f"{seconds // size} {unit}{'s' if seconds > size else ''}"
    return f"{seconds} second{'s' if seconds != 1 else ''}"


def _timeout(value: Scalar, bounds: Bounds) -> int:
    match = _DURATION.fullmatch(str(value).strip()) if isinstance(value, str) else None
    if match is not None and any(match.groups()):
        seconds = sum(int(number or 0) * size for number, size in zip(match.groups(), _UNITS, strict=True))
    else:
        seconds = _whole("timeout", value, hint="Write a time such as 45s, 90m, 2h or 1h30m, or a number of seconds")
    if not 1 <= seconds <= _LONGEST:
        raise InputError(f"timeout is {seconds} seconds", hint="Write a time of at least one second")
    if bounds.timeout is not None and seconds > bounds.timeout:
        raise _above("timeout", duration(seconds), duration(bounds.timeout))
    return seconds


def _retries(value: Scalar, bounds: Bounds) -> int:
    retries = _whole("retries", value, hint="Write how often the job is tried again, such as 2")
    if retries > bounds.retries:
        raise _above("retries", str(retries), str(bounds.retries))
    return retries


def _retry_on(value: Scalar, _bounds: Bounds) -> str:
    if value not in {"infrastructure", "failure"}:
        raise InputError(
            f"retry_on is '{str(value)[:80]}'",
            hint="Write infrastructure (failures of the cluster), or failure (failing notebooks too)",
        )
    return str(value)


def _cpu(value: Scalar, bounds: Bounds) -> str:
    text, cpu = _quantity("cpu", value)
    if cpu % _SMALLEST_CPU or not cpu:
        raise InputError(f"cpu is {text}", hint="Write a number of CPUs, 0.001 (1m) at least and to three places")
    if bounds.cpu and cpu > quantities.amount(bounds.cpu):
        raise _above("cpu", text, bounds.cpu)
    return text


def _memory(value: Scalar, bounds: Bounds) -> str:
    text, size = _quantity("memory", value)
    if size < _SMALLEST_MEMORY:
        raise InputError(f"memory is {text}, which is less than 1Mi", hint="Write it with its unit, such as 500Mi, 4Gi")
    if size.denominator != 1:
        raise InputError(f"memory is {text}, which is not a whole number of bytes", hint="Write 500Mi or 4Gi")
    if bounds.memory and size > quantities.amount(bounds.memory):
        raise _above("memory", text, bounds.memory)
    return text


def _gpu(value: Scalar, bounds: Bounds) -> int:
    gpu = _whole("gpu", value, hint="Write a number of GPUs, such as 1")
    if bounds.gpu is not None and gpu > bounds.gpu:
        raise _above("gpu", str(gpu), str(bounds.gpu))
    return gpu


_READERS: Final[Mapping[str, Callable[[Scalar, Bounds], Any]]] = {
    "timeout": _timeout,
    "retries": _retries,
    "retry_on": _retry_on,
    "cpu": _cpu,
    "memory": _memory,
    "gpu": _gpu,
}


def _whole(name: str, value: Scalar, *, hint: str) -> int:
    is_whole = isinstance(value, int | float) and math.isfinite(value) and value == int(value) and value >= 0
    if not is_whole or isinstance(value, bool):
        raise InputError(f"{name} is '{str(value)[:80]}'", hint=hint)
    return int(value)


def _quantity(name: str, value: Scalar) -> tuple[str, Fraction]:
    # A float's own text is the shortest that stands for it, and so what the user typed.
    text = str(value).strip()
    try:
        return text, quantities.amount(text)
    except InputError as error:
        raise InputError(f"{name} is '{text[:80]}'", hint=error.hint) from error


def _variable(name: str, bounds: Bounds) -> str:
    if not _VARIABLE.fullmatch(name) or len(name) > 256:  # noqa: PLR2004 - long enough for any
        raise InputError(
            f"'{name[:80]}' cannot be the name of an environment variable",
            hint="Use letters, digits and _, no digit first",
        )
    if name.startswith(_OURS):
        raise InputError(f"The environment variable {name} cannot be set", hint="Choose a name that begins otherwise")
    if name in bounds.fixed_env:
        raise InputError(f"The environment variable {name} is set by the administrator", hint="Leave it out")
    return name


def _text(name: str, value: Scalar) -> str:
    """Return an environment variable's value; quotes around it keep jupyter-scheduler from reading a number."""
    text = str(value)
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if "\0" in text or len(text.encode("utf-8", "surrogatepass")) > _MAX_VALUE or re.search("[\ud800-\udfff]", text):
        raise InputError(f"The value of {name} is not a text of at most {_MAX_VALUE} bytes")
    if "{{" in text:
        raise InputError(
            f"The value of {name} holds two opening braces, which Argo would replace",
            hint="Use a parameter",
        )
    return text


def _above(name: str, asked: str, allowed: str) -> InputError:
    return InputError(
        f"{name} is {asked}, more than the {allowed} that the administrator allows", hint="Choose less, or ask for more"
    )
