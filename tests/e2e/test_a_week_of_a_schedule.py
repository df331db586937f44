"""A week of one schedule in three time zones, with the lab and the watcher off for three days of it.

Argo's clock is driven and the pods are real: each run is papermill with the notebook's kernel. In this week summer time
begins in Berlin and ends in Sydney. Workflows live for a day and ten of each kind are kept, so that most runs of the
three days are gone when the watcher comes back.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from nbargo_shared.run import name_time
from support import notebooks as make
from support.drivenargo import DrivenArgo
from support.stack import Stack
from support.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

BEGIN = datetime(2025, 3, 29, 12, tzinfo=UTC)
OFF = datetime(2025, 3, 31, 12, tzinfo=UTC)
ON = datetime(2025, 4, 3, 12, tzinfo=UTC)
END = datetime(2025, 4, 6, 12, tzinfo=UTC)
SCHEDULE = "30 2 * * *"
HALF_PAST_TWO = (2, 30)
ZONES = {"Europe/Berlin": 7, "Australia/Sydney": 9, "America/New_York": 8}
"""How many runs: at half past two there is nothing in Berlin on 30 March, and in Sydney there are two on 6 April."""


@dataclass
class Week:
    """What is left of it.

    Attributes:
        stack: The programs, running.
        argo: The cluster.
        definitions: The definitions' ids by their zones.
        left: The uids of the Workflows that were there when the watcher came back.
        listed_before: The rows that were there when it went.
    """

    stack: Stack
    argo: DrivenArgo
    definitions: dict[str, str] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    listed_before: set[str] = field(default_factory=set)

    def runs(self, zone: str) -> dict[str, dict[str, Any]]:
        rows = self.stack.rows()
        return {key: row for key, row in rows.items() if row["job_definition_id"] == self.definitions[zone]}


def due(zone: str) -> list[int]:
    """When the clocks of a zone show half past two, in milliseconds."""
    minutes = (BEGIN + timedelta(minutes=each) for each in range(int((END - BEGIN).total_seconds() // 60)))
    local = ((minute, minute.astimezone(ZoneInfo(zone))) for minute in minutes)
    return [int(each.timestamp() * 1000) for each, at in local if (at.hour, at.minute) == HALF_PAST_TWO]


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Week]:
    stack = Stack(tmp_path_factory.mktemp("week"), variables={"NBARGO_WATCHER": "sidecar"})
    with DrivenArgo(stack.place, BEGIN) as argo:
        try:
            found = Week(stack, argo)
            stack.start_watcher()
            rest = stack.start_lab()
            make.write(stack.place.notebooks / "nightly.ipynb", "print(zone)", parameters="zone = ''")
            for zone in ZONES:
                settings = {"schedule": SCHEDULE, "timezone": zone, "parameters": {"zone": zone}}
                found.definitions[zone] = rest.define("nightly.ipynb", name=zone.rpartition("/")[2], **settings)
            argo.go_to(OFF)
            eventually(lambda: _all_listed(found), what="the runs before the pause are listed")
            found.listed_before = set(stack.rows())
            stack.stop("lab")
            stack.kill("watcher")
            argo.go_to(ON)
            found.left = set(stack.workflow_uids())
            stack.start_watcher()
            stack.start_lab()
            argo.go_to(END)
            eventually(lambda: _all_listed(found), what="all runs are listed")
            yield found
        finally:
            stack.close()


def _all_listed(week: Week) -> bool:
    rows = week.stack.rows().values()
    return len(rows) >= len(week.argo.ticks) and all(row["end_time"] for row in rows)


@pytest.mark.parametrize("zone", ZONES)
def test_each_run_is_listed_once_with_its_own_time(week: Week, zone: str) -> None:
    runs = week.runs(zone)
    expected = due(zone)
    assert len(expected) == ZONES[zone]
    assert sorted(row["create_time"] for row in runs.values()) == expected
    assert {row["status"] for row in runs.values()} == {"COMPLETED"}
    assert {row["name"] for row in runs.values()} == {zone.rpartition("/")[2]}


@pytest.mark.parametrize("zone", ZONES)
def test_each_run_has_its_own_files(week: Week, zone: str) -> None:
    source = (week.stack.place.notebooks / "nightly.ipynb").read_bytes()
    for job_id, row in week.runs(zone).items():
        folder = week.stack.staged(job_id)
        assert (folder / "nightly.ipynb").read_bytes() == source
        (output,) = folder.glob("nightly-*.ipynb")
        assert name_time(row["create_time"]) in output.name
        assert make.outputs_of(output) == f"{zone}\n"
        assert (folder / "outcome.json").exists()


def test_the_runs_of_the_three_days_are_there_though_most_of_their_workflows_are_gone(week: Week) -> None:
    first, last = (int(each.timestamp() * 1000) for each in (OFF, ON))
    missed = {key for key, row in week.stack.rows().items() if first <= row["create_time"] < last}
    assert len(missed) == 9, "three days in three zones"
    assert not missed & week.listed_before
    assert len(missed - week.left) >= 4, "their rows can only come from their outcome files"


def test_another_look_adds_nothing(week: Week) -> None:
    before = week.stack.rows()
    result = week.stack.once()
    assert result.returncode == 0, result.stderr
    assert week.stack.rows() == before
    assert len(before) == sum(ZONES.values()) == len(week.argo.ticks)


def test_the_lab_shows_what_it_ran_and_downloads_it(week: Week) -> None:
    rest = week.stack.rest
    for zone, definition in week.definitions.items():
        runs = rest.runs(definition)
        assert len(runs) == ZONES[zone]
        assert rest.definition(definition)["timezone"] == zone
    oldest = min(week.runs("Europe/Berlin").items(), key=lambda run: run[1]["create_time"])[0]
    files = rest.download(oldest)
    assert (week.stack.place.notebooks / files["ipynb"]).exists()
