import json
from typing import Any

import pytest

from nbargo_watcher.decode import Bookmark, Decoder, GarbledError, Poison
from nbargo_watcher.model import Event, Observed
from nbargo_watcher.wire import Seen, StatusObject
from unit.watcher_reflector.scripted import EXPIRED, bookmark, event, listing, workflow

DECODER = Decoder(kind="Workflow", namespace="jobs")

FULL = workflow("a", version=7, phase="Failed")
FULL["metadata"] |= {
    "annotations": {"nbargo/job": '{"x":1}', "nbargo/stop-requested": ""},
    "deletionTimestamp": "2026-01-01T00:00:09Z",
    "managedFields": [{"manager": "x"}],
}
FULL["metadata"]["labels"] |= {
    "workflows.argoproj.io/completed": "true",
    "workflows.argoproj.io/resubmitted-from-workflow": "b",
}
FULL["spec"]["shutdown"] = "Stop"
FULL["status"] |= {
    "message": "m" * 9000,
    "startedAt": "2026-01-01T00:00:01Z",
    "finishedAt": "2026-01-01T00:00:02Z",
    "outputs": {"parameters": [{"name": "other", "value": 1}, {"name": "nbargo-outcome", "value": "{}"}]},
}

POISON: dict[str, Any] = {
    "metadata missing": {"kind": "Workflow"},
    "metadata null": {"metadata": None},
    "no uid": {"metadata": {"name": "x", "resourceVersion": "3"}},
    "empty name": {"metadata": {"name": "", "uid": "u", "resourceVersion": "3"}},
    "wrong kind": {**workflow("x", version=3), "kind": "Pod"},
    "unknown phase": workflow("x", version=3, phase="Paused"),
    "labels of another type": workflow("x", version=3, labels=["nbargo/user"]),
    "label that is a number": workflow("x", version=3, labels={"nbargo/user": 1}),
    "status of another type": {**workflow("x", version=3), "status": "Running"},
    "phase of another type": {**workflow("x", version=3), "status": {"phase": 3}},
    "not an object": 3,
    "null": None,
}

SOUND: dict[str, Any] = {
    "no labels": {"metadata": {"name": "x", "uid": "u", "resourceVersion": "3"}, "kind": "Workflow"},
    "nulls everywhere": {
        "kind": "Workflow",
        "metadata": {"name": "x", "uid": "u", "resourceVersion": "3", "labels": None, "annotations": None},
        "spec": None,
        "status": {"phase": None, "message": None, "outputs": {"parameters": None}, "finishedAt": None},
    },
    "no status": {"kind": "Workflow", "metadata": {"name": "x", "uid": "u", "resourceVersion": "3"}, "status": None},
}


def line(kind: str, item: Any) -> Any:
    said = DECODER.line(event(kind, item))
    return DECODER.event(said) if isinstance(said, Seen) else said


def test_everything_that_a_row_needs_is_read() -> None:
    assert line("MODIFIED", FULL) == Event(
        observed=Observed(
            namespace="jobs",
            name="a",
            uid="uid-a",
            resource_version="7",
            user="alice",
            job_id="a",
            phase="Failed",
            message="m" * 4096,
            shutdown="Stop",
            stop_requested=True,
            completed=True,
            resubmitted=True,
            deleting=True,
            ran=True,
            created_at=1767225600000,
            started_at=1767225601000,
            finished_at=1767225602000,
            job_json='{"x":1}',
            outcome_json="{}",
        )
    )


@pytest.mark.parametrize(
    ("progress", "ran"), [("0/1", False), ("1/2", True), ("10/10", True), ("", False), (None, False)]
)
def test_progress_tells_whether_anything_ran(progress: str | None, *, ran: bool) -> None:
    item = workflow("a", version=1)
    item["status"]["progress"] = progress
    assert line("ADDED", item).observed.ran is ran


@pytest.mark.parametrize(
    ("note", "started", "requested"),
    [
        ("2026-01-01T00:00:05Z", "2026-01-01T00:00:01Z", True),
        ("2026-01-01T00:00:05Z", None, True),
        ("2026-01-01T00:00:05Z", "2026-01-01T00:00:05Z", False),
        ("2026-01-01T00:00:05Z", "2026-01-01T00:00:07Z", False),
        ("not a time", "2026-01-01T00:00:07Z", True),
    ],
)
def test_a_retry_outdates_the_request_to_stop(note: str, started: str | None, *, requested: bool) -> None:
    item = workflow("a", version=1)
    item["metadata"]["annotations"] = {"nbargo/stop-requested": note}
    item["status"]["startedAt"] = started
    assert line("MODIFIED", item).observed.stop_requested is requested


def test_a_deletion_is_told_from_a_change() -> None:
    assert line("DELETED", FULL).deleted
    assert not line("ADDED", FULL).deleted


@pytest.mark.parametrize("item", POISON.values(), ids=POISON.keys())
@pytest.mark.parametrize("kind", ["ADDED", "MODIFIED", "DELETED"])
def test_a_poisonous_event_is_set_aside(kind: str, item: Any) -> None:
    assert isinstance(line(kind, item), Poison)


def test_poison_tells_what_can_be_read_of_it() -> None:
    assert line("ADDED", POISON["phase of another type"]).uid == "uid-x"
    assert line("ADDED", POISON["no uid"]).resource_version == "3"


def test_an_event_of_an_unknown_type_is_set_aside() -> None:
    assert isinstance(line("PATCHED", FULL), Poison)


@pytest.mark.parametrize("item", SOUND.values(), ids=SOUND.keys())
def test_what_may_be_absent_may_be_absent(item: Any) -> None:
    said = line("ADDED", item)
    assert isinstance(said, Event)
    assert (said.observed.phase, said.observed.user) == ("", "")


@pytest.mark.parametrize("item", POISON.values(), ids=POISON.keys())
def test_one_bad_object_of_a_page_leaves_the_others(item: Any) -> None:
    good = [workflow(str(number), version=number + 1) for number in range(9)]
    page = DECODER.page(json.dumps(listing(*good[:5], item, *good[5:], version=99)).encode())
    assert [found.name for found in page.objects] == [found["metadata"]["name"] for found in good]
    assert (len(page.poison), page.resource_version) == (1, "99")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"metadata":{}}', b'{"metadata":{"resourceVersion":null}}'])
def test_what_is_no_list_is_garbled(body: bytes) -> None:
    with pytest.raises(GarbledError):
        DECODER.page(body)


def test_a_list_that_was_cut_is_garbled() -> None:
    body = json.dumps(listing(workflow("a", version=1), version=2)).encode()
    for length in range(len(body) - 1):
        with pytest.raises(GarbledError):
            DECODER.page(body[:length])


def test_a_list_may_say_null_for_nothing() -> None:
    assert DECODER.page(b'{"metadata":{"resourceVersion":"5"},"items":null}').objects == []


def test_bookmarks_and_errors_are_told_apart() -> None:
    assert DECODER.line(bookmark(5)) == Bookmark(resource_version="5")
    said = line("ERROR", EXPIRED)
    assert isinstance(said, StatusObject)
    assert said.code == 410


@pytest.mark.parametrize("text", [b"<html>", b'{"type":"ADDED"', b"\xff\xfe", b"[" * 100_000])
def test_a_line_that_is_not_json_is_garbled(text: bytes) -> None:
    with pytest.raises(GarbledError):
        DECODER.line(text)
