from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.cron_bench import CronBench


@pytest.fixture
def idle_bench(tmp_path: Path) -> CronBench:
    return CronBench(tmp_path / "work")


@pytest.fixture
async def bench(idle_bench: CronBench) -> AsyncIterator[CronBench]:
    async with idle_bench.running():
        yield idle_bench
