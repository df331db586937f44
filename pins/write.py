"""Write the pins of the images from those of development: `make pins` runs this.

What an image gets follows from what is installed here, package by package; no index is asked. `watcher.txt` has what
the watcher needs and nothing else. `lab.txt` has what the lab's packages and papermill need beside JupyterLab and a
kernel, which a Jupyter image brings along in its own versions.
"""
# ruff: noqa: INP001 - a script, not a package

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import requires
from pathlib import Path
from typing import Final

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PINS: Final = Path(__file__).parent
PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
"""The Pythons of the images, all on Linux."""
WATCHER: Final = ("nbargo-watcher",)
LAB: Final = ("nbargo-submitter", "papermill")
JUPYTER: Final = ("jupyterlab", "ipykernel")
"""What a Jupyter image has in any case."""
_PIN: Final = re.compile(r"([\w.-]+)==\S+(?: ; .+)?")


def closure(names: Iterable[str], *, python: str) -> set[str]:
    """Return the packages that some packages need, with themselves.

    Args:
        names: The packages, as requirements: extras count.
        python: The version of Python, with one dot.
    """
    found: set[tuple[str, str]] = set()
    waiting = list(names)
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) not in found:
                found.add((name, extra))
                waiting += _needs(name, extra=extra, python=python)
    return {name for name, _ in found}


def _needs(name: str, *, extra: str, python: str) -> Iterator[str]:
    here = {name: str(value) for name, value in default_environment().items()}
    linux = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
    there = here | linux | {"python_version": python, "python_full_version": f"{python}.0", "extra": extra}
    for text in requires(name) or ():
        needed = Requirement(text)
        if needed.marker is None or needed.marker.evaluate(there):
            yield f"{needed.name}[{','.join(needed.extras)}]" if needed.extras else needed.name


def wanted() -> dict[str, str]:
    """Return what the files must be, by name."""
    dev = (PINS / "dev.txt").read_text(encoding="utf-8").splitlines()
    watcher = {python: closure(WATCHER, python=python) for python in PYTHONS}
    lab = {python: closure(LAB, python=python) - closure(JUPYTER, python=python) for python in PYTHONS}
    return {"watcher.txt": "".join(_pinned(dev, watcher)), "lab.txt": "".join(_pinned(dev, lab))}


def _pinned(dev: Iterable[str], needed: dict[str, set[str]]) -> Iterator[str]:
    for line in dev:
        if not (pin := _PIN.fullmatch(line)):
            raise ValueError(line)
        pythons = [python for python in PYTHONS if pin[1] in needed[python]]
        if not pythons:
            continue
        # A marker that dev.txt has is that of all who need the package, and so says enough.
        everywhere = len(pythons) == len(PYTHONS) or ";" in line
        yield f"{line}\n" if everywhere else f"{line} ; python_version <= '{pythons[-1]}'\n"


if __name__ == "__main__":
    for name, text in wanted().items():
        (PINS / name).write_text(text, encoding="utf-8")
