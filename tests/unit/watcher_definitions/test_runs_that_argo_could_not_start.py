"""Argo's conditions SpecError and SubmissionError reach the user once, as a failed run of the definition."""

from dataclasses import replace

import pytest

from nbargo_watcher.conditions import run_id
from nbargo_watcher.model import Observed
from unit.watcher_definitions.samples import (
    DEFINITION,
    NOW,
    OBJECT,
    RECORD,
    SCOPE,
    delete,
    relist,
    rows,
    see,
    version,
)
from unit.watcher_store.world import World

DENIED = ("SubmissionError", 'Failed to submit Workflow: workflows "nb-x-1700000000" is forbidden: exceeded quota')
DENIED_AGAIN = ("SubmissionError", DENIED[1].replace("1700000000", "1700003600"))
MALFORMED = ("SpecError", "cron schedule * * * is malformed: expected exactly 5 fields, found 3")


def troubled(number: int, *conditions: tuple[str, str], last: int | None = None) -> Observed:
    return version(number, conditions=conditions, last_run_at=last)


async def test_it_is_told_as_a_failed_run_of_the_definition(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, troubled(10, DENIED))
    (found,) = world.rows()
    expected = {
        "status": "FAILED",
        "status_message": DENIED[1],
        "name": RECORD.name,
        "job_definition_id": DEFINITION,
        "input_filename": RECORD.input_filename,
        "create_time": NOW,
        "start_time": None,
        "end_time": NOW,
    }
    assert {name: found[name] for name in expected} == expected
    assert len(rows(world)) == 1


async def test_the_same_trouble_is_told_once_whatever_comes_again(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, troubled(10, DENIED))
        before = world.database.read_bytes()
        world.wall += 3600
        await see(projector, troubled(11, DENIED), troubled(12, DENIED_AGAIN))
        await relist(projector, troubled(12, DENIED_AGAIN))
    async with world.projector() as projector:
        await relist(projector, troubled(12, DENIED_AGAIN))
    assert len(world.rows()) == 1
    assert len(world.changes) == 1
    assert before[:16] == world.database.read_bytes()[:16]


async def test_after_a_recovery_it_is_told_again(world: World) -> None:
    async with world.projector() as projector:
        await see(
            projector,
            troubled(10, DENIED),
            troubled(11, last=1_700_000_000_000),
            troubled(12, DENIED, last=1_700_000_000_000),
            troubled(13, DENIED_AGAIN, last=1_700_000_000_000),
        )
    assert len(world.rows()) == 2


async def test_each_kind_of_trouble_is_told(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, troubled(10, DENIED, MALFORMED, ("Other", "nothing to tell")))
    assert {found["status_message"] for found in world.rows()} == {DENIED[1], MALFORMED[1]}


async def test_a_row_that_the_user_deleted_stays_deleted(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, troubled(10, DENIED))
        world.sql("DELETE FROM jobs")
        await see(projector, troubled(11, DENIED))
    async with world.projector() as projector:
        await relist(projector, troubled(12, DENIED))
    assert world.rows() == []


async def test_of_a_definition_that_the_user_deleted_nothing_is_told(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, version(10))
        world.sql("DELETE FROM job_definitions")
        await see(projector, troubled(11, DENIED))
        await delete(projector, troubled(12, DENIED), "12")
    assert world.rows() == []


async def test_an_edit_of_the_definition_leaves_the_failed_run_as_it_was(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, troubled(10, MALFORMED))
        before = world.rows()
        renamed = replace(RECORD, name="other", update_time=NOW + 1)
        await see(projector, version(11, renamed, conditions=(MALFORMED,)), version(12, renamed))
    assert world.rows() == before


async def test_without_a_valid_template_it_is_set_aside_and_the_definition_is_shown(world: World) -> None:
    bad = replace(troubled(10, DENIED), job_json="{}")
    async with world.projector() as projector:
        await see(projector, bad, bad)
    assert world.rows() == []
    assert len(rows(world)) == 1
    assert len(world.quarantined) == 1


async def test_a_dry_run_tells_of_it_and_writes_nothing(world: World) -> None:
    async with world.projector(dry_run=True, once=True) as projector:
        await projector.page(SCOPE, [troubled(10, DENIED)])
    assert world.rows() == []
    assert [change.row.status for change in world.changes] == ["FAILED"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (troubled(1, DENIED), troubled(2, DENIED), True),
        (troubled(1), troubled(1, last=5), False),
        (OBJECT, replace(OBJECT, uid="cron-uid-2"), False),
    ],
)
def test_its_id_is_that_of_the_trouble(one: Observed, other: Observed, same: bool) -> None:  # noqa: FBT001 - a case
    assert (run_id(one, *DENIED) == run_id(other, *DENIED_AGAIN)) is same
    assert run_id(one, *DENIED) != run_id(one, *MALFORMED)
