"""Events that come late, twice, or with a resourceVersion that cannot be compared."""

from dataclasses import replace

import pytest

from nbargo_watcher.versions import Order, compare
from unit.watcher_store.world import FAILED, OBJECT, RUNNING, START, SUCCEEDED, World, delete, see

HUGE = "1" + "0" * 40
RETRIED = replace(RUNNING, phase="", resource_version="40", started_at=START + 5_000)
RETRIED_RUNNING = replace(RETRIED, phase="Running", resource_version="50")
RETRIED_SUCCEEDED = replace(
    RETRIED, phase="Succeeded", resource_version="60", completed=True, ran=True, finished_at=START + 9_000
)


@pytest.mark.parametrize(
    ("version", "other", "order"),
    [
        ("9", "10", Order.OLDER),
        ("10", "9", Order.NEWER),
        ("11", "12", Order.OLDER),
        ("7", "7", Order.SAME),
        (HUGE, "9" * 20, Order.NEWER),
        ("", "7", Order.UNKNOWN),
        ("", "", Order.UNKNOWN),
        ("07", "6", Order.UNKNOWN),
        ("0", "6", Order.UNKNOWN),
        ("abc", "6", Order.UNKNOWN),
        ("٣", "2", Order.UNKNOWN),
        ("opaque", "opaque", Order.SAME),
    ],
)
def test_resource_versions_are_compared_as_kubernetes_says(version: str, other: str, order: Order) -> None:
    assert compare(version, other) is order


async def test_a_late_running_event_does_not_undo_a_success(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, SUCCEEDED, RUNNING, OBJECT)
    assert world.status() == "COMPLETED"


async def test_a_late_event_does_not_undo_one_that_changed_nothing(world: World) -> None:
    stopping = replace(RUNNING, stop_requested=True, resource_version="21")
    async with world.projector() as projector:
        await see(projector, RUNNING, replace(RUNNING, resource_version="25"), stopping)
    assert world.status() == "IN_PROGRESS"


async def test_terminal_is_sticky_for_versions_that_cannot_be_compared(world: World) -> None:
    async with world.projector() as projector:
        await see(
            projector, *(replace(item, resource_version="x" + item.resource_version) for item in (RUNNING, FAILED))
        )
        assert world.status() == "FAILED"
        await see(projector, replace(RUNNING, resource_version="y"))
    assert world.status() == "FAILED"


async def test_versions_that_cannot_be_compared_are_always_looked_at(world: World) -> None:
    async with world.projector() as projector:
        for number, item in enumerate((OBJECT, RUNNING, SUCCEEDED)):
            await see(projector, replace(item, resource_version=f"v{9 - number}"))
    assert world.status() == "COMPLETED"


async def test_a_deletion_at_the_same_version_is_taken(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING)
        await delete(projector, replace(SUCCEEDED, resource_version="20"))
    assert world.status() == "COMPLETED"


async def test_an_event_after_its_deletion_was_seen_is_late(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, RUNNING)
        await delete(projector, RUNNING)
        await see(projector, RUNNING)
    assert world.status() == "FAILED"


async def test_a_retry_opens_the_row_again(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, FAILED, RETRIED)
        queued = world.row()
        await see(projector, RETRIED_RUNNING)
        running = world.row()
        await see(projector, FAILED, RETRIED_SUCCEEDED)
    ended = world.row()
    assert queued is not None
    assert running is not None
    assert ended is not None
    assert (queued["status"], queued["end_time"], queued["status_message"]) == ("QUEUED", None, None)
    assert (running["status"], running["start_time"]) == ("IN_PROGRESS", START + 5_000)
    assert (ended["status"], ended["end_time"]) == ("COMPLETED", START + 9_000)


async def test_a_retry_that_was_only_seen_at_its_end_counts(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, FAILED, RETRIED_SUCCEEDED)
    assert world.status() == "COMPLETED"


async def test_a_retry_within_the_same_second_counts(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, FAILED, replace(RETRIED_RUNNING, started_at=START))
        assert world.status() == "IN_PROGRESS"
        await see(projector, FAILED, replace(RETRIED_SUCCEEDED, started_at=START))
    assert world.status() == "COMPLETED"


async def test_a_retry_is_known_by_its_start_where_versions_cannot_be_compared(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, *(replace(item, resource_version=f"v{n}") for n, item in enumerate((FAILED, RETRIED))))
        assert world.status() == "QUEUED"
        await see(projector, replace(FAILED, resource_version="v9"))
    assert world.status() == "QUEUED"
