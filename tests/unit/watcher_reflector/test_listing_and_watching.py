"""What the reflector makes of a server that does what it should."""

import asyncio
import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbargo_shared.errors import ClusterRefusedError, DatabaseError
from nbargo_watcher import delivery, source
from nbargo_watcher.dberrors import ReplacedError
from unit.watcher_reflector.scripted import (
    SCOPE,
    Hold,
    Refusal,
    bench,
    bookmark,
    event,
    listing,
    workflow,
)

THREE = [workflow(name, version=number) for number, name in enumerate("abc", start=11)]
PAGES = [
    listing(THREE[0], version=40, next_page="p2"),
    listing(THREE[1], version=40, next_page="p3"),
    listing(THREE[2], version=40),
]
ENDS = [event("MODIFIED", workflow("a", version=41, phase="Succeeded")), event("DELETED", workflow("b", version=42))]


async def test_the_watch_begins_at_the_version_of_the_list() -> None:
    async with bench() as it:
        it.server.lists = [listing(*THREE, version=40)]
        it.start()
        await it.settled(lambda: bool(it.server.watched))
        assert it.server.watched[0].query["resourceVersion"] == "40"
        assert it.sink.calls == [("page", ["a", "b", "c"]), ("listed", "40")]


async def test_every_request_selects_the_user_alone_and_asks_for_json() -> None:
    async with bench() as it:
        it.start()
        await it.settled(lambda: bool(it.server.watched))
        for asked in it.server.asked:
            assert asked.query["labelSelector"] == "nbargo/user=alice"
            assert asked.headers["Accept"] == "application/json"
            assert asked.headers["Authorization"] == "Bearer first"


async def test_a_watch_asks_for_bookmarks_and_for_an_end() -> None:
    async with bench() as it:
        it.start()
        await it.settled(lambda: bool(it.server.watched))
        query = it.server.watched[0].query
        assert query["allowWatchBookmarks"] == "true"
        assert 240 <= int(query["timeoutSeconds"]) <= 480


async def test_pages_make_one_list() -> None:
    async with bench() as it:
        it.sink.rows = {"uid-gone": "Running"}
        it.server.lists = list(PAGES)
        it.start()
        await it.settled(lambda: bool(it.server.watched))
        assert [asked.query.get("continue") for asked in it.server.listed] == [None, "p2", "p3"]
        assert {asked.query["limit"] for asked in it.server.listed} == {"200"}
        assert it.sink.called("listed") == ["40"]
        assert sorted(it.sink.rows) == ["uid-a", "uid-b", "uid-c"]


@pytest.mark.parametrize(
    "broken", [Refusal(status=500), b"{", listing(THREE[2], version=41), listing(version=40, next_page="p")]
)
async def test_a_list_that_breaks_off_says_nothing_about_what_is_absent(broken: object) -> None:
    async with bench() as it:
        it.sink.rows = {"uid-gone": "Running"}
        it.server.lists = [PAGES[0], broken, Refusal(status=500)]
        it.start()
        await it.settled(lambda: len(it.server.listed) >= 2)
        await it.clock.run(5)
        assert it.sink.called("listed") == []
        assert "uid-gone" in it.sink.rows


async def test_changes_between_list_and_watch_are_seen_once() -> None:
    async with bench() as it:
        it.server.lists = [listing(*THREE, version=40)]
        it.server.watches = [[*ENDS, Hold()]]
        it.start()
        await it.settled(lambda: len(it.sink.rows) == 2)
        assert it.sink.rows == {"uid-a": "Succeeded", "uid-c": "Running"}
        told = [item for batch in it.sink.called("events") for item in batch]
        assert told == [("a", "Succeeded"), ("b", "Running")]
        assert it.sink.checkpoints[SCOPE] == "42"


async def test_a_restart_goes_on_from_the_checkpoint_without_a_list() -> None:
    async with bench() as it:
        it.sink.checkpoints[SCOPE] = "39"
        it.server.watches = [[*ENDS, Hold()]]
        it.start()
        await it.settled(lambda: it.sink.checkpoints[SCOPE] == "42")
        assert it.server.listed == []
        assert it.server.watched[0].query["resourceVersion"] == "39"


async def test_a_bookmark_moves_the_checkpoint_and_brings_no_event() -> None:
    async with bench() as it:
        it.server.watches = [[bookmark(77)], [Hold()]]
        it.start()
        await it.settled(lambda: len(it.server.watched) == 2)
        assert it.server.watched[1].query["resourceVersion"] == "77"
        assert it.sink.called("events") == [[]]
        assert it.sink.checkpoints[SCOPE] == "77"


async def test_the_next_watch_goes_on_where_the_last_one_ended() -> None:
    async with bench() as it:
        it.server.watches = [[ENDS[0]], [ENDS[1]], [Hold()]]
        it.start()
        await it.clock.until(lambda: len(it.server.watched) == 3, within=15)
        assert [asked.query["resourceVersion"] for asked in it.server.watched] == ["1", "41", "42"]
        assert len(it.server.listed) == 1


async def test_the_server_is_listed_again_now_and_then() -> None:
    async with bench() as it:
        it.server.lists = [listing(THREE[0], version=40), listing(version=50)]
        it.server.watches = [[bookmark(41), Hold()]]
        it.start()
        await it.settled(lambda: bool(it.sink.rows))
        took = await it.clock.until(lambda: not it.sink.rows, within=1300, step=2)
        assert 600 <= took <= 1210


async def test_an_idle_stream_costs_less_than_a_request_a_minute() -> None:
    async with bench() as it:
        it.server.watches = [[Hold()]]
        it.start()
        await it.settled(lambda: bool(it.server.watched))
        await it.clock.run(3600, step=2)
        assert len(it.server.asked) <= 61


async def test_what_arrives_while_the_sink_is_busy_is_one_batch_with_the_last_of_each() -> None:
    steps = [event("MODIFIED", workflow("a", version=number, phase=phase)) for number, phase in enumerate(
        ["Pending", "Running", "Failed", "Running", "Succeeded"], start=50)]  # fmt: skip
    async with bench() as it:
        closed = asyncio.Event()
        it.server.watches = [[steps[0], closed, *steps[1:], event("ADDED", workflow("b", version=60)), Hold()]]
        it.start()
        await it.settled(lambda: it.sink.checkpoints.get(SCOPE) == "50")
        it.sink.gate.clear()
        closed.set()
        await it.settled(lambda: it.telemetry.events == 6)
        it.sink.gate.set()
        await it.settled(lambda: it.sink.checkpoints.get(SCOPE) == "60")
        told = [item for batch in it.sink.called("events") for item in batch]
        assert told[-2:] == [("a", "Succeeded"), ("b", "Running")]
        assert len(told) <= 4


async def test_a_batch_is_in_the_order_of_the_last_events() -> None:
    first, *rest = [event("MODIFIED", workflow(name, version=number)) for number, name in enumerate("xaba", start=50)]
    async with bench() as it:
        go = asyncio.Event()
        it.server.watches = [[first, go, *rest, Hold()]]
        it.start()
        await it.settled(lambda: it.sink.checkpoints.get(SCOPE) == "50")
        it.sink.gate.clear()
        go.set()
        await it.settled(lambda: it.telemetry.events == 4)
        it.sink.gate.set()
        await it.settled(lambda: it.sink.checkpoints.get(SCOPE) == "53")
        told = [name for batch in it.sink.called("events") for name, _ in batch]
        assert told[-2:] == ["b", "a"]


async def test_events_are_kept_while_the_sink_fails() -> None:
    async with bench() as it:
        it.server.watches = [[*ENDS, Hold()]]
        it.server.lists = [listing(*THREE, version=40)]
        it.start()
        await it.settled(lambda: it.sink.called("listed") == ["40"])
        it.sink.errors = [DatabaseError("locked")] * 10
        await it.settled(lambda: bool(it.telemetry.degraded) or not it.sink.errors or len(it.sink.rows) == 2)
        await it.clock.until(lambda: it.sink.checkpoints.get(SCOPE) == "42", within=60)
        assert it.sink.rows == {"uid-a": "Succeeded", "uid-c": "Running"}
        assert it.telemetry.degraded == {}


async def test_a_failing_sink_is_said() -> None:
    async with bench() as it:
        it.sink.errors = [DatabaseError("the disk is full")] * 3
        it.start()
        await it.settled(lambda: bool(it.telemetry.degraded))
        assert "the disk is full" in str(it.telemetry.degraded)
        await it.clock.until(lambda: not it.telemetry.degraded)


async def test_the_stream_is_held_back_while_too_much_waits() -> None:
    many = [event("ADDED", workflow(f"w{number}", version=100 + number)) for number in range(3000)]
    async with bench() as it:
        it.start()
        await it.settled(lambda: bool(it.server.watched))
        it.sink.gate.clear()
        it.server.watches = [[*many, Hold()]]
        it.server.release()
        await it.settled(lambda: it.telemetry.events >= delivery.MAX_WAITING)
        await it.clock.run(1)
        held = it.telemetry.events
        assert held < 3000
        it.sink.gate.set()
        await it.settled(lambda: len(it.sink.rows) == 3000)


async def test_an_object_that_breaks_the_sink_is_set_aside_and_the_others_are_not() -> None:
    async with bench() as it:
        it.server.lists = [listing(*THREE, version=40)]
        it.sink.errors = [ValueError("whole page"), ValueError("only a")]
        it.start()
        await it.settled(lambda: bool(it.sink.checkpoints))
        assert sorted(it.sink.rows) == ["uid-b", "uid-c"]
        assert it.quarantined == [("uid-a", "ValueError: only a")]


async def test_a_database_that_was_replaced_ends_the_reflector() -> None:
    async with bench() as it:
        it.sink.errors = [ReplacedError("another file")]
        it.start()
        assert it.task is not None
        with pytest.raises(BaseException) as caught:  # noqa: PT011 - bare or in a group
            await it.task
        assert "ReplacedError" in repr(caught.value)


async def test_poison_is_counted_once_and_passed_over() -> None:
    async with bench() as it:
        bad = workflow("bad", version=12, phase="Paused")
        it.sink.rows = {"uid-bad": "Running"}
        it.server.lists = [listing(THREE[0], bad, version=40)]
        it.server.watches = [[event("MODIFIED", {**bad, "status": 3}), ENDS[0], Hold()]]
        it.start()
        await it.settled(lambda: it.sink.checkpoints.get(SCOPE) == "41")
        assert it.sink.rows == {"uid-bad": "Running", "uid-a": "Succeeded"}, "what is there is not gone"
        assert [name for name, _ in it.quarantined] == ["bad", "bad"]


async def test_large_objects_make_small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "PAGE_BYTES", 2000)
    big = listing(*[workflow(str(number), version=number + 1) for number in range(20)], version=40)
    async with bench() as it:
        it.server.lists = [big, big, listing(THREE[0], version=40)]
        it.start()
        await it.settled(lambda: bool(it.sink.checkpoints))
        assert [asked.query["limit"] for asked in it.server.listed] == ["200", "40", "8"]


async def test_an_event_of_a_mebibyte_passes() -> None:
    big = workflow("a", version=41, phase="Succeeded")
    big["status"]["nodes"] = {"x": "\u2028\u0085\U0001f600" * 100_000}
    async with bench() as it:
        it.server.watches = [
            [json.dumps({"type": "ADDED", "object": big}, ensure_ascii=False).encode() + b"\n", Hold()]
        ]
        it.start()
        await it.settled(lambda: it.sink.rows == {"uid-a": "Succeeded"})


async def test_a_single_run_lists_once_and_watches_nothing() -> None:
    async with bench(finite=True) as it:
        it.server.lists = list(PAGES)
        await it.reflector.once()
        assert len(it.sink.rows) == 3
        assert it.server.watched == []


async def test_a_single_run_says_who_refused() -> None:
    async with bench(finite=True) as it:
        it.server.lists = [
            Refusal(status=403, body={"kind": "Status", "reason": "Forbidden", "message": "may not list"})
        ]
        with pytest.raises(ClusterRefusedError, match="may not list"):
            await it.reflector.once()
        assert len(it.server.asked) == 1


CHUNKS = b"".join([*ENDS, bookmark(43)])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, len(CHUNKS) - 1), max_size=4, unique=True))
def test_a_stream_may_come_in_any_pieces(cuts: list[int]) -> None:
    async def run() -> None:
        bounds = [0, *sorted(cuts), len(CHUNKS)]
        async with bench() as it:
            it.server.lists = [listing(*THREE, version=40)]
            it.server.watches = [[*(CHUNKS[a:b] for a, b in pairwise(bounds)), Hold()]]
            it.start()
            await it.settled(lambda: it.sink.checkpoints.get(SCOPE) == "43")
            assert it.sink.rows == {"uid-a": "Succeeded", "uid-c": "Running"}

    asyncio.run(run())
