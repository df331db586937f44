from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.controller_bench import Bench


@pytest.fixture
def idle_bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "work")


@pytest.fixture
async def bench(idle_bench: Bench) -> AsyncIterator[Bench]:
    async with idle_bench.controller():
        yield idle_bench
