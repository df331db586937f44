"""A real scheduler.sqlite made by jupyter-scheduler itself, and a cluster that answers from a dict."""

from pathlib import Path

import pytest
from jupyter_scheduler.orm import create_tables

from unit.watcher_store.world import World


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "scheduler.sqlite"
    create_tables(f"sqlite:///{path}")
    return path


@pytest.fixture
def world(database: Path, tmp_path: Path) -> World:
    return World(database=database, staging=tmp_path / "staging")
