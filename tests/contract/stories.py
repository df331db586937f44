"""The recorded stories: one JSON file for each case, in a folder for each kind of case."""

import json
from pathlib import Path
from typing import Any, Final

WORKFLOWS: Final = Path(__file__).parent / "stories"
CRONS: Final = Path(__file__).parent / "cron_stories"


def _path(name: str, folder: Path, *, local: bool) -> Path:
    return folder / f"{name}{'.local' if local else ''}.json"


def names(folder: Path = WORKFLOWS, *, local: bool) -> set[str]:
    """Return the names of the cases that have a story."""
    found = {path.name.removesuffix(".json") for path in folder.glob("*.json")}
    return {name.removesuffix(".local") for name in found if name.endswith(".local") == local}


def read(name: str, folder: Path = WORKFLOWS, *, local: bool) -> dict[str, Any]:
    """Return a case's story.

    Args:
        name: The case's.
        folder: Where the stories of its kind are.
        local: Whether it is the one of the local controller, where that differs.
    """
    story: dict[str, Any] = json.loads(_path(name, folder, local=local).read_text())
    return story


def write(name: str, story: dict[str, Any], folder: Path = WORKFLOWS, *, local: bool) -> None:
    """Write a case's story."""
    folder.mkdir(exist_ok=True)
    text = json.dumps(story, indent=1, sort_keys=True, ensure_ascii=False)
    _path(name, folder, local=local).write_text(text + "\n")


def comparable(story: dict[str, Any]) -> dict[str, Any]:
    """Return a story without the fields that the local controller is known not to write."""
    return {name: {key: value for key, value in part.items() if key != "left out"} for name, part in story.items()}


def left_out(story: dict[str, Any]) -> set[str]:
    """Return which of `observe.LEFT_OUT` a story saw."""
    return {field for part in story.values() for field in part.get("left out", ())}
