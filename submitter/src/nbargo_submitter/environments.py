"""The environments that a user may choose for a job: the lab's own, or those that the operator lists.

jupyter-scheduler makes the manager without any configuration, so the list is a trait of ArgoScheduler, which hands it
over. Nothing here starts a program or looks at a disk: the form asks each time it opens.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jupyter_scheduler.environments import EnvironmentManager
from jupyter_scheduler.models import RuntimeEnvironment

from nbargo_shared.errors import ConfigError
from nbargo_submitter import formats

_KEYS: Final = {"name", "label", "description", "image", "output_formats"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What a job runs in.

    Attributes:
        name: What the database and the REST API call it.
        label: What the form calls it.
        description: One sentence for the form.
        image: The container image; "" stands for the scheduler's own setting.
        output_formats: Names of the formats that this image can write.
    """

    name: str
    label: str
    description: str = ""
    image: str = ""
    output_formats: tuple[str, ...] = formats.DEFAULT_FORMATS


DEFAULT_ENVIRONMENT: Final = Environment(
    name="default", label="Default", description="The image that this lab runs in, with the notebook's own kernel"
)


def from_settings(settings: Iterable[Mapping[str, Any]]) -> tuple[Environment, ...]:
    """Return the environments that the operator configured.

    Args:
        settings: For each one a dictionary with a `name`, and perhaps `label`, `description`, `image` and
            `output_formats`.

    Raises:
        ConfigError: An entry has no name, a name twice, or a member that is not known.
    """
    environments = tuple(_environment(entry) for entry in settings)
    names = [environment.name for environment in environments]
    if len(set(names)) != len(names):
        raise ConfigError("Two entries of ArgoScheduler.environments have the same name")
    return environments


def _environment(entry: Mapping[str, Any]) -> Environment:
    unknown = ", ".join(sorted(set(entry) - _KEYS))
    if unknown:
        raise ConfigError(f"An entry of ArgoScheduler.environments has unknown members: {unknown}")
    name = entry.get("name")
    if not isinstance(name, str) or not name:
        raise ConfigError("An entry of ArgoScheduler.environments has no name")
    return Environment(
        name=name,
        label=str(entry.get("label") or name),
        description=str(entry.get("description") or ""),
        image=str(entry.get("image") or ""),
        output_formats=tuple(entry.get("output_formats") or formats.DEFAULT_FORMATS),
    )


class ArgoEnvironmentManager(EnvironmentManager):
    """Lists the environments for jupyter-scheduler's form."""

    def __init__(self) -> None:
        self.environments: Sequence[Environment] = (DEFAULT_ENVIRONMENT,)
        self.compute_types: Sequence[str] = ()

    def list_environments(self) -> list[RuntimeEnvironment]:
        """Return the environments as jupyter-scheduler describes them."""
        return [
            RuntimeEnvironment(  # pyright: ignore[reportCallIssue] # the others have defaults
                name=environment.name,
                label=environment.label,
                description=environment.description,
                file_extensions=["ipynb"],
                output_formats=list(environment.output_formats),
                metadata={"image": environment.image} if environment.image else None,
                compute_types=list(self.compute_types) or None,
                default_compute_type=next(iter(self.compute_types), None),
            )
            for environment in self.environments
        ]

    def manage_environments_command(self) -> str:
        """Return the lab command that manages environments: there is none."""
        return ""

    def output_formats_mapping(self) -> dict[str, str]:
        """Return the label of every format that any environment, or an older job, may name."""
        offered = {name for environment in self.environments for name in environment.output_formats}
        return {name: formats.label(name) for name in (*formats.FORMATS, *sorted(offered - set(formats.FORMATS)))}
