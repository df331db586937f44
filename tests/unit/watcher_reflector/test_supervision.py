"""Whatever ends is started again."""

import asyncio
import random
from types import SimpleNamespace
from typing import Any

import pytest

from nbargo_shared.errors import ClusterUnreachableError
from nbargo_watcher.daemon import RESTART_CAP, supervise
from nbargo_watcher.dberrors import ReplacedError
from nbargo_watcher.health import STUCK_AFTER, state
from nbargo_watcher.telemetry import Telemetry
from unit.watcher_reflector.scripted import Clock


class PanicError(BaseException):
    """What a library in another language may raise."""


class Quiet:
    """A log that only counts."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __getattr__(self, level: str) -> Any:
        return lambda event, **_: self.said.append(f"{level} {event}")


@pytest.fixture
def ground() -> Any:
    return SimpleNamespace(rng=random.Random(1), telemetry=Telemetry(), log=Quiet())  # noqa: S311 - jitter


@pytest.mark.parametrize("end", [None, ValueError("x"), PanicError("x"), ClusterUnreachableError("x")])
async def test_a_task_that_ends_is_started_again(ground: Any, end: BaseException | None) -> None:
    clock, starts = Clock(asyncio.get_running_loop()), 0

    async def task() -> None:
        nonlocal starts
        starts += 1
        if end is not None:
            raise end

    running = asyncio.create_task(supervise("it", task, ground))
    await clock.until(lambda: bool(starts))
    assert "task it" in ground.telemetry.degraded
    await clock.until(lambda: starts == 8, within=8 * RESTART_CAP)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_tasks_that_keep_ending_are_started_ever_less_often(ground: Any) -> None:
    clock, starts = Clock(asyncio.get_running_loop()), list[float]()

    async def task() -> None:
        starts.append(clock.time())

    running = asyncio.create_task(supervise("it", task, ground))
    await clock.run(600, step=1)
    assert 15 <= len(starts) <= 50
    assert starts[-1] - starts[-2] <= RESTART_CAP + 2
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_replaced_database_ends_the_session(ground: Any) -> None:
    async def task() -> None:
        raise ExceptionGroup("tasks", [ReplacedError("another file")])

    with pytest.raises(ReplacedError):
        await supervise("reflector", task, ground)


async def test_cancelling_ends_a_task_for_good(ground: Any) -> None:
    running = asyncio.create_task(supervise("it", asyncio.Event().wait, ground))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_a_task_that_does_not_move_is_not_healthy() -> None:
    telemetry = Telemetry(moved_at={"workflows/jobs": 0.0}, ready={"workflows/jobs"})
    assert state(telemetry, now=STUCK_AFTER - 1)["healthy"]
    assert not state(telemetry, now=STUCK_AFTER + 1)["healthy"]


def test_what_is_degraded_is_not_ready_and_healthy_all_the_same() -> None:
    telemetry = Telemetry(ready={"workflows/jobs"})
    assert state(telemetry, now=1.0)["ready"]
    telemetry.degrade("workflows/jobs", "forbidden: no")
    told = state(telemetry, now=1.0)
    assert (told["ready"], told["healthy"]) == (False, True)
