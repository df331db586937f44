"""Whether a program can be started, and what Argo's executor says where it cannot."""

import shutil
import stat
from pathlib import Path
from typing import Final

EXECUTOR_FAILED: Final = 64
"""The exit code of Argo's executor for a failure of its own: a program that cannot start, a missing output."""

_ANYBODY_EXECUTES: Final = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


class StartError(Exception):
    """A program cannot be started; the text is that of Argo's executor.

    Args:
        name: The program, as the command names it.
        reason: What Go's exec.LookPath says.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f'failed to find name in PATH: exec: "{name}": {reason}')


def check_program(name: str, path: str) -> None:
    """Check that a program can be started.

    Args:
        name: The first word of a command.
        path: The variable PATH that it is looked up in, if it holds no slash.

    Raises:
        StartError: It cannot.
    """
    if "/" not in name:
        if shutil.which(name, path=path) is None:
            raise StartError(name, "executable file not found in $PATH")
        return
    try:
        mode = Path(name).stat().st_mode
    except OSError as error:
        raise StartError(name, f"stat {name}: {(error.strerror or str(error)).lower()}") from error
    if stat.S_ISDIR(mode):
        raise StartError(name, "is a directory")
    if not mode & _ANYBODY_EXECUTES:
        raise StartError(name, "permission denied")
