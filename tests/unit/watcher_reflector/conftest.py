"""A place for the watcher as a process."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from unit.watcher_reflector.program import LISTED, Place
from unit.watcher_reflector.scripted import ScriptedServer


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    server = ScriptedServer()
    server.lists = [LISTED]
    async with server.serving():
        yield Place(folder=tmp_path, server=server)
