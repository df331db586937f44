"""A Dockerfile's own steps, carried out in a folder: what is tested is what the images are made by.

Every absolute path that a Dockerfile makes lies below the folder instead, in commands and settings alike. A base image
is the machine with its Python, or an environment that the caller puts first on the PATH.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

MADE = ("/src", "/build", "/opt/nbargo")
"""The folders that the Dockerfiles make."""
_PASSED_ON = re.compile(r"PIP_|SSL_|REQUESTS_|(HTTPS?|NO)_PROXY$|HOME$|XDG_CACHE_HOME$", re.IGNORECASE)
"""Variables that say how this machine reaches a package index; an engine has settings of its own for it."""
RUN_SECONDS = 280


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction.

    Attributes:
        word: FROM, COPY, RUN and so on.
        text: What follows it, on one line.
    """

    word: str
    text: str


@dataclass(kw_only=True)
class Built:
    """An image as the steps leave it.

    Attributes:
        root: The folder that stands for `/`.
        path: PATH of the base image.
        environment: Its ENV, with paths below the root.
        user: Its USER.
        entrypoint: Its ENTRYPOINT, with paths below the root.
    """

    root: Path
    path: str
    environment: dict[str, str] = field(default_factory=dict)
    user: str = ""
    entrypoint: list[str] = field(default_factory=list)

    @property
    def tree(self) -> Path:
        """What the image has beside its base."""
        return self.root / "opt" / "nbargo"

    def here(self, text: str) -> str:
        """Return a text with the image's paths as they are on this machine."""
        folders = "|".join(map(re.escape, MADE))
        return re.sub(rf"(?<![\w/.-])({folders})(?![\w.-])", lambda found: f"{self.root}{found[0]}", text)

    def variables(self) -> dict[str, str]:
        """Return the environment of a program in it."""
        return {"PATH": self.path, **self.environment}


def steps(text: str) -> list[Step]:
    """Return a Dockerfile's instructions."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [Step(*re.split(r"\s+", line, maxsplit=1)) for line in joined.splitlines()]


def build(dockerfile: Path, *, context: Path, root: Path, path: str) -> Built:
    """Carry out a Dockerfile's steps and return the image of its last stage.

    Args:
        dockerfile: The file.
        context: The folder that its COPY takes from, which is the repository's root.
        root: An empty folder.
        path: PATH of the base image.

    Raises:
        ValueError: There is an instruction that is not known here.
    """
    image, folder = Built(root=root, path=path), root
    kept: set[Path] = set()
    for step in steps(dockerfile.read_text()):
        match step.word:
            case "FROM":
                image, folder = Built(root=root, path=path), root
                kept = set()
            case "WORKDIR":
                folder = Path(image.here(step.text))
                folder.mkdir(parents=True)
            case "COPY":
                kept.add(_copy(image, step.text.split(), context=context, folder=folder))
            case "RUN":
                _run(image, step.text, folder)
            case _:
                _set(image, step)
    _leave(root, kept)
    return image


def _set(image: Built, step: Step) -> None:
    match step.word:
        case "ENV":
            pairs = re.findall(r"(\w+)=(\S+)", step.text)
            image.environment |= {name: image.here(value) for name, value in pairs}
        case "USER":
            image.user = step.text
        case "ENTRYPOINT":
            image.entrypoint = [image.here(word) for word in json.loads(step.text)]
        case "ARG":
            pass
        case _:
            raise ValueError(step)


def _copy(image: Built, words: list[str], *, context: Path, folder: Path) -> Path:
    """Copy what a COPY names; what it takes from another stage to the same place is there already."""
    whence = words.pop(0) if words[0].startswith("--from=") else ""
    source, target = (image.here(word) for word in words)
    found = Path(source) if whence else context / source
    place = folder / target / (found.name if target.endswith("/") else "")
    if found != place:
        place.parent.mkdir(parents=True, exist_ok=True)
        if found.is_dir():
            shutil.copytree(found, place, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy2(found, place)
    return place


def _run(image: Built, command: str, folder: Path) -> None:
    outer = {name: value for name, value in os.environ.items() if _PASSED_ON.match(name)}
    done = subprocess.run(
        ["/bin/sh", "-ec", image.here(command)],
        cwd=folder,
        env={**outer, **image.variables()},
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_SECONDS,
    )
    assert done.returncode == 0, f"RUN {command}\n{done.stdout}{done.stderr}"


def _leave(root: Path, kept: set[Path]) -> None:
    """Remove what only the stages before the last one have."""
    for found in sorted(root.rglob("*"), reverse=True):
        if any(found == keep or keep in found.parents or found in keep.parents for keep in kept):
            continue
        if found.is_dir() and not found.is_symlink():
            found.rmdir()
        else:
            found.unlink()
