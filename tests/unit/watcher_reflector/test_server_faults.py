"""The fault matrix: whatever the server does, no exit, no hang, few requests, and recovery within 35 seconds."""

import asyncio
from dataclasses import dataclass

import pytest

from unit.watcher_reflector.scripted import (
    EXPIRED,
    SCOPE,
    TOO_LARGE,
    Bench,
    Cut,
    Hold,
    Refusal,
    Script,
    bench,
    bookmark,
    event,
    failure,
    listing,
    workflow,
)

RUNNING = listing(workflow("a", version=11), version=40)
END = event("MODIFIED", workflow("a", version=900, phase="Succeeded"))
AFTER = listing(workflow("a", version=900, phase="Succeeded"), version=901)
HEALED: Script = [END, Hold()]

STREAM_OF_410: Script = [event("ERROR", EXPIRED)]
STREAM_OF_TOO_LARGE: Script = [event("ERROR", TOO_LARGE)]
STREAM_OF_429: Script = [event("ERROR", failure(429, "TooManyRequests"))]
STREAM_OF_500: Script = [event("ERROR", failure(500, "InternalError"))]
STREAM_OF_504: Script = [event("ERROR", failure(504, "Timeout"))]
STREAM_OF_NOTHING: Script = []
STREAM_CUT_MID_LINE: Script = [END[:60], Cut()]
STREAM_CUT_AT_ONCE: Script = [Cut()]
STREAM_ENDS_MID_LINE: Script = [END[:60]]
STREAM_OF_HTML: Script = [b"<html>busy</html>\n"]
STREAM_OF_ONE_EVENT_EACH: Script = [bookmark(50)]

MATRIX: dict[str, Script] = {
    "in-stream 410": STREAM_OF_410,
    "HTTP 410": Refusal(status=410, body=EXPIRED),
    "in-stream too large": STREAM_OF_TOO_LARGE,
    "HTTP too large": Refusal(status=504, body=TOO_LARGE),
    "in-stream 429": STREAM_OF_429,
    "in-stream 500": STREAM_OF_500,
    "in-stream 504": STREAM_OF_504,
    "HTTP 401": Refusal(status=401, body=failure(401, "Unauthorized")),
    "HTTP 403": Refusal(status=403, body=failure(403, "Forbidden")),
    "HTTP 404 in plain text": Refusal(status=404, body=b"404 page not found"),
    "HTTP 429": Refusal(status=429, headers={"Retry-After": "3"}, body=failure(429, "TooManyRequests")),
    "HTTP 500": Refusal(status=500, body=failure(500, "InternalError")),
    "HTTP 502 of a proxy": Refusal(status=502, body=b"<html>Bad gateway</html>"),
    "HTTP 503": Refusal(status=503, body=b""),
    "HTTP 400": Refusal(status=400, body=failure(400, "BadRequest")),
    "instant clean close": STREAM_OF_NOTHING,
    "cut in the middle of a line": STREAM_CUT_MID_LINE,
    "cut at once": STREAM_CUT_AT_ONCE,
    "end in the middle of a line": STREAM_ENDS_MID_LINE,
    "no JSON": STREAM_OF_HTML,
    "one bookmark and a close": STREAM_OF_ONE_EVENT_EACH,
}


def busiest_minute(it: Bench) -> int:
    times = [asked.at for asked in it.server.asked]
    return max(sum(1 for other in times[number:] if other < at + 60) for number, at in enumerate(times))


@pytest.mark.parametrize("script", MATRIX.values(), ids=MATRIX.keys())
async def test_a_fault_that_lasts_costs_few_requests_and_heals(script: Script) -> None:
    async with bench() as it:
        it.server.lists, it.server.watches = [RUNNING], [script]
        it.start()
        await it.settled(lambda: bool(it.sink.rows))
        await it.clock.run(130, step=0.5)
        assert it.task is not None
        assert not it.task.done()
        assert busiest_minute(it) <= 10
        assert it.sink.rows == {"uid-a": "Running"}
        it.server.lists, it.server.watches = [AFTER], [HEALED]
        await it.clock.until(lambda: it.sink.rows == {"uid-a": "Succeeded"}, within=35)
        await it.settled(lambda: not it.telemetry.degraded)


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 500, 503])
async def test_a_list_that_fails_for_long_costs_few_requests_and_heals(status: int) -> None:
    async with bench() as it:
        it.server.lists = [Refusal(status=status, body=failure(status, "No"))]
        it.start()
        await it.clock.run(130, step=0.5)
        assert busiest_minute(it) <= 10
        assert it.sink.calls == []
        assert it.telemetry.degraded
        it.server.lists = [RUNNING]
        await it.clock.until(lambda: bool(it.sink.rows), within=35)


@dataclass(frozen=True, kw_only=True)
class Relists:
    script: Script
    lists: int


@pytest.mark.parametrize(
    "case",
    [
        Relists(script=STREAM_OF_410, lists=1),
        Relists(script=Refusal(status=410, body=EXPIRED), lists=1),
        Relists(script=STREAM_OF_TOO_LARGE, lists=1),
        Relists(script=STREAM_OF_429, lists=0),
        Relists(script=STREAM_OF_500, lists=0),
        Relists(script=STREAM_CUT_MID_LINE, lists=0),
        Relists(script=Refusal(status=503), lists=0),
    ],
)
async def test_only_a_lost_place_needs_a_new_list(case: Relists) -> None:
    async with bench() as it:
        it.server.lists, it.server.watches = [RUNNING, AFTER], [case.script, HEALED]
        it.start()
        await it.clock.until(lambda: it.sink.rows == {"uid-a": "Succeeded"}, within=10)
        assert len(it.server.listed) == 1 + case.lists


async def test_a_line_that_was_cut_is_read_again_whole() -> None:
    async with bench() as it:
        it.server.lists, it.server.watches = [RUNNING], [STREAM_CUT_MID_LINE, HEALED]
        it.start()
        await it.clock.until(lambda: it.sink.rows == {"uid-a": "Succeeded"}, within=10)
        assert it.telemetry.quarantined == 0
        assert [asked.query["resourceVersion"] for asked in it.server.watched] == ["40", "40"]


@pytest.mark.parametrize("script", [STREAM_ENDS_MID_LINE, STREAM_CUT_MID_LINE])
async def test_an_end_in_the_middle_of_a_line_is_a_failure(script: Script) -> None:
    async with bench() as it:
        it.server.lists, it.server.watches = [RUNNING], [script, [Hold()]]
        it.start()
        await it.clock.until(lambda: len(it.server.watched) == 2, within=10)
        assert it.telemetry.retries == {"cut": 1}


async def test_a_continue_token_that_expired_begins_the_list_again_and_then_takes_it_whole() -> None:
    first = listing(workflow("a", version=11), version=40, next_page="p2")
    expired = Refusal(status=410, body=EXPIRED)
    async with bench() as it:
        it.sink.rows = {"uid-gone": "Running"}
        it.server.lists = [first, expired, first, expired, RUNNING]
        it.start()
        await it.clock.until(lambda: bool(it.sink.checkpoints), within=60)
        assert [(asked.query.get("limit"), asked.query.get("continue")) for asked in it.server.listed] == [
            ("200", None), ("200", "p2"), ("200", None), ("200", "p2"), (None, None),
        ]  # fmt: skip
        assert it.sink.rows == {"uid-a": "Running"}


async def test_retry_after_is_a_floor() -> None:
    async with bench() as it:
        it.server.lists = [RUNNING]
        it.server.watches = [Refusal(status=429, headers={"Retry-After": "20"}), HEALED]
        it.start()
        await it.clock.until(lambda: len(it.server.watched) == 2)
        first, second = it.server.watched
        assert 20 <= second.at - first.at <= 22


async def test_a_half_open_connection_is_left_after_its_silence_without_a_list() -> None:
    async with bench() as it:
        it.server.lists, it.server.watches = [RUNNING], [[bookmark(41), Hold()], HEALED]
        it.start()
        await it.settled(lambda: it.sink.checkpoints.get(SCOPE) == "41")
        took = await it.clock.until(lambda: it.sink.rows == {"uid-a": "Succeeded"}, within=120)
        assert 88 <= took <= 95
        assert len(it.server.listed) == 1
        assert it.server.watched[1].query["resourceVersion"] == "41"


async def test_silence_that_lasts_leads_to_a_list() -> None:
    """A server that went back in time answers a watch from its future with silence."""
    async with bench() as it:
        it.server.lists, it.server.watches = [RUNNING, AFTER], [[Hold()]]
        it.start()
        await it.settled(lambda: bool(it.sink.rows))
        await it.clock.until(lambda: it.sink.rows == {"uid-a": "Succeeded"}, within=300)


async def test_answers_that_never_come_are_given_up() -> None:
    async with bench() as it:
        it.server.stall = asyncio.Event()
        it.server.lists, it.server.watches = [RUNNING], [HEALED]
        it.start()
        await it.clock.run(100)
        assert len(it.server.watched) >= 2
        it.server.stall.set()
        await it.clock.until(lambda: it.sink.rows == {"uid-a": "Succeeded"}, within=35)


async def test_a_rotated_token_is_used_with_the_next_request() -> None:
    async with bench() as it:
        it.server.lists = [RUNNING]
        it.server.watches = [Refusal(status=401, body=failure(401, "Unauthorized")), HEALED]
        it.start()
        await it.settled(lambda: bool(it.server.watched))
        it.token[0] = "second"
        await it.clock.until(lambda: len(it.server.watched) == 2, within=5)
        assert it.server.watched[1].headers["Authorization"] == "Bearer second"


async def test_a_server_that_restarts_is_not_listed_again() -> None:
    """Every watcher of the cluster comes back at once then: a list from each is what brings servers down."""
    async with bench() as it:
        it.server.lists, it.server.watches = [RUNNING], [[Hold()]]
        it.start()
        await it.settled(lambda: bool(it.server.watched))
        port = int(it.server.url.rpartition(":")[2])
        other = type(it.server)()
        other.lists, other.watches = [AFTER], [HEALED]
        await it.server.stop()
        await it.clock.run(60)
        async with other.serving(port):
            await it.clock.until(lambda: it.sink.rows == {"uid-a": "Succeeded"}, within=35)
        assert other.listed == []
        assert "unreachable" in it.telemetry.retries


async def test_a_server_that_resets_every_connection_costs_few_requests() -> None:
    connections = 0

    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.transport.abort()

    async with bench() as it:
        it.server.lists = [RUNNING]
        it.start()
        await it.settled(lambda: bool(it.server.watched))
        port = int(it.server.url.rpartition(":")[2])
        await it.server.stop()
        async with await asyncio.start_server(reset, "127.0.0.1", port):
            await it.clock.run(120)
        assert 2 <= connections <= 20


async def test_lost_permission_is_visible_and_heals() -> None:
    async with bench() as it:
        it.server.lists = [RUNNING]
        it.server.watches = [Refusal(status=403, body=failure(403, "Forbidden", "rights were taken")), HEALED]
        it.start()
        await it.settled(lambda: bool(it.telemetry.degraded))
        assert "rights were taken" in it.telemetry.degraded[SCOPE]
        await it.clock.until(lambda: it.sink.rows == {"uid-a": "Succeeded"}, within=35)
        assert it.telemetry.degraded == {}
