"""The jobs that the demo submits, and how each is to end."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nbargo_local.demo.rows import Row

_NOTE: Final = 'it\'s "quoted", {{not a template}}\nand two lines, ünïcode'


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One job.

    Attributes:
        notebook: File name in the examples folder.
        parameters: As a user types them.
        status: How it ends.
        message: The status_message at its end.
        expected: Texts that the output notebook must hold, in one of its outputs or sources.
    """

    notebook: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    status: str = "COMPLETED"
    message: str | None = None
    expected: tuple[str, ...] = ()


EXAMPLES: Final = (
    Example(
        notebook="Monthly report.ipynb",
        parameters={"month": "2026-10", "factor": "1.5", "regions": '["north", "east"]', "note": _NOTE},
        expected=("2026-10: 247.5 in 2 regions", f"Note: {_NOTE}", "Types: str, float, list, str"),
    ),
    Example(
        notebook="Fails in cell 3.ipynb",
        status="FAILED",
        message="ZeroDivisionError: division by zero (cell 3)",
        expected=("10 a day", "ZeroDivisionError"),
    ),
    Example(notebook="Long count.ipynb", parameters={"seconds": "4"}, expected=("seconds = 4", "4 of 4")),
)


def complaints(example: Example, row: Row, *, seen: list[str], files: Mapping[str, Path]) -> list[str]:
    """Return what is not as it should be about a job that has ended.

    Args:
        example: What was submitted.
        row: The job's row.
        seen: Its statuses in the order in which they were in the database.
        files: The downloaded files by format.
    """
    found = []
    if (row.status, row.status_message) != (example.status, example.message):
        found.append(f"it ended as {row.status} with {row.status_message!r}")
    if seen != ["QUEUED", "IN_PROGRESS", example.status]:
        found.append(f"its statuses were {', '.join(seen)}")
    if row.start_time is None or row.end_time is None or row.end_time < row.start_time:
        found.append(f"its times are {row.start_time} and {row.end_time}")
    found += [f"its {name} file is not there" for name in ("ipynb", "html") if not files[name].is_file()]
    if files["ipynb"].is_file():
        text = notebook_text(json.loads(files["ipynb"].read_text(encoding="utf-8")))
        found += [f"its output notebook does not hold {part!r}" for part in example.expected if part not in text]
    return [f"{example.notebook}: {text}" for text in found]


def notebook_text(notebook: Mapping[str, Any]) -> str:
    """Return the sources and textual outputs of a notebook as one text.

    Args:
        notebook: Its JSON, nbformat 4.
    """
    parts: list[str] = []
    for cell in notebook["cells"]:
        parts.append("".join(cell["source"]))
        for output in cell.get("outputs", []):
            parts += ["".join(output.get("text", "")), output.get("ename", "")]
    return "\n".join(parts)
