"""Why a run failed, for whoever has to do something about it: what the libraries say is seldom enough."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from . import memory
from .errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .run import Run

VOLUME = {
    errno.ENOSPC: "the volume is full: make room on it, or ask the administrator for a larger one",
    errno.EDQUOT: "your quota on the volume is used up: make room on it, or ask the administrator for more",
    errno.EROFS: "the volume is read-only in the job's pod: ask the administrator to mount it writable",
    errno.ESTALE: "the volume has lost the job's directory: ask the administrator whether its server was restarted",
    errno.EIO: "the volume does not work (input/output error): ask the administrator to look at it",
}
NO_MODULE = re.compile(r"No module named '?([A-Za-z_]\w*)")
PACKAGES = {"ipykernel_launcher": "ipykernel"}


def of_volume(run: Run, error: OSError) -> RunError:
    """Return why the job's files cannot be written."""
    return RunError(type(error).__name__, f"the job's files cannot be written: {_volume(run, error)}")


def of_input(run: Run, error: Exception) -> RunError:
    """Return why the notebook cannot be read."""
    name = run.input.name
    if isinstance(error, FileNotFoundError):
        text = f"the notebook {name} is not in the job's directory any more: submit the job again"
    elif isinstance(error, OSError):
        text = f"the notebook {name} cannot be read: {VOLUME.get(error.errno or 0) or error.strerror}"
    else:
        text = f"the file {name} is not a notebook: {error}"
    return RunError(type(error).__name__, text)


def of_format(run: Run, name: str, error: Exception) -> RunError:
    """Return why a format could not be made."""
    if isinstance(error, RunError):
        return RunError(error.name, f"the format {name} could not be made: {error.message}")
    known = isinstance(error, OSError) and error.errno in VOLUME
    reason = _volume(run, error) if isinstance(error, OSError) and known else str(error) or type(error).__name__
    return RunError(type(error).__name__, f"the format {name} could not be made: {reason}")


def of_papermill(run: Run, error: Exception, kernel: str, kills: int, recent: Iterable[str]) -> RunError:
    """Return why papermill gave up; kills is how often memory had run out before, recent are lines of the log."""
    name, text = type(error).__name__, str(error)
    if name == "DeadKernelError":
        return _dead_kernel(run, kills)
    if _is_stillborn(error):
        return RunError("DeadKernelError", f"the kernel {kernel} ended while it started: {_start(recent)}")
    if isinstance(error, RuntimeError) and text.startswith("Kernel didn't respond"):
        return RunError("TimeoutError", f"the kernel {kernel} was started and does not answer: {text}")
    if isinstance(error, OSError) and error.filename and not _is_below(error.filename, run.directory):
        return RunError(name, f"the kernel {kernel} cannot be started: {error.strerror}: {error.filename}")
    if isinstance(error, OSError) and error.errno in {*VOLUME, errno.ENOENT, errno.EACCES, errno.EPERM}:
        return of_volume(run, error)
    return RunError(name, text)


def is_port_taken(error: Exception, recent: Iterable[str]) -> bool:
    """Return whether a kernel ended because another program listens on a port that was to be its own."""
    return _is_stillborn(error) and any("Address already in use" in line for line in recent)


def _is_stillborn(error: Exception) -> bool:
    return isinstance(error, RuntimeError) and str(error).startswith("Kernel died before")


def _dead_kernel(run: Run, kills: int) -> RunError:
    limit = memory.limit()
    if memory.kills() > kills:
        allowed = f": its limit is {memory.shown(limit)}" if limit else ""
        return RunError("MemoryError", f"the notebook ran out of memory{allowed}", run.last_cell())
    allowed = f"the limit is {memory.shown(limit)}" if limit else "there is no limit but the node's"
    text = f"the kernel died, most often because memory ran out ({allowed})"
    return RunError("DeadKernelError", text, run.last_cell())


def _start(recent: Iterable[str]) -> str:
    missing = [found.group(1) for found in map(NO_MODULE.search, recent) if found]
    if missing:
        package = PACKAGES.get(missing[-1], missing[-1])
        return f"{package} is not installed in its environment: add the package {package}"
    return "the job's log has what it printed"


def _volume(run: Run, error: OSError) -> str:
    directory = run.directory
    if error.errno == errno.ENOENT:
        return f"{directory} is not there: the job was deleted, or its volume is not mounted there in the job's pod"
    if error.errno in {errno.EACCES, errno.EPERM}:
        try:
            owner = f"belongs to user {directory.stat().st_uid}"
        except OSError:
            owner = "is closed to it"
        return f"the job's pod runs as user {os.getuid()}, and {directory} {owner}: ask the administrator"
    return VOLUME.get(error.errno or 0) or str(error)


def _is_below(path: str | bytes, directory: Path) -> bool:
    return directory in Path(os.fsdecode(path)).parents
