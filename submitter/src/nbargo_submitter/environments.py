"""The environments that a user may choose for a job: those that the operator lists, or what the lab itself has.

jupyter-scheduler makes the manager without any configuration, so the settings are traits of ArgoScheduler, which hands
them over. The form asks each time it opens: nothing here starts a program, and a look at the disk counts for a while.
"""

# jupyter-scheduler's handlers await what a manager returns, though its own methods are not async.
# pyright: reportIncompatibleMethodOverride=false

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from jupyter_scheduler.environments import EnvironmentManager
from jupyter_scheduler.models import RuntimeEnvironment

from nbargo_shared.errors import ConfigError
from nbargo_submitter import formats
from nbargo_submitter.conda import CondaEnvironment
from nbargo_submitter.kernels import Kernel, Kernels, named
from nbargo_submitter.lab_environments import LabEnvironments, Seen
from nbargo_submitter.warming import warm_up

_TEXTS: Final = ("label", "description", "image", "kernel", "default_compute_type")
_LISTS: Final = ("kernels", "output_formats", "compute_types")
_KEYS: Final = {"name", *_TEXTS, *_LISTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What a job runs in.

    Attributes:
        name: What the database and the REST API call it.
        label: What the form calls it.
        description: One sentence for the form.
        image: The container image; "" stands for the scheduler's own setting.
        kernels: Which kernels there are, and which one runs a notebook.
        output_formats: Names of the formats that this image can write.
        compute_types: Names of the sizes that it may have; None for all.
        default_compute_type: Name of the size for whoever does not choose; "" for the first one.
    """

    name: str
    label: str
    description: str = ""
    image: str = ""
    kernels: Kernels = field(default_factory=Kernels)
    output_formats: tuple[str, ...] = formats.DEFAULT_FORMATS
    compute_types: tuple[str, ...] | None = None
    default_compute_type: str = ""

    def sizes(self, configured: Iterable[str]) -> list[str]:
        """Return the names of the sizes that it may have, the default one first.

        Args:
            configured: The names of all sizes, the default one first.
        """
        found = [name for name in configured if self.compute_types is None or name in self.compute_types]
        return sorted(found, key=lambda name: name != self.default_compute_type)

    def model(self, configured: Iterable[str]) -> RuntimeEnvironment:
        """Return it as jupyter-scheduler describes it.

        Args:
            configured: The names of all sizes, the default one first.
        """
        sizes = self.sizes(configured)
        said = {"image": self.image, "kernel": self.kernels.fixed}
        return RuntimeEnvironment(  # pyright: ignore[reportCallIssue] # the others have defaults
            name=self.name,
            label=self.label,
            description=self.description,
            file_extensions=["ipynb"],
            output_formats=list(self.output_formats),
            metadata={name: text for name, text in said.items() if text} or None,
            compute_types=sizes or None,
            default_compute_type=next(iter(sizes), None),
        )


DEFAULT_ENVIRONMENT: Final = Environment(
    name="default", label="Default", description="The image that this lab runs in, with the notebook's own kernel"
)


def from_settings(settings: Iterable[Mapping[str, Any]], *, sizes: Iterable[str] = ()) -> tuple[Environment, ...]:
    """Return the environments that the operator configured.

    Args:
        settings: For each one a dictionary with a `name`, and perhaps the members that the trait's help lists.
        sizes: The names of the sizes that are configured.

    Raises:
        ConfigError: An entry has no name, a name twice, or a member that is not known or not usable.
    """
    environments = tuple(_environment(entry, set(sizes)) for entry in settings)
    names = [environment.name for environment in environments]
    if len(set(names)) != len(names):
        raise ConfigError("Two entries of ArgoScheduler.environments have the same name")
    return environments


def of_model(model: RuntimeEnvironment) -> Environment:
    """Return an environment that another manager than ours describes.

    Args:
        model: As jupyter-scheduler has it; `image` and `kernel` of its metadata are understood.
    """
    said = model.metadata or {}
    return Environment(
        name=model.name,
        label=model.label,
        description=model.description,
        image=said.get("image", ""),
        kernels=Kernels(fixed=said.get("kernel", "")),
        output_formats=tuple(model.output_formats),
        compute_types=tuple(model.compute_types or ()),
        default_compute_type=model.default_compute_type or "",
    )


def of_lab(seen: Seen) -> list[Environment]:
    """Return what the lab itself offers: its image, each of its kernels if there are several, conda environments.

    Args:
        seen: What there is.
    """
    found = [replace(DEFAULT_ENVIRONMENT, kernels=Kernels(known=seen.kernels))]
    kernels = [kernel for kernel in (seen.kernels or {}).values() if not (kernel.command or kernel.problem)]
    if len(kernels) > 1:
        found += [_of_kernel(kernel) for kernel in kernels]
    names = {environment.name for environment in found}
    for environment in seen.conda:
        name = environment.name if environment.name not in names else str(environment.prefix)
        names.add(name)
        found.append(_of_conda(environment, name))
    return found


class ArgoEnvironmentManager(EnvironmentManager):
    """Lists the environments for jupyter-scheduler's form."""

    def __init__(self) -> None:
        self.environments: Sequence[Environment] = ()
        self.offers_lab = True
        self.lab = LabEnvironments()
        self.compute_types: Sequence[str] = ()

    async def offered(self, *, fresh: bool = False) -> list[Environment]:
        """Return the environments.

        Args:
            fresh: Whether the lab is looked at again, because one is missing.
        """
        needs_lab = self.offers_lab or any(self._runs_like_lab(environment) for environment in self.environments)
        seen = await self.lab.seen(fresh=fresh) if needs_lab else Seen()
        own = [self._with_kernels(environment, seen) for environment in self.environments]
        names = {environment.name for environment in own}
        return own + [each for each in (of_lab(seen) if self.offers_lab else ()) if each.name not in names]

    async def list_environments(self) -> list[RuntimeEnvironment]:
        """Return the environments as jupyter-scheduler describes them: its form has been opened."""
        warm_up()
        return [environment.model(self.compute_types) for environment in await self.offered()]

    def manage_environments_command(self) -> str:
        """Return the lab command that manages environments: there is none."""
        return ""

    def output_formats_mapping(self) -> dict[str, str]:
        """Return the label of every format that any environment, or an older job, may name."""
        offered = {name for environment in self.environments for name in environment.output_formats}
        return {name: formats.label(name) for name in (*formats.FORMATS, *sorted(offered - set(formats.FORMATS)))}

    def _runs_like_lab(self, environment: Environment) -> bool:
        return not environment.image and environment.kernels.known is None

    def _with_kernels(self, environment: Environment, seen: Seen) -> Environment:
        """Return a configured environment with the lab's kernels if it runs in the lab's image."""
        if not self._runs_like_lab(environment):
            return environment
        return replace(environment, kernels=replace(environment.kernels, known=seen.kernels))


def _environment(entry: Mapping[str, Any], sizes: set[str]) -> Environment:
    name = entry.get("name")
    if not isinstance(name, str) or not name:
        raise ConfigError("An entry of ArgoScheduler.environments has no name")
    where = f"The environment '{name}' in ArgoScheduler.environments"
    unknown = ", ".join(sorted(set(entry) - _KEYS))
    if unknown:
        raise ConfigError(f"{where} has unknown members: {unknown}", hint=f"Known ones are: {', '.join(sorted(_KEYS))}")
    texts = {key: str(entry.get(key) or "") for key in _TEXTS}
    lists = {key: tuple(map(str, entry[key])) for key in _LISTS if entry.get(key)}
    compute_types = lists.get("compute_types")
    missing = sorted({*(compute_types or ()), texts["default_compute_type"]} - {*sizes, ""})
    if missing:
        raise ConfigError(f"{where} has a size that ArgoScheduler.compute_types does not: '{missing[0]}'")
    kernels = lists.get("kernels")
    if kernels and texts["kernel"] and texts["kernel"] not in kernels:
        raise ConfigError(f"{where} has the kernel '{texts['kernel']}', which its kernels do not list")
    return Environment(
        name=name,
        label=texts["label"] or name,
        description=texts["description"],
        image=texts["image"],
        kernels=Kernels(fixed=texts["kernel"], known=named(kernels) if kernels else None),
        output_formats=lists.get("output_formats", formats.DEFAULT_FORMATS),
        compute_types=compute_types,
        default_compute_type=texts["default_compute_type"],
    )


def _of_kernel(kernel: Kernel) -> Environment:
    return Environment(
        name=f"kernel-{kernel.name}",
        label=f"Kernel: {kernel.label}",
        description=f"The image that this lab runs in, with the kernel {kernel.name} whatever the notebook names",
        kernels=Kernels(fixed=kernel.own_name or kernel.name),
    )


def _of_conda(environment: CondaEnvironment, name: str) -> Environment:
    return Environment(
        name=name,
        label=f"Conda: {name}",
        description=f"The conda environment in {environment.prefix}",
        kernels=Kernels(known=named(environment.kernels), command=environment.command(), is_conda=True),
    )
