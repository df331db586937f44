"""Which kernel runs a notebook: its own, the environment's, or none, which is said before anything is sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nbargo_shared.errors import InputError
from nbargo_submitter import conda


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """A kernel of an environment.

    Attributes:
        name: What notebooks call it.
        label: What the form calls it.
        own_name: What it is called where it runs; "" if the same.
        command: What runs the job's program for it; empty if the environment's own.
        problem: Why a job cannot use it; "" if it can.
    """

    name: str
    label: str = ""
    own_name: str = ""
    command: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What runs a notebook.

    Attributes:
        command: What runs the job's program.
        kernel: Name of the kernel; None for the notebook's own.
    """

    command: tuple[str, ...] = ("python",)
    kernel: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernels:
    """The kernels of an environment.

    Attributes:
        fixed: Name of the kernel that runs every notebook; "" for the notebook's own.
        known: The kernels by name; None if nobody knows before the job runs.
        command: What runs the job's program.
        is_conda: Whether it is one conda environment, in which the lab's names for its kernels are understood.
    """

    fixed: str = ""
    known: Mapping[str, Kernel] | None = None
    command: tuple[str, ...] = field(default=("python",))
    is_conda: bool = False

    def choose(self, wanted: str, *, environment: str) -> Choice:
        """Return what runs a notebook.

        Args:
            wanted: The kernel that the notebook names.
            environment: The environment's name, for the error.

        Raises:
            InputError: The environment does not have it, or jobs cannot use it.
        """
        name = self.fixed or wanted
        if self.known is None:
            return Choice(command=self.command, kernel=self.fixed or None)
        found = self.known.get(name)
        if found is None and self.is_conda:
            found = self.known.get(conda.own_name(name))
        if found is None:
            has = ", ".join(sorted(self.known)) or "none"
            raise InputError(
                f"The notebook's kernel '{name[:80]}' is not in the environment '{environment}', which has: {has}",
                hint="Open the notebook, choose one of these kernels, and save it, or choose another environment",
            )
        if found.problem:
            raise InputError(
                f"The notebook's kernel '{found.name}' cannot be used for jobs: {found.problem}",
                hint="Add the package papermill to it, or choose another environment or kernel",
            )
        kernel = found.own_name or found.name
        return Choice(command=found.command or self.command, kernel=None if kernel == wanted else kernel)


def named(names: Iterable[str]) -> dict[str, Kernel]:
    """Return kernels of which only the names are known, by name."""
    return {name: Kernel(name=name) for name in names}
