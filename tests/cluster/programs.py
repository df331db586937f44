"""Start, watch over and end the programs of the test's control plane."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cluster.kube import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

STOP_SECONDS = 10.0
TAIL_LINES = 15
_NUMBER = re.compile(r"[-:.]?\d+")


class ProgramError(Exception):
    """A program of the control plane ended, or did not become ready; with the end of its log."""


@dataclass(slots=True)
class Program:
    """One program with its log file; it can be killed and started again.

    Args:
        name: For messages and the log file's name.
        command: The program and its arguments.
        directory: Where its log is written; also its working directory.
        env: Variables that it gets besides HOME and PATH.
    """

    name: str
    command: Sequence[str | Path]
    directory: Path
    env: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """The file that gets the program's output; later starts append to it."""
        return self.directory / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """The process id of the running program."""
        if self.process is None:
            raise ProgramError(f"{self.name} is not running")
        return self.process.pid

    def start(self) -> None:
        """Start the program."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(part) for part in self.command],
                cwd=self.directory,
                env={"HOME": str(self.directory), "PATH": os.environ["PATH"], **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def check(self) -> None:
        """Raise ProgramError if the program ended by itself."""
        if self.process is not None and self.process.poll() is not None:
            raise ProgramError(f"{self.name} ended with {self.process.returncode}\n{self.tail()}")

    def wait_ready(self, ready: Callable[[], bool], *, timeout: float = 90.0) -> None:
        """Wait until a condition holds.

        Args:
            ready: The condition.
            timeout: Seconds to wait at most.

        Raises:
            ProgramError: The program ended, or the time did.
        """

        def check() -> bool:
            self.check()
            return ready()

        try:
            wait_until(f"{self.name} is ready", check, timeout=timeout)
        except TimeoutError as error:
            raise ProgramError(f"{error}\n{self.tail()}") from None

    def kill(self) -> None:
        """End the program as a crash would, with SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the program with SIGTERM, and with SIGKILL if it does not obey."""
        self._end(signal.SIGTERM)

    def tail(self) -> str:
        """Return the last lines of the log."""
        lines = self._lines()[-TAIL_LINES:]
        return f"the end of {self.log}:\n" + "\n".join(lines)

    def told(self, names: Collection[str]) -> list[str]:
        """Return the log's lines with one of some names, each kind of line once: controllers repeat themselves."""
        found: dict[str, str] = {}
        for line in self._lines():
            if any(name in line for name in names):
                found.setdefault(_NUMBER.sub("", line), line)
        return list(found.values())

    def _lines(self) -> list[str]:
        return self.log.read_text(errors="replace").splitlines()

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None
