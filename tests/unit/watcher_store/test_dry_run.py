"""A dry run says what it would do and writes nothing, not even its own tables."""

import pytest

from nbargo_shared.errors import DatabaseError
from unit.watcher_store.world import FAILURE, OBJECT, OUTCOME, RUNNING, SCOPE, SUCCEEDED, UID, World, of_job, see


async def test_a_dry_run_on_a_new_database_writes_nothing(world: World) -> None:
    before = world.database.read_bytes()
    world.leave(FAILURE)
    async with world.projector(dry_run=True) as projector:
        await projector.page(SCOPE, [of_job(SUCCEEDED, 2)])
        await projector.listed(SCOPE, uids=frozenset({"uid-2"}), resource_version="50")
        await projector.sweep()
        await projector.beat("me")
    assert world.database.read_bytes() == before
    assert [(change.before, str(change.row.status)) for change in world.changes] == [
        (None, "COMPLETED"),
        (None, "FAILED"),
    ]
    assert projector.tally.commits == 0
    assert projector.tally.added == 2


async def test_a_dry_run_knows_what_was_written_before(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, OBJECT, of_job(OBJECT, 2))
    world.sql("DELETE FROM jobs WHERE job_id = ?", of_job(OBJECT, 2).job_id)
    world.changes.clear()
    before = world.database.read_bytes()
    async with world.projector(dry_run=True) as projector:
        await projector.page(SCOPE, [RUNNING, of_job(RUNNING, 2)])
    assert world.database.read_bytes() == before
    assert [(str(change.before and change.before.status), str(change.row.status)) for change in world.changes] == [
        ("QUEUED", "IN_PROGRESS"),
    ]


async def test_the_store_refuses_to_write_in_a_dry_run(world: World) -> None:
    async with world.projector(dry_run=True) as projector:
        with pytest.raises(DatabaseError):
            await projector._store.beat("me", 1)


async def test_a_dry_run_tells_each_change_once(world: World) -> None:
    world.leave(OUTCOME)
    async with world.projector(dry_run=True) as projector:
        await projector.page(SCOPE, [SUCCEEDED])
        await projector.listed(SCOPE, uids=frozenset({UID}), resource_version="50")
        await projector.sweep()
        await projector.page(SCOPE, [SUCCEEDED])
    assert [str(change.row.status) for change in world.changes] == ["COMPLETED"]
    assert projector.tally.added == 1
