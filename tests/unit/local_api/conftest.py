from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from nbargo_local.api.server import LocalServer, ServerSettings
from nbargo_local.api.watch import WatchSettings
from unit.local_api.harness import Api


@pytest.fixture
def settings() -> ServerSettings:
    """Override this fixture to set the server up in another way."""
    return ServerSettings(watch=WatchSettings(patience_seconds=0.2))


@pytest.fixture
async def server(tmp_path: Path, settings: ServerSettings) -> AsyncIterator[LocalServer]:
    async with LocalServer(tmp_path / "kubeconfig", settings) as running:
        yield running


@pytest.fixture
async def api(server: LocalServer) -> AsyncIterator[Api]:
    headers = {"Authorization": f"Bearer {server.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield Api(server, session)
