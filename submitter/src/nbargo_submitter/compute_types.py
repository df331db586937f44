"""The sizes that users choose from, and what a size and a user's own wishes make of a job's pod."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from traitlets import Dict, HasTraits, Unicode

from nbargo_shared.errors import ConfigError, InputError
from nbargo_submitter import quantities
from nbargo_submitter.options import Options
from nbargo_submitter.pod import Kubernetes, PodSettings

_KEYS: Final = {"cpu", "memory", "gpu", "gpu_resource", "node_selector", "tolerations"}
_PARTS: Final = ("requests", "limits")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeType:
    """One size; what is empty is as the other settings say.

    Attributes:
        name: What the form, the database and the REST API call it.
        cpu: CPUs, a Kubernetes quantity.
        memory: Memory, a Kubernetes quantity.
        gpu: Number of GPUs.
        gpu_resource: What the cluster calls them; "" for the scheduler's setting.
        node_selector: Labels that the node must have, beside the other settings'.
        tolerations: Tolerations beside the other settings', in Kubernetes' form.
    """

    name: str
    cpu: str = ""
    memory: str = ""
    gpu: int = 0
    gpu_resource: str = ""
    node_selector: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    tolerations: tuple[Kubernetes, ...] = ()


class ComputeTypeTraits(HasTraits):
    """The settings of ArgoScheduler for sizes."""

    compute_types = Dict(
        value_trait=Dict(),
        config=True,
        help="""The sizes that users may choose, by the name that the form shows: dictionaries with any of `cpu`,
        `memory` (both are the container's request and its limit), `gpu`, `gpu_resource`, `node_selector` and
        `tolerations`. Default: none, and all jobs are as `resources` says.""",
    )
    default_compute_type = Unicode(
        config=True, help="The size of jobs whose user chose none. Default: the first one of compute_types."
    )


def from_settings(settings: Mapping[str, Mapping[str, Any]], *, default: str) -> dict[str, ComputeType]:
    """Return the sizes that the operator configured, by name, the default one first.

    Args:
        settings: The trait `compute_types`.
        default: The trait `default_compute_type`.

    Raises:
        ConfigError: A size has a member that is not known or not usable, or the default one is not there.
    """
    if default and default not in settings:
        raise ConfigError(f"ArgoScheduler.default_compute_type is '{default}', which is not in compute_types")
    made = {name: _compute_type(name, entry) for name, entry in settings.items()}
    return {name: made[name] for name in sorted(made, key=lambda name: name != default)}


def choose(offered: Iterable[ComputeType], name: str | None) -> ComputeType | None:
    """Return the size of a name; without one, the first that is offered, if any is.

    Args:
        offered: The sizes of the chosen environment.
        name: What the user chose.

    Raises:
        InputError: There is none of this name.
    """
    known = {size.name: size for size in offered}
    if not name:
        return next(iter(known.values()), None)
    if name not in known:
        raise InputError(f"There is no size '{name[:80]}'", hint=f"Choose one of: {', '.join(known) or 'none'}")
    return known[name]


def sized(settings: PodSettings, size: ComputeType | None, options: Options, *, gpu_resource: str) -> PodSettings:
    """Return a pod's settings with a size and a user's wishes, which come before the size's.

    Args:
        settings: As the administrator and the environment have it.
        size: The chosen one; None if none is offered.
        options: What the user wants.
        gpu_resource: What the cluster calls a GPU, unless the size says it.
    """
    size = size or ComputeType(name="")
    gpus = size.gpu_resource or gpu_resource
    number = size.gpu or None if options.gpu is None else options.gpu
    wanted = {"cpu": options.cpu or size.cpu, "memory": options.memory or size.memory}
    amounts = {name: amount for name, amount in wanted.items() if amount}
    if number:
        amounts[gpus] = str(number)
    resources = {part: {**(settings.resources.get(part) or {}), **amounts} for part in _PARTS}
    if number == 0:
        for part in _PARTS:
            resources[part].pop(gpus, None)
    others = {name: value for name, value in settings.resources.items() if name not in _PARTS}
    return replace(
        settings,
        resources={**others, **{part: each for part, each in resources.items() if each}},
        node_selector={**settings.node_selector, **size.node_selector},
        tolerations=(*settings.tolerations, *size.tolerations),
        # Kubernetes reads $(NAME) in a value as another variable, and two dollars as one.
        env={**settings.env, **{name: value.replace("$", "$$") for name, value in options.env.items()}},
    )


def _compute_type(name: str, entry: Mapping[str, Any]) -> ComputeType:
    where = f"ArgoScheduler.compute_types['{name}']"
    if not name or len(name) > 256:  # noqa: PLR2004 - jupyter-scheduler's column
        raise ConfigError("An entry of ArgoScheduler.compute_types has no name, or one that is too long")
    unknown = ", ".join(sorted(set(entry) - _KEYS))
    if unknown:
        raise ConfigError(f"{where} has unknown members: {unknown}", hint=f"Known ones are: {', '.join(sorted(_KEYS))}")
    gpu = entry.get("gpu") or 0
    if not isinstance(gpu, int) or gpu < 0:
        raise ConfigError(f"{where} has a number of GPUs that is none: {gpu!r}")
    selector = dict(entry.get("node_selector") or {})
    if not all(isinstance(text, str) for pair in selector.items() for text in pair):
        raise ConfigError(f"{where} has a node_selector whose names and values are not all texts")
    return ComputeType(
        name=name,
        cpu=_amount(where, entry, "cpu"),
        memory=_amount(where, entry, "memory"),
        gpu=gpu,
        gpu_resource=str(entry.get("gpu_resource") or ""),
        node_selector=selector,
        tolerations=tuple(entry.get("tolerations") or ()),
    )


def _amount(where: str, entry: Mapping[str, Any], member: str) -> str:
    text = str(entry.get(member) or "")
    try:
        if text:
            quantities.amount(text)
    except InputError as error:
        raise ConfigError(f"{where} has no usable '{member}': {error.message}", hint=error.hint) from error
    return text
