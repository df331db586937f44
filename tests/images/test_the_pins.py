"""The files of pins: the images get what the wheels need, in the versions that everything is tested with."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PINS = ROOT / "pins"
MEMBERS = ("shared", "watcher", "submitter", "local")
IMAGES = ("watcher.txt", "lab.txt")


def load_writer() -> Any:
    spec = importlib.util.spec_from_file_location("write_pins", PINS / "write.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pinned(name: str) -> dict[str, str]:
    lines = (PINS / name).read_text().splitlines()
    return {line.partition("==")[0]: re.split(r"==| ;", line)[1] for line in lines}


@pytest.mark.parametrize("name", IMAGES)
def test_each_pin_is_the_version_of_development(name: str) -> None:
    dev = pinned("dev.txt")
    assert pinned(name).items() <= dev.items()


@pytest.mark.parametrize("name", IMAGES)
def test_the_pins_are_what_the_packages_need(name: str) -> None:
    assert (PINS / name).read_text() == load_writer().wanted()[name], "run: make pins"


def test_the_watcher_needs_no_part_of_the_lab() -> None:
    foreign = {"jupyterlab", "jupyter-server", "jupyter-scheduler", "kubernetes", "hera-workflows", "sqlalchemy"}
    assert not foreign & pinned("watcher.txt").keys()
    assert {"jupyter-scheduler", "kubernetes", "hera-workflows", "papermill"} <= pinned("lab.txt").keys()
    assert not {"jupyterlab", "jupyter-server", "ipykernel"} & pinned("lab.txt").keys()


def test_an_extra_counts_and_a_marker_counts_for_its_python() -> None:
    closure = load_writer().closure
    assert "kubernetes" in closure(["nbargo-watcher[kubeconfig]"], python="3.11")
    assert "kubernetes" not in closure(["nbargo-watcher"], python="3.11")
    assert "overrides" in closure(["jupyter-server"], python="3.11")
    assert "overrides" not in closure(["jupyter-server"], python="3.12")


def test_the_members_requirements_are_those_that_are_resolved() -> None:
    """What the local Argo's demo needs beside them is in dev.in."""

    def needed(member: str) -> set[str]:
        project = tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"]
        extras = project.get("optional-dependencies", {}).get("kubeconfig", [])
        return {
            each for each in [*project["dependencies"], *extras] if not Requirement(each).name.startswith("nbargo-")
        }

    lines = (PINS / "members.in").read_text().splitlines()
    assert {line for line in lines if not line.startswith("#")} == set().union(*map(needed, MEMBERS))
