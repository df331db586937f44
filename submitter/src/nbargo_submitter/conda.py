"""The conda environments that a lab's user can see, found without starting conda, which takes a second.

Where they are is what `conda env list` goes by: ~/.conda/environments.txt, the folders of CONDA_ENVS_PATH and of
`envs_dirs` in the condarc files, and the installation's own. conda-store and Nebari name the folders of a user's
namespaces in a condarc file; an administrator may name more.
"""

import glob
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_MAX_FOUND: Final = 200
_NAMED_BY_LAB: Final = {"py": "python3", "r": "ir"}
"""How nb_conda_kernels abbreviates the last part of `conda-env-<environment>-<kernel>`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaEnvironment:
    """One environment that can run a notebook.

    Attributes:
        name: The name of its folder.
        prefix: Its folder.
        kernels: Names of the kernels that are installed in it.
    """

    name: str
    prefix: Path
    kernels: tuple[str, ...]

    def command(self) -> tuple[str, ...]:
        """Return what runs a program with its Python, and with its other programs on the path, as activating does."""
        quoted = "'" + str(self.prefix).replace("'", "'\\''") + "'"
        python = f'exec {quoted}/bin/python "$@"'
        return ("sh", "-c", f"PATH={quoted}/bin:$PATH CONDA_PREFIX={quoted} {python}", "sh")


def find(environ: Mapping[str, str], *, home: Path, more: Iterable[str] = ()) -> list[Path]:
    """Return the folders of the environments in the order of their names. Blocks: it reads folders.

    Args:
        environ: The lab's environment variables.
        home: The user's home.
        more: Patterns of more folders that hold environments, such as `/home/conda/*/envs`.
    """
    found: dict[str, Path] = {}
    for prefix in (*_listed(home), *_in_folders(environ, home, more)):
        # os.path: pathlib raises for what may not be looked at
        if len(found) < _MAX_FOUND and os.path.isdir(prefix / "conda-meta"):  # noqa: PTH112
            found.setdefault(os.path.realpath(prefix), prefix)
    return sorted(found.values(), key=lambda prefix: (prefix.name, prefix))


def inspect(prefix: Path) -> CondaEnvironment | None:
    """Return an environment if it has papermill and Python; None if it cannot run a notebook. Blocks.

    Args:
        prefix: Its folder.
    """
    is_plain = str(prefix).isprintable() and "{{" not in str(prefix) and "$(" not in str(prefix)
    try:
        if not (is_plain and (prefix / "bin/python").exists() and _has_papermill(prefix)):
            return None
        kernels = sorted(path.parent.name for path in prefix.glob("share/jupyter/kernels/*/kernel.json"))
    except OSError:  # it is another user's, or its volume is gone
        return None
    return CondaEnvironment(name=prefix.name, prefix=prefix, kernels=tuple(kernels))


def own_name(kernel: str) -> str:
    """Return the name that a kernel has in its own environment, of the name that nb_conda_kernels gives it.

    Args:
        kernel: Such as conda-env-analytics-py.
    """
    if not kernel.startswith("conda-"):
        return kernel
    last = kernel.rpartition("-")[2]
    return _NAMED_BY_LAB.get(last, last)


def _has_papermill(prefix: Path) -> bool:
    by_conda = prefix.glob("conda-meta/papermill-[0-9]*.json")
    by_pip = prefix.glob("lib/python3.*/site-packages/papermill/__init__.py")
    return any(True for _ in by_conda) or any(True for _ in by_pip)


def _listed(home: Path) -> Iterator[Path]:
    with suppress(OSError, UnicodeDecodeError):
        for line in (home / ".conda/environments.txt").read_text(encoding="utf-8").splitlines():
            if Path(line.strip()).is_absolute():
                yield Path(line.strip())


def _in_folders(environ: Mapping[str, str], home: Path, more: Iterable[str]) -> Iterator[Path]:
    roots = _roots(environ)
    named = environ.get("CONDA_ENVS_DIRS") or environ.get("CONDA_ENVS_PATH") or ""
    patterns = [*more, *filter(None, named.split(os.pathsep)), *_of_condarc(roots, home), f"{home}/.conda/envs"]
    for pattern in (*patterns, *(f"{root}/envs" for root in roots)):
        whole = os.path.expandvars(pattern.replace("~", str(home), 1) if pattern.startswith("~") else pattern)
        for folder in sorted(glob.glob(whole)):  # noqa: PTH207 - an absolute pattern
            with suppress(OSError):
                yield from sorted(path for path in Path(folder).iterdir() if not path.name.startswith("."))


def _roots(environ: Mapping[str, str]) -> list[Path]:
    """Return the folders of the conda installations."""
    roots = [Path(environ["CONDA_EXE"]).parent.parent] if environ.get("CONDA_EXE") else []
    named = [environ.get("CONDA_ROOT"), environ.get("MAMBA_ROOT_PREFIX"), environ.get("CONDA_DIR")]
    return roots + [Path(name) for name in named if name]


def _of_condarc(roots: Iterable[Path], home: Path) -> Iterator[str]:
    files = [home / ".condarc", home / ".conda/condarc", *(root / ".condarc" for root in roots)]
    for path in (*files, Path("/etc/conda/.condarc"), Path("/etc/conda/condarc")):
        folders = _read(path).get("envs_dirs") or _read(path).get("envs_path") or ()
        if isinstance(folders, list):
            yield from (folder for folder in folders if isinstance(folder, str))


def _read(path: Path) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 - not at the lab's start

    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return read if isinstance(read, dict) else {}
