"""The packages of the user's image."""

from __future__ import annotations

import importlib
from typing import Any

from .errors import RunError


def load(name: str) -> Any:
    """Import a module of the user's image; raises RunError naming the package to add."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        if error.name == package:
            message = f"{package} is not installed in this environment: add the package {package}"
            raise RunError("ModuleNotFoundError", message) from error
        raise RunError(type(error).__name__, f"{package} cannot be imported: {error}") from error
