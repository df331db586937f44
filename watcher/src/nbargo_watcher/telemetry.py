"""What the watcher knows about itself: plain counters, exported only where somebody asks for them."""

import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

LAG_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the lag's buckets, seconds."""


@dataclass(slots=True)
class Telemetry:
    """Counters of one watcher.

    Attributes:
        lists: Complete lists.
        watches: Watches that the server began.
        events: Events that came through watches.
        batches: Batches that were committed.
        changes: Rows of jobs that were changed, by the kind of change.
        definitions: Rows of definitions that were changed, by the kind of change.
        resolved: Jobs that were seen to have ended, by where that was read.
        retries: Decisions to wait or to ask again, by reason.
        quarantined: Objects that could not be read.
        degraded: Why a part does not do its work, by part.
        ready: Parts that have been listed completely at least once.
        lag_counts: How many events took up to each of LAG_BOUNDS from arrival to commit; the last one is for more.
        lag_sum: Their sum, seconds.
        started_at: Seconds of time.monotonic, as all that follow.
        heard_at: When the last byte came.
        committed_at: When the database last took what was read, from a list or a watch.
        moved_at: When a task last did anything, by task.
    """

    lists: int = 0
    watches: int = 0
    events: int = 0
    batches: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    definitions: Counter[str] = field(default_factory=Counter)
    resolved: Counter[str] = field(default_factory=Counter)
    retries: Counter[str] = field(default_factory=Counter)
    quarantined: int = 0
    degraded: dict[str, str] = field(default_factory=dict)
    ready: set[str] = field(default_factory=set)
    lag_counts: list[int] = field(default_factory=lambda: [0] * (len(LAG_BOUNDS) + 1))
    lag_sum: float = 0.0
    started_at: float = field(default_factory=time.monotonic)
    heard_at: float | None = None
    committed_at: float | None = None
    moved_at: dict[str, float] = field(default_factory=dict)

    def heard(self) -> None:
        """Note that bytes came from the API server."""
        self.heard_at = time.monotonic()

    def moved(self, part: str) -> None:
        """Note that a task is alive."""
        self.moved_at[part] = time.monotonic()

    def written(self) -> None:
        """Note that the database has what was read."""
        self.committed_at = time.monotonic()

    def committed(self, *, events: int, lag: float) -> None:
        """Note a commit.

        Args:
            events: How many events it held.
            lag: Seconds since the first of them arrived.
        """
        self.written()
        self.batches += 1
        self.lag_counts[bisect_left(LAG_BOUNDS, lag)] += events
        self.lag_sum += lag * events

    def degrade(self, part: str, reason: str) -> None:
        """Note whether a part does its work; an empty reason says that it does."""
        if reason:
            self.degraded[part] = reason
        else:
            self.degraded.pop(part, None)
