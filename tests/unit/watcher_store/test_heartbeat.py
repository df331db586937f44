"""The heartbeat tells the lab that a watcher lives."""

from unit.watcher_store.world import World


def beats(world: World) -> dict[str, int]:
    return {row["watcher"]: row["beat_at"] for row in world.sql("SELECT * FROM nbargo_heartbeat")}


async def test_each_watcher_has_its_own_beat(world: World) -> None:
    async with world.projector() as projector:
        await projector.beat("one")
        world.wall += 20
        await projector.beat("two")
        assert beats(world) == {"one": 10_000_000, "two": 10_020_000}
        world.wall += 20
        await projector.beat("two")
        assert beats(world) == {"one": 10_000_000, "two": 10_040_000}


async def test_a_watcher_that_no_longer_beats_is_removed(world: World) -> None:
    async with world.projector() as projector:
        await projector.beat("one")
        world.wall += 61
        await projector.beat("two")
        assert list(beats(world)) == ["two"]


async def test_a_watcher_that_ended_in_good_order_is_removed(world: World) -> None:
    async with world.projector() as projector:
        await projector.beat("one")
        await projector._store.end_beat("one")
        assert beats(world) == {}
