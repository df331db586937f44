"""`make images`: what it runs, and what it says where there is no engine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def make(path: Path, *settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{path}:{os.environ['PATH']}"}
    command = ["make", "--no-print-directory", "images", *settings]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def engine(folder: Path, *, works: bool) -> None:
    program = folder / "engine"
    program.write_text(f'#!/bin/sh\n[ "$1" = info ] && exit {0 if works else 1}\necho "$@"\n')
    program.chmod(0o755)


def test_it_builds_both_images_with_the_charts_tag(tmp_path: Path) -> None:
    engine(tmp_path, works=True)
    tag = yaml.safe_load((ROOT / "helm" / "nbargo" / "Chart.yaml").read_text())["appVersion"]
    assert make(tmp_path, "ENGINE=engine").stdout.splitlines() == [
        f"build --file images/{name}/Dockerfile --tag nbargo-{name}:{tag} ." for name in ("watcher", "lab")
    ]


def test_registry_and_tag_can_be_chosen(tmp_path: Path) -> None:
    engine(tmp_path, works=True)
    told = make(tmp_path, "ENGINE=engine", "REGISTRY=registry.example/team", "TAG=dev").stdout
    assert "--tag registry.example/team/nbargo-watcher:dev" in told
    assert "--tag registry.example/team/nbargo-lab:dev" in told


def test_without_an_engine_it_says_what_to_do(tmp_path: Path) -> None:
    missing = make(tmp_path, "ENGINE=engine")
    assert missing.returncode == 2
    assert "There is no 'engine': install Docker or Podman" in missing.stderr
    engine(tmp_path, works=False)
    down = make(tmp_path, "ENGINE=engine")
    assert down.returncode == 2
    assert "'engine info' fails: start the engine" in down.stderr
