"""P25: whatever ends is started again, however long it lasts; and while the rows cannot be kept true, that is said."""

import time
from typing import Any

import pytest

from nbargo_local.faults.answers import refuse, reset, status
from nbargo_watcher.delivery import Delivery
from nbargo_watcher.health import state
from nbargo_watcher.projector import Projector
from nbargo_watcher.reflector import Reflector
from nbargo_watcher.store import Store
from support.faulty import faulty
from support.following import Follower

HOUR = 3600.0
FORBIDDEN = refuse(403, status(403, "Forbidden", "workflows.argoproj.io is forbidden"))
PARTS = [
    (Reflector, "run"),
    (Delivery, "run"),
    (Projector, "sweep"),
    (Projector, "sweep_definitions"),
    (Projector, "beat"),
    (Store, "__aenter__"),
]


class PanicError(BaseException):
    """What a library in another language may raise."""


def health(follower: Follower) -> dict[str, Any]:
    return state(follower.telemetry, now=time.monotonic())


@pytest.mark.parametrize(
    ("kind", "name", "end"),
    [(Reflector, "run", None), *((*part, end) for part in PARTS for end in (ValueError("a bug"), PanicError("worse")))],
)
async def test_a_task_that_ends_is_started_again(
    monkeypatch: pytest.MonkeyPatch, kind: Any, name: str, end: BaseException | None
) -> None:
    calls = 0
    original = getattr(kind, name)

    async def ending(self: Any, *args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 2:
            return await original(self, *args, **options)
        if end is not None:
            raise end
        return None

    monkeypatch.setattr(kind, name, ending)
    async with faulty() as it:
        it.run(1)
        follower = it.scene.following()
        await it.true(within=60)
        it.jobs.do("succeed", 1)
        await it.true(within=60)
        await it.clock.until(lambda: calls > 2, within=1300)
        await it.clock.until(lambda: bool(health(follower)["ready"]), within=60)
        assert len(follower.log.lines("warning restarting")) >= 2


async def test_an_hour_without_the_server_is_made_good_in_half_a_minute() -> None:
    async with faulty() as it:
        it.run(1, 2)
        follower = await it.following()
        for verb in ("list", "watch", "get"):
            it.plan.add(verb, reset())
        it.plan.cut()
        it.jobs.do("succeed", 1)
        await it.clock.run(HOUR)
        assert not health(follower)["ready"]
        assert health(follower)["healthy"]
        it.jobs.do("delete", 2)
        it.run(3)
        it.plan.heal()
        await it.true(within=35)
        await it.clock.until(lambda: bool(health(follower)["ready"]), within=35)
        assert it.plan.busiest(60) <= 10


async def test_rights_that_are_revoked_are_said_and_so_is_their_return() -> None:
    async with faulty() as it:
        it.run(1)
        follower = await it.following()
        assert health(follower)["ready"]
        for verb in ("list", "watch", "get"):
            it.plan.add(verb, FORBIDDEN)
        it.plan.cut()
        await it.clock.until(lambda: not health(follower)["ready"], within=120)
        assert "is forbidden" in str(health(follower)["degraded"])
        assert it.status(1) == "IN_PROGRESS"
        it.jobs.do("succeed", 1)
        it.plan.heal()
        await it.clock.until(lambda: bool(health(follower)["ready"]), within=120)
        await it.true(within=35)
