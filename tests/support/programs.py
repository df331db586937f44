"""Real programs under test: started with a log, stopped by their own id."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.waiting import eventually

_GRACE_SECONDS = 45.0


class Program:
    """One program in a session of its own."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                list(command),
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def check_alive(self) -> None:
        assert not self.has_ended, f"ended with {self._process.returncode}:\n{self.output[-4000:]}"

    def kill(self) -> None:
        """SIGKILL to this one process, as a crash does it."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM, then SIGKILL to what is left of the group; returns the exit status."""
        if self.has_ended:
            return self._process.returncode
        self._process.terminate()
        try:
            return self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
            raise AssertionError(f"did not end within {_GRACE_SECONDS} s:\n{self.output[-4000:]}") from None


def is_running(pid: int) -> bool:
    """Whether a process lives: a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in {"Z", "X"}


def wait_until_gone(pid: int, *, seconds: float) -> None:
    eventually(lambda: not is_running(pid), what=f"process {pid} has ended", seconds=seconds)
