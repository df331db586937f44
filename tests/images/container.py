"""Programs of an image, run as in a pod: another user, no variables but those named, nothing writable but the home."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.programs import Program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from images.dockerfile import Built

SCRIPT = Path(__file__).with_name("container.sh")
UID, GID = 1000, 100
HOME = "/home/jovyan"
"""Where the volume is mounted, as helm/nbargo has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """An image with the volumes of a pod.

    Attributes:
        image: The image.
        home: The volume that is mounted at HOME; None for none.
        account: The service account's files; None for none.
    """

    image: Built
    home: Path | None = None
    account: Path | None = None

    def command(self, *words: str | Path, variables: Mapping[str, str] | None = None) -> list[str]:
        """Return the command line that runs a program in it.

        Args:
            words: The program and its arguments.
            variables: What the pod adds to the image's environment.
        """
        environment = {**self.image.variables(), **(variables or {})}
        pairs = [f"{name}={value}" for name, value in environment.items()]
        volumes = [str(each or "") for each in (self.home, self.account)]
        return ["unshare", "--mount", "sh", str(SCRIPT), *volumes, "env", "-i", *pairs, *map(str, words)]

    def run(self, *words: str | Path, variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        command = self.command(*words, variables=variables)
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120
        )

    def start(self, *words: str | Path, log: Path, variables: Mapping[str, str] | None = None) -> Program:
        """Start a program."""
        return Program(self.command(*words, variables=variables), environment=os.environ, log=log)


def require() -> None:
    """Skip a test on a machine that cannot do this; in CI fail it, lest nobody notice."""
    reason = ""
    if os.geteuid() != 0:
        reason = "another user and mounts of one's own need root"
    elif missing := [name for name in ("unshare", "setpriv") if not shutil.which(name)]:
        reason = f"there is no {' or '.join(missing)} (util-linux)"
    elif subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        reason = "this machine does not let root mount"
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


def python() -> Path:
    """Return a Python of the machine that every user can run, as that of a base image is.

    Raises:
        AssertionError: There is none.
    """
    asked = "import ensurepip, sys; print(sys.version_info >= (3, 11))"
    for folder in ("/usr/local/bin", "/usr/bin"):
        program = Path(folder) / "python3"
        command = ["setpriv", f"--reuid={UID}", f"--regid={GID}", "--clear-groups", str(program), "-c", asked]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        if done.stdout.strip() == "True":
            return program
    raise AssertionError("no Python 3.11 that every user can run: install python3 and python3-venv")
