"""CronWorkflows as the API server sends them, of any Argo version, and what is wrong with some."""

import json
from dataclasses import replace
from typing import Any

import pytest

from nbargo_watcher.crons import MESSAGE_LENGTH
from nbargo_watcher.decode import Decoder, Poison
from nbargo_watcher.model import Observed
from nbargo_watcher.wire import Seen
from unit.watcher_definitions.samples import OBJECT, as_wire, dumped, version

DECODER = Decoder(kind="CronWorkflow", namespace="argo")
PAUSED = version(12, suspended=True, conditions=(("SpecError", "no"),))


def read(item: dict[str, Any]) -> Observed:
    found = DECODER.object(json.dumps(item).encode())
    assert isinstance(found, Observed), found
    return found


def with_spec(**members: Any) -> dict[str, Any]:
    item = as_wire(OBJECT)
    item["spec"] = {**item["spec"], **members}
    return item


def test_an_object_a_page_and_an_event_say_the_same() -> None:
    expected = replace(PAUSED, created_at=None)
    assert DECODER.object(dumped(PAUSED)) == expected
    page = DECODER.page(json.dumps({"metadata": {"resourceVersion": "5"}, "items": [as_wire(PAUSED)]}).encode())
    assert (list(page.objects), page.resource_version) == ([expected], "5")
    line = DECODER.line(b'{"type":"DELETED","object":' + dumped(PAUSED) + b"}")
    assert isinstance(line, Seen)
    event = DECODER.event(line)
    assert (event.observed, event.deleted) == (expected, True)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"schedules": ["1 * * * *", "2 * * * *"]}, "1 * * * *"),
        ({"schedules": None, "schedule": "3 * * * *"}, "3 * * * *"),
        ({"schedules": [], "schedule": "3 * * * *"}, "3 * * * *"),
        ({"schedules": ["1 * * * *"], "schedule": "3 * * * *"}, "1 * * * *"),
        ({"schedules": None}, None),
    ],
)
def test_the_schedule_is_the_first_in_plural_or_the_one_in_singular(
    members: dict[str, Any], expected: str | None
) -> None:
    found = read(with_spec(**members)).cron
    assert found is not None
    assert found.schedule == expected


def test_status_of_any_kind_is_passed_over() -> None:
    item = as_wire(OBJECT)
    item["status"] = {"phase": "Stopped", "active": [{"name": "x"}], "lastScheduledTime": "2026-01-01T00:00:00Z"}
    found = read(item).cron
    assert found is not None
    assert (found.last_run_at, found.conditions) == (1_767_225_600_000, ())


def test_conditions_that_do_not_hold_are_left_out_and_long_ones_cut() -> None:
    item = as_wire(OBJECT)
    long = "x" * (MESSAGE_LENGTH + 5)
    item["status"] = {
        "conditions": [
            {"type": "SpecError", "status": "False", "message": "no"},
            {"type": "SubmissionError", "status": "True", "message": long},
        ]
    }
    found = read(item).cron
    assert found is not None
    assert found.conditions == (("SubmissionError", long[:MESSAGE_LENGTH]),)


@pytest.mark.parametrize(
    "item",
    [
        with_spec(schedules="* * * * *"),
        with_spec(suspend="yes"),
        {**as_wire(OBJECT), "kind": "Workflow"},
        {"kind": "CronWorkflow", "metadata": {"name": "a", "uid": "", "resourceVersion": "1"}},
    ],
)
def test_what_cannot_be_read_is_set_aside_by_itself(item: dict[str, Any]) -> None:
    body = json.dumps({"metadata": {"resourceVersion": "5"}, "items": [item, as_wire(OBJECT)]}).encode()
    page = DECODER.page(body)
    assert len(page.objects) == 1
    assert len(page.poison) == 1
    assert isinstance(page.poison[0], Poison)
