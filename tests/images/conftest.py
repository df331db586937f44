"""The images, built once by their Dockerfiles' steps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jupyter_scheduler.orm import create_tables

from images import container
from images.cluster import Cluster
from images.dockerfile import Built, build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
JUPYTER = ("jupyterlab", "ipykernel")
"""What stands for a Jupyter image; in it, everything else is as the Dockerfile leaves it."""


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder that every user can look into, unlike pytest's own."""
    container.require()
    made = Path(tempfile.mkdtemp(prefix="nbargo-images-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def built(name: str, folder: Path, path: str) -> Built:
    began = time.monotonic()
    root = folder / name
    root.mkdir()
    image = build(ROOT / "images" / name / "Dockerfile", context=ROOT, root=root, path=path)
    print(f"\nthe {name}'s image: {time.monotonic() - began:.0f} s")  # noqa: T201 - a figure of the log
    for found in (root, *root.rglob("*")):
        if not found.is_symlink():
            found.chmod(found.stat().st_mode & ~0o222)
    return image


@pytest.fixture(scope="session")
def watcher_image(folder: Path) -> Built:
    # `python3` of the Dockerfile is that of the base image.
    path = folder / "path"
    path.mkdir()
    (path / "python3").write_text(f'#!/bin/sh\nexec {container.python()} "$@"\n')
    (path / "python3").chmod(0o755)
    return built("watcher", folder, f"{path}:/usr/bin:/bin")


@pytest.fixture(scope="session")
def lab_image(folder: Path) -> Built:
    """Its steps in an environment that has what a Jupyter image has."""
    base, uv = folder / "jupyter", Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--seed", "--python", container.python(), base], check=True)
    pins = ("--constraint", ROOT / "pins" / "dev.txt")
    subprocess.run([uv, "pip", "install", "--quiet", "--python", base / "bin" / "python", *pins, *JUPYTER], check=True)
    return built("lab", folder, f"{base / 'bin'}:/usr/bin:/bin")


@pytest.fixture
def home(folder: Path) -> Iterator[Path]:
    """A user's home volume, with the database that a lab has made."""
    made = Path(tempfile.mkdtemp(prefix="home-", dir=folder))
    data = made / ".local" / "share" / "jupyter"
    (data / "scheduler_staging_area").mkdir(parents=True)
    create_tables(f"sqlite:///{data / 'scheduler.sqlite'}")
    for found in (made, *made.rglob("*")):
        os.chown(found, container.UID, container.GID)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def cluster(tmp_path: Path, home: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path, home / ".local" / "share" / "jupyter" / "scheduler_staging_area") as cluster:
        for found in (cluster.account, *cluster.account.iterdir()):
            os.chown(found, container.UID, container.GID)
        yield cluster


@pytest.fixture(scope="session")
def snapshot() -> Callable[[Path], dict[Path, tuple[int, int]]]:
    """What is in a folder: size and time of each file."""

    def take(folder: Path) -> dict[Path, tuple[int, int]]:
        found = ((path, path.lstat()) for path in folder.rglob("*"))
        return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in found}

    return take
