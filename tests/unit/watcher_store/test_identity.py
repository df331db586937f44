"""Whose object it is, and which job's: by the labels and the uid, never by the name."""

from dataclasses import replace

import pytest

from unit.watcher_store.world import FAILED, JOB, OBJECT, RECORD, RUNNING, SUCCEEDED, World, of_job, see

OTHERS = replace(RUNNING, user="eve")
NO_JOB = replace(RUNNING, job_id="", uid="uid-other")
COPY = replace(FAILED, name="nb-copy", uid="uid-copy", resubmitted=True, resource_version="90")
UNMARKED_COPY = replace(COPY, resubmitted=False)
SUCCESSOR = replace(RUNNING, uid="uid-2", resource_version="80", started_at=4_000_000)
BAD_RECORDS = [None, "", "{", "[]", '{"version": 2}', replace(RECORD, job_id="a-b").to_json(), "x" * 70_000]


async def test_another_users_object_is_passed_over(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, OTHERS, NO_JOB)
    assert world.rows() == []
    assert projector.tally.ignored == 2


@pytest.mark.parametrize("record", BAD_RECORDS)
async def test_an_object_with_a_bad_record_is_quarantined_and_the_rest_goes_on(
    world: World, record: str | None
) -> None:
    bad = replace(RUNNING, job_json=record)
    async with world.projector() as projector:
        await projector.page("workflows/argo", [bad, of_job(RUNNING, 2)])
        await projector.page("workflows/argo", [bad])
    assert [row["job_id"] for row in world.rows()] == [of_job(RUNNING, 2).job_id]
    assert projector.tally.quarantined == 1
    assert [observed.uid for observed, _ in world.quarantined] == [bad.uid]


@pytest.mark.parametrize("copy", [COPY, UNMARKED_COPY])
async def test_a_copy_never_touches_the_originals_row(world: World, copy: object) -> None:
    assert isinstance(copy, type(OBJECT))
    async with world.projector() as projector:
        await see(projector, SUCCEEDED)
        before = world.row()
        await see(projector, copy)
    assert world.row() == before


async def test_a_resubmitted_copy_makes_no_row_of_the_originals_id(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, COPY)
    assert world.row() is None


async def test_a_retry_from_the_archive_takes_over_the_row(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, FAILED, SUCCESSOR)
        assert world.status() == "IN_PROGRESS"
        await see(projector, replace(FAILED, resource_version="35"))  # late, of the first one
        assert world.status() == "IN_PROGRESS"
        await see(projector, replace(SUCCEEDED, uid="uid-2", resource_version="85", started_at=4_000_000))
    row = world.row(JOB)
    assert row is not None
    assert (row["status"], row["start_time"], row["status_message"]) == ("COMPLETED", 4_000_000, None)


async def test_a_late_event_of_the_predecessor_changes_nothing(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, SUCCESSOR, FAILED, replace(RUNNING, resource_version="79"))
    assert world.status() == "IN_PROGRESS"
