"""What is told of a job that has ended: the facts, and the sentences that people read."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .texts import clean

if TYPE_CHECKING:
    from pathlib import Path

ENDED_EARLY = "the job's pod was ended before the notebook had finished"
MAX_NAME = 150
MAX_ERROR = 2500  # characters; Slack takes 4000 well, and a longer message helps nobody: the notebook has it all


@dataclass(frozen=True)
class Report:
    """A job that has ended; times are milliseconds since 1970, outputs are file names by format."""

    job_id: str
    name: str
    notebook: str
    state: str  # completed, failed or interrupted
    error: str | None
    started_at: int
    ended_at: int
    directory: Path
    outputs: dict[str, str]

    @property
    def succeeded(self) -> bool:
        """Return whether it ended as the user wished."""
        return self.state == "completed"

    @property
    def title(self) -> str:
        """Return the name on one line, for people."""
        return shortened(" ".join(clean(self.name).split()), MAX_NAME) or self.job_id

    @property
    def reason(self) -> str | None:
        """Return why it failed; None if it did not."""
        if self.succeeded:
            return None
        return shortened(clean(self.error or ENDED_EARLY), MAX_ERROR)

    @property
    def headline(self) -> str:
        """Return how it ended in a few words, to be read after its name."""
        how = "completed in" if self.succeeded else "failed after"
        return f"{how} {duration(self.ended_at - self.started_at)}"

    def files(self, limit: int) -> tuple[list[Path], list[str]]:
        """Return the outputs that have a content and fit in *limit* bytes together, and the names of the others."""
        fitting: list[Path] = []
        omitted: list[str] = []
        for name in self.outputs.values():
            path = self.directory / name
            size = path.stat().st_size if path.is_file() else 0
            if size > limit:
                omitted.append(f"{name} ({in_megabytes(size)})")
            elif size:
                fitting.append(path)
                limit -= size
        return fitting, omitted


def omission(names: list[str]) -> str:
    """Return the sentence that says which outputs are not in the message."""
    return f"Too large for this message: {', '.join(names)}. They are in the list of jobs." if names else ""


def duration(milliseconds: int) -> str:
    """Return a time in its two largest units, rounded down to seconds."""
    seconds = max(0, milliseconds) // 1000
    parts = [(seconds // 3600, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    while len(parts) > 1 and not parts[0][0]:
        parts = parts[1:]
    shown = [f"{number} {unit}" for number, unit in parts[:2] if number]
    return " ".join(shown) or "0 s"


def moment(milliseconds: int) -> str:
    """Return a time as RFC 3339 has it, in UTC."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    return f"{whole}.{milliseconds % 1000:03d}Z"


def in_megabytes(size: int) -> str:
    """Return a number of bytes for people."""
    return f"{size / 1e6:.1f} MB"


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"
