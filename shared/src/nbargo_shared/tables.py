"""The tables that nbargo adds to scheduler.sqlite, as far as more than one part knows them.

The file is jupyter-scheduler's. The watcher creates and writes these; the lab only reads the heartbeat.
"""

from typing import Final

PROJECTED_TABLE: Final = "nbargo_projected"
"""One row for each job or definition that was ever projected, so that what a user deleted stays deleted."""

HEARTBEAT_TABLE: Final = "nbargo_heartbeat"
"""`watcher TEXT PRIMARY KEY, beat_at INTEGER NOT NULL`: when each running watcher last said that it lives,
milliseconds since 1970."""

BEAT_INTERVAL: Final = 20.0
"""Seconds between two heartbeats of a running watcher."""

FRESH_FOR: Final = 60.0
"""Seconds after which a heartbeat no longer counts: three beats, so that one slow commit is not taken for an end."""
