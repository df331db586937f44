"""The same database and cluster as for jobs."""

from unit.watcher_store.conftest import database, fresh_database, world

__all__ = ["database", "fresh_database", "world"]
