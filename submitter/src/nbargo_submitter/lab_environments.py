"""What the lab itself offers to run notebooks in: its kernels and the conda environments of its user.

Both are true for a job only where its pod is what the lab's is: in the same image, or on a volume that both mount.
"""

import asyncio
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from jupyter_core.utils import ensure_async
from traitlets import Bool, List, Unicode, default

from nbargo_submitter import conda
from nbargo_submitter.conda import CondaEnvironment
from nbargo_submitter.kernels import Kernel
from nbargo_submitter.lab_pod import LabPodTraits

_LAB_IMAGE_VARIABLES: Final = ("JUPYTER_IMAGE_SPEC", "JUPYTER_IMAGE")

KEPT_SECONDS: Final = 20.0
"""How long a look at the disk counts. The form asks each time that it opens; a home may be a network volume."""

_SPECS_SECONDS: Final = 10.0
"""As long as the lab waits for `conda info`, which nb_conda_kernels runs, before it does without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What there was at one look.

    Attributes:
        kernels: The lab's kernels by name; None if they could not be asked for.
        conda: The conda environments that can run a notebook.
    """

    kernels: Mapping[str, Kernel] | None = None
    conda: tuple[CondaEnvironment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a job's pod is the same as the lab's.

    Attributes:
        same_image: Whether jobs run in the lab's image.
        mounts: Folders that both mount.
        conda_folders: Patterns of folders with conda environments, beside those that conda knows.
    """

    same_image: bool = False
    mounts: Sequence[str] = ()
    conda_folders: Sequence[str] = ()

    def is_shared(self, prefix: Path) -> bool:
        """Return whether a folder of the lab is there for jobs, too."""
        return self.same_image or any(PurePosixPath(prefix).is_relative_to(mount) for mount in self.mounts)


class LabTraits(LabPodTraits):
    """The settings of ArgoScheduler for what the lab itself offers."""

    lab_image = Unicode(
        config=True,
        help="""The image that this lab runs in. In jobs of the same image the notebook's kernel is checked before they
        are submitted, and the lab's kernels and conda environments are offered. Default: the one in NBARGO_LAB_POD,
        else the one that JupyterHub started this lab with (JUPYTER_IMAGE_SPEC, JUPYTER_IMAGE).""",
    )
    lab_environments = Bool(
        None,
        allow_none=True,
        config=True,
        help="""Whether the lab's image, its kernels and the user's conda environments with papermill are offered beside
        `environments`. Default: if `environments` is empty.""",
    )
    conda_folders = List(
        trait=Unicode(),
        config=True,
        help="""Patterns of folders with conda environments, such as "/home/conda/*/envs", beside those that conda
        itself knows (environments.txt, CONDA_ENVS_PATH, envs_dirs in condarc files). One is offered if jobs see it:
        in the lab's image, or below one of `volume_mounts`.""",
    )

    @default("lab_image")
    def _default_lab_image(self) -> str:
        given = (self.of_lab_pod("image"), *map(os.environ.get, _LAB_IMAGE_VARIABLES))
        return next((image for image in given if image), "")


@dataclass(slots=True)
class LabEnvironments:
    """Looks at the lab's kernels and at the disk, beside the event loop and not too often.

    Attributes:
        place: Where jobs see the same as the lab.
        kernel_specs: The lab server's manager of kernels; None before the server runs.
    """

    place: Place = field(default_factory=Place)
    kernel_specs: Any = None
    _seen: Seen = field(default_factory=Seen)
    _until: float = 0.0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def seen(self, *, fresh: bool = False) -> Seen:
        """Return what there is.

        Args:
            fresh: Whether to look again, because something is missing.
        """
        async with self._lock:
            if fresh or time.monotonic() >= self._until:
                self._seen = await self._look()
                self._until = time.monotonic() + KEPT_SECONDS
            return self._seen

    async def _look(self) -> Seen:
        specs = await self._specs() if self.kernel_specs is not None and self.place.same_image else None
        own = [Path(path) for path in map(_conda_prefix, (specs or {}).values()) if path]
        found = await asyncio.to_thread(self._conda, own)
        return Seen(kernels=None if specs is None else _kernels(specs, found), conda=tuple(found))

    async def _specs(self) -> dict[str, Any] | None:
        try:
            found = await asyncio.wait_for(asyncio.to_thread(self.kernel_specs.get_all_specs), _SPECS_SECONDS)
            specs: dict[str, Any] = await ensure_async(found)
        except Exception:  # noqa: BLE001 - another package's manager may raise anything; the job's pod will say it
            return None
        return specs

    def _conda(self, own: Iterable[Path]) -> list[CondaEnvironment]:
        prefixes = conda.find(os.environ, home=Path.home(), more=self.place.conda_folders)
        known = {os.path.realpath(prefix): prefix for prefix in (*prefixes, *own)}
        shared = [prefix for prefix in known.values() if self.place.is_shared(prefix)]
        return [found for found in map(conda.inspect, shared) if found]


def _kernels(specs: Mapping[str, Any], environments: Iterable[CondaEnvironment]) -> dict[str, Kernel]:
    by_prefix = {os.path.realpath(environment.prefix): environment for environment in environments}
    return {name: _kernel(name, entry, by_prefix) for name, entry in specs.items()}


def _kernel(name: str, entry: Mapping[str, Any], environments: Mapping[str, CondaEnvironment]) -> Kernel:
    label = str((entry.get("spec") or {}).get("display_name") or name)
    metadata = _metadata(entry)
    own_name = str(metadata.get("conda_raw_kernel_name") or conda.own_name(name))
    prefix = _conda_prefix(entry)
    if not prefix:
        return Kernel(name=name, label=label, own_name=own_name if metadata.get("conda_env_path") else "")
    environment = environments.get(os.path.realpath(prefix))
    if environment is None:
        problem = f"its conda environment {prefix} has no papermill, or jobs cannot see it"
        return Kernel(name=name, label=label, problem=problem)
    return Kernel(name=name, label=label, own_name=own_name, command=environment.command())


def _conda_prefix(entry: Mapping[str, Any]) -> str:
    """Return the folder of the conda environment of a kernel; "" for the lab's own environment, and other kernels.

    nb_conda_kernels says it in the kernel's metadata.
    """
    metadata = _metadata(entry)
    return "" if metadata.get("conda_is_currently_running") else str(metadata.get("conda_env_path") or "")


def _metadata(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return (entry.get("spec") or {}).get("metadata") or {}
