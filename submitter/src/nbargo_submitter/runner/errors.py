"""Why a run ends: the reason that the user reads, and the order to end."""

from __future__ import annotations

from .texts import clean

MAX_MESSAGE = 16000  # as nbargo_shared.outcome: the limits of an error's fields
MAX_NAME = 256


class RunError(Exception):
    """Why the run failed: the exception's name, its text, and the number of the cell if one failed."""

    def __init__(self, name: str, message: str, cell: int | None = None) -> None:
        super().__init__(name, message, cell)
        self.name = clean(name)[:MAX_NAME] or "Error"
        text = clean(message)
        self.message = text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"
        self.cell = cell

    def __str__(self) -> str:
        text = f"{self.name}: {self.message}" if self.message else self.name
        return text if self.cell is None else f"{text} (cell {self.cell})"


class Interrupted(SystemExit):
    """The pod was told to end; a SystemExit, because asyncio lets no other exception of ours through a task."""
