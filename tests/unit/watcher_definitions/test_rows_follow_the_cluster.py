"""A definition's row says what its CronWorkflow says: the spec first, then the record in its annotation."""

from dataclasses import replace
from typing import Any

import pytest
from jupyter_scheduler.models import DescribeJobDefinition
from jupyter_scheduler.orm import JobDefinition
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from unit.watcher_definitions.samples import (
    DEFINITION,
    HOURLY,
    MADE,
    NOW,
    OBJECT,
    RECORD,
    SCOPE,
    another,
    relist,
    row,
    rows,
    see,
    state,
    version,
)
from unit.watcher_store.world import World

LATER = MADE + 60_000


async def test_a_new_definition_reads_as_jupyter_scheduler_would_have_written_it(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, OBJECT)
    engine = create_engine(f"sqlite:///{world.database}")
    with Session(engine) as session:
        told = DescribeJobDefinition.from_orm(session.query(JobDefinition).one())
    engine.dispose()
    assert told.dict() == {
        "job_definition_id": DEFINITION,
        "name": "numbers",
        "input_filename": "numbers.ipynb",
        "runtime_environment_name": "python3",
        "runtime_environment_parameters": {"cores": 2},
        "compute_type": "small",
        "output_formats": ["ipynb", "html"],
        "parameters": {"n": "3"},
        "tags": ["a"],
        "output_filename_template": "{{input_filename}}",
        "schedule": HOURLY,
        "timezone": "Europe/Berlin",
        "active": True,
        "create_time": MADE,
        "update_time": MADE,
        "package_input_folder": False,
        "packaged_files": [],
    }


EDITS: dict[str, Any] = {
    "name": "other",
    "runtime_environment_name": "conda",
    "runtime_environment_parameters": {"cores": 4},
    "compute_type": None,
    "input_filename": "other.ipynb",
    "output_formats": ("pdf",),
    "tags": (),
    "parameters": {"m": "1"},
    "output_filename_template": None,
    "schedule": "5 4 * * *",
    "timezone": "America/New_York",
    "active": False,
    "package_input_folder": True,
}


@pytest.mark.parametrize("names", [[name] for name in EDITS] + [list(EDITS)], ids="-".join)
async def test_an_edit_in_the_lab_changes_the_row_and_has_its_own_time(world: World, names: list[str]) -> None:
    edited = replace(RECORD, update_time=LATER, **{name: EDITS[name] for name in names})
    async with world.projector() as projector:
        await see(projector, version(10))
        before = row(world)
        await see(projector, version(20, edited))
        after = row(world)
    assert before is not None
    assert after is not None
    assert {name for name in after if after[name] != before[name]} == {*names, "update_time"}
    assert after["update_time"] == LATER
    assert projector.tally.definitions == {"added": 1, "changed": 1}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"suspended": True}, (HOURLY, "Europe/Berlin", 0)),
        ({"schedule": "1 * * * *"}, ("1 * * * *", "Europe/Berlin", 1)),
        ({"timezone": "Asia/Tokyo"}, (HOURLY, "Asia/Tokyo", 1)),
        ({"timezone": None}, (HOURLY, None, 1)),
        ({"timezone": "UTC"}, (HOURLY, "UTC", 1)),
        ({"schedule": None, "timezone": None, "suspended": True}, (None, None, 0)),
    ],
)
async def test_what_kubectl_changes_shows_with_the_time_at_which_it_was_seen(
    world: World, spec: dict[str, Any], expected: tuple[object, ...]
) -> None:
    async with world.projector() as projector:
        await see(projector, version(10), version(20, **spec))
        assert state(world) == expected
        found = row(world)
        assert found is not None
        assert found["update_time"] == NOW
        world.wall += 60
        await see(projector, version(30, **spec))
        assert row(world) == found, "the time moves with the change alone"
        await see(projector, version(40))
    assert state(world) == (HOURLY, "Europe/Berlin", 1)
    found = row(world)
    assert found is not None
    assert found["update_time"] == NOW + 60_000


async def test_an_edit_in_the_lab_undoes_what_kubectl_had_changed(world: World) -> None:
    edited = replace(RECORD, update_time=NOW + 5, active=True, name="other")
    async with world.projector() as projector:
        await see(projector, version(10), version(20, suspended=True), version(30, edited))
    found = row(world)
    assert found is not None
    assert (found["name"], found["active"], found["update_time"]) == ("other", 1, NOW + 5)


async def test_columns_that_are_not_the_watchers_are_left_alone(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, OBJECT)
        world.sql("UPDATE job_definitions SET timeout_seconds = 7, url = 'u', email_notifications = '{}'")
        await see(projector, version(20, suspended=True))
    found = row(world)
    assert found is not None
    assert (found["timeout_seconds"], found["url"], found["email_notifications"]) == (7, "u", "{}")
    assert found["active"] == 0


async def test_what_says_nothing_new_writes_nothing(world: World) -> None:
    async with world.projector() as projector:
        await relist(projector, OBJECT)
        before = world.database.read_bytes()
        for number in range(101, 121):
            await see(projector, version(number))
        await relist(projector, version(121), resource_version="200")
        assert world.database.read_bytes() == before
    assert len(world.definition_changes) == 1


async def test_an_older_version_changes_nothing(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, version(10), version(30, suspended=True), version(20))
        await projector.page(SCOPE, [version(20)])
        assert state(world) == (HOURLY, "Europe/Berlin", 0)


@pytest.mark.parametrize(
    "bad",
    [
        version(20, definition_json="{}"),
        version(20, definition_json=None),
        version(20, replace(RECORD, definition_id="5f0c3c4a-1b1e-4b52-9c3a-000000000009")),
        version(20, schedule="* " * 200),
        version(20, timezone="Z" * 37),
    ],
)
async def test_one_that_is_not_valid_is_set_aside_and_its_row_stays(world: World, bad: object) -> None:
    async with world.projector() as projector:
        await see(projector, version(10), bad, bad)  # type: ignore[arg-type]
    assert state(world) == (HOURLY, "Europe/Berlin", 1)
    assert len(world.quarantined) == 1


async def test_of_another_user_or_of_no_definition_it_is_passed_over(world: World) -> None:
    async with world.projector() as projector:
        await see(projector, replace(OBJECT, user="eve"), replace(OBJECT, definition_id=""))
    assert rows(world) == []
    assert projector.tally.ignored == 2


async def test_a_dry_run_says_what_it_would_do_and_writes_nothing(world: World) -> None:
    async with world.projector(dry_run=True, once=True) as projector:
        await relist(projector, OBJECT)
    assert rows(world) == []
    assert [change.kind for change in world.definition_changes] == ["added"]


async def test_a_lost_database_comes_back_the_same(world: World) -> None:
    objects = [version(10, replace(RECORD, update_time=LATER, active=False)), another(DEFINITION[:-1] + "2")]
    async with world.projector() as projector:
        await see(projector, *objects)
        before = rows(world)
        for table in ("job_definitions", "nbargo_projected", "nbargo_checkpoint"):
            world.sql(f"DELETE FROM {table}")  # noqa: S608 - our own names
    async with world.projector() as projector:
        await relist(projector, *objects)
    assert rows(world) == before
