"""Files of the job's directory."""

from __future__ import annotations

import os
import re
from pathlib import Path

TEMPORARY = ".nbargo.part"
_BYPRODUCTS = ("__pycache__", ".ipynb_checkpoints")


def walk(directory: Path) -> list[str]:
    """Return the regular files below a directory, as relative paths."""
    found = []
    for root, folders, names in os.walk(str(directory)):
        folders[:] = [folder for folder in folders if folder not in _BYPRODUCTS]
        paths = [Path(root, name) for name in names]
        found += [str(path.relative_to(directory)) for path in paths if path.is_file()]
    return found


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader finds it whole or not at all; raises OSError if its directory is gone."""
    temporary = path.parent / TEMPORARY
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        if temporary.exists():
            temporary.unlink()
        raise


def literal(path: Path) -> str:
    """Return a path for papermill, which takes braces in it for its parameters."""
    return re.sub(r"([{}])", r"\1\1", str(path))
