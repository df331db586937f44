"""A real scheduler.sqlite made by jupyter-scheduler itself, and a cluster that answers from a dict."""

import shutil
from pathlib import Path

import pytest
from jupyter_scheduler.orm import create_tables

from unit.watcher_store.world import World


@pytest.fixture(scope="session")
def fresh_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fresh") / "scheduler.sqlite"
    create_tables(f"sqlite:///{path}")
    return path


@pytest.fixture
def database(fresh_database: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(fresh_database, tmp_path))


@pytest.fixture
def world(database: Path, tmp_path: Path) -> World:
    return World(database=database, staging=tmp_path / "staging")
