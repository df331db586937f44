"""When the outcome files are looked through."""

import asyncio
import random
from types import SimpleNamespace
from typing import Any

import anyio

from nbargo_watcher.daemon import _sweep
from nbargo_watcher.parts import Bell
from nbargo_watcher.source import Timing
from nbargo_watcher.telemetry import Telemetry
from unit.watcher_reflector.scripted import Clock


class Sweeper:
    """Counts sweeps; the list may be complete while one is under way."""

    def __init__(self) -> None:
        self.sweeps = 0

    async def sweep(self) -> None:
        self.sweeps += 1
        await anyio.sleep(1)


async def test_outcome_files_are_looked_through_after_every_list_and_now_and_then() -> None:
    clock, sweeper, bell = Clock(asyncio.get_running_loop()), Sweeper(), Bell()
    reflector = SimpleNamespace(caught_up=anyio.Event())
    ground: Any = SimpleNamespace(rng=random.Random(1), telemetry=Telemetry(), timing=Timing(relist=(60, 60)))  # noqa: S311 - jitter
    work: Any = SimpleNamespace(reflectors=[reflector], projector=sweeper, listed=bell)
    began = clock.time()
    sweeping = asyncio.create_task(_sweep(ground, work))
    await asyncio.sleep(0)
    assert sweeper.sweeps == 0, "nothing is known yet"
    reflector.caught_up.set()
    bell.ring()
    await clock.until(lambda: sweeper.sweeps == 1)
    bell.ring()  # while the first one is under way
    await clock.until(lambda: sweeper.sweeps == 2, within=5)
    await clock.until(lambda: sweeper.sweeps == 3, within=90)
    assert clock.time() - began > 60
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)
