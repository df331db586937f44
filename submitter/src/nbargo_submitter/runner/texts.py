"""Texts as people and the readers of the outcome can take them."""

from __future__ import annotations

import re
from typing import Any

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def plain(text: str) -> str:
    """Return a text without terminal escapes and control characters; tabs and line ends stay."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def clean(text: Any) -> str:
    """Return a text without terminal escapes, control characters, what is not Unicode, and space around it."""
    return plain(str(text)).encode("utf-8", "replace").decode("utf-8").strip()


def is_unicode(text: str) -> bool:
    """Return whether a file name can be written as UTF-8."""
    return clean(text) == text
