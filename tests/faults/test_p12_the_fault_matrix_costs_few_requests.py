"""P12: under every fault of the matrix, for as long as it lasts: no exit, no hang, ten requests a minute at most.

They are those of both streams together. The rows are true within 35 seconds of its end. Retry-After is a floor, and
jitter keeps two watchers apart.
"""

from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Final

import pytest

from nbargo_local.faults.answers import (
    EXPIRED,
    TOO_LARGE,
    expired,
    refuse,
    reset,
    status,
    too_large,
    truncated,
    unanswered,
)
from nbargo_local.faults.plan import Fault
from nbargo_local.faults.proxy import Mode, TcpProxy
from nbargo_local.faults.streams import End, cut_at, line, says
from support.faulty import SELDOM, Faulty, faulty

LASTS: Final = 130
BUDGET: Final = 10
HEALS_WITHIN: Final = 35
STREAM: Final = "workflows"

BOOKMARK = line("BOOKMARK", {"kind": "Workflow", "metadata": {"resourceVersion": "3"}})
"""Where the scene of one running job stands."""

WATCHES: dict[str, Fault] = {
    "ERROR event 410": says(line("ERROR", status(410, "Expired", EXPIRED))),
    "ERROR event 429": says(line("ERROR", status(429, "TooManyRequests"))),
    "ERROR event 500": says(line("ERROR", status(500, "InternalError"))),
    "ERROR event 504, too large": says(
        line("ERROR", status(504, "Timeout", TOO_LARGE, cause="ResourceVersionTooLarge"))
    ),
    "HTTP 401": refuse(401, status(401, "Unauthorized")),
    "HTTP 403": refuse(403, status(403, "Forbidden")),
    "HTTP 404 in plain text": refuse(404, "404 page not found"),
    "HTTP 410": expired(),
    "HTTP 429, Retry-After 3": refuse(429, retry_after=3),
    "HTTP 429, Retry-After 1": refuse(429, retry_after=1),
    "HTTP 500": refuse(500),
    "HTTP 502 of a proxy": refuse(502, "<html>bad gateway</html>"),
    "HTTP 503": refuse(503),
    "HTTP 504, too large": too_large(),
    "instant clean close": says(),
    "one bookmark and a close": says(BOOKMARK),
    "cut in the middle of a line": says(BOOKMARK[:30], end=End.RESET),
    "end in the middle of a line": says(BOOKMARK[:30]),
    "reset instead of an answer": reset(),
    "no answer": unanswered(),
    "silence after the headers": says(end=End.HOLD),
    "no JSON": says(b"<html>busy</html>\n"),
    "a line without an end": says(*[b"x" * 65536] * 80),
    "an event of nothing": says(b"{}\n"),
}
LISTS: dict[str, Fault] = {
    "list: HTTP 401": refuse(401, status(401, "Unauthorized")),
    "list: HTTP 403": refuse(403, status(403, "Forbidden")),
    "list: HTTP 410": expired(),
    "list: HTTP 429, Retry-After 3": refuse(429, retry_after=3),
    "list: HTTP 500": refuse(500),
    "list: truncated": truncated(),
    "list: reset": reset(),
    "list: no answer": unanswered(),
    "list: HTML": refuse(200, "<html>please log in</html>"),
}


async def _lasts_and_heals(it: Faulty, heal: Callable[[], Awaitable[None]]) -> None:
    follower = it.scene.followers[0]
    await it.clock.run(LASTS)
    assert it.plan.busiest(60) <= BUDGET
    it.jobs.do("succeed", 0)
    assert follower.task
    assert not follower.task.done()
    await heal()
    await it.true(within=HEALS_WITHIN)
    assert not follower.log.lines("exception")
    await it.clock.until(lambda: not follower.telemetry.degraded, within=HEALS_WITHIN)


@pytest.mark.parametrize("fault", WATCHES.values(), ids=WATCHES.keys())
async def test_a_fault_of_every_watch(fault: Fault) -> None:
    async with faulty() as it:
        it.run(0)
        await it.following()
        rule = it.plan.add("watch", fault)
        it.plan.cut()

        async def heal() -> None:
            assert rule.hits > 1
            it.plan.heal()
            it.plan.cut()  # what is silent stays so otherwise

        await _lasts_and_heals(it, heal)


@pytest.mark.parametrize("fault", LISTS.values(), ids=LISTS.keys())
async def test_a_fault_of_every_list(fault: Fault) -> None:
    async with faulty() as it:
        it.run(0)
        await it.following()
        rule = it.plan.add("list", fault)
        it.plan.add("watch", expired())
        it.plan.cut()

        async def heal() -> None:
            assert rule.hits > 1
            it.plan.heal()
            it.plan.cut()

        await _lasts_and_heals(it, heal)


async def _refuse(proxy: TcpProxy) -> Callable[[], Awaitable[None]]:
    await proxy.refuse()
    return proxy.listen


async def _reset_all(proxy: TcpProxy) -> Callable[[], Awaitable[None]]:
    proxy.mode = Mode.RESET
    proxy.reset()

    async def heal() -> None:
        proxy.mode = Mode.FORWARD

    return heal


async def _silence_all(proxy: TcpProxy) -> Callable[[], Awaitable[None]]:
    proxy.mode = Mode.SILENT
    proxy.silence()

    async def heal() -> None:
        proxy.mode = Mode.FORWARD
        proxy.reset()

    return heal


async def _one_byte_in_three_seconds(proxy: TcpProxy) -> Callable[[], Awaitable[None]]:
    proxy.chunk, proxy.pause = 1, 3.0
    proxy.reset()

    async def heal() -> None:
        proxy.chunk, proxy.pause = 65536, 0.0
        proxy.reset()

    return heal


@pytest.mark.parametrize("break_it", [_refuse, _reset_all, _silence_all, _one_byte_in_three_seconds])
async def test_a_fault_of_every_connection(
    break_it: Callable[[TcpProxy], Awaitable[Callable[[], Awaitable[None]]]],
) -> None:
    async with faulty() as it, TcpProxy(it.scene.server.port) as proxy:
        it.run(0)
        await it.following(url=f"http://127.0.0.1:{proxy.port}")
        before = proxy.connections
        heal = await break_it(proxy)
        await _lasts_and_heals(it, heal)
        assert (proxy.connections - before) * 60 <= BUDGET * (LASTS + HEALS_WITHIN)


@pytest.mark.parametrize("asked", [5, 40, 100])
async def test_no_request_comes_earlier_than_retry_after(asked: int) -> None:
    async with faulty() as it:
        it.run(0)
        await it.following()
        it.plan.add("watch", refuse(429, retry_after=asked), times=2, resource=STREAM)
        before = it.watches
        it.plan.cut()
        await it.clock.until(lambda: it.watches >= before + 3, within=3 * asked + 70)
        times = [each.at for each in it.plan.of("watch", STREAM)[before:]]
        pauses = [later - at for at, later in pairwise(times)]
        assert all(asked <= pause <= asked + 31 for pause in pauses)


async def test_two_watchers_do_not_come_back_together() -> None:
    async with faulty() as it:
        it.run(0)
        for seed in (1, 2):
            it.scene.following(timing=SELDOM, seed=seed)
        await it.clock.until(lambda: it.watches == 2, within=60)
        before = it.watches
        it.plan.add("watch", refuse(503), resource=STREAM)
        it.plan.cut()
        await it.clock.run(300)
        times = sorted(each.at for each in it.plan.of("watch", STREAM)[before + 2 :])
        gaps = [later - at for at, later in pairwise(times)]
        assert len(times) >= 10
        assert sum(gap < 1.0 for gap in gaps) <= len(gaps) // 3  # every other one, if they came together


async def test_a_watch_cut_in_each_of_its_lines_is_read_on_from_the_last_whole_one() -> None:
    async with faulty() as it:
        it.run(0)
        await it.following()
        lists = it.lists
        for action, offset in [("succeed", 40), ("touch", 200), ("touch", 1)]:
            it.plan.add("watch", cut_at(offset), times=1, resource=STREAM)
            it.plan.cut()
            await it.clock.run(1)
            it.jobs.do(action, 0)
            await it.true(within=HEALS_WITHIN)
        assert it.lists == lists


@pytest.mark.parametrize("seed", range(1, 8))
@pytest.mark.parametrize("lasts", [5, 20, 60, 130])
async def test_after_an_outage_that_forgot_the_history_both_streams_are_listed_in_time(lasts: int, seed: int) -> None:
    async with faulty() as it, TcpProxy(it.scene.server.port) as proxy:
        it.run(0)
        follower = await it.following(url=f"http://127.0.0.1:{proxy.port}", seed=seed)
        await it.clock.until(lambda: len(it.plan.of("watch")) == 2, within=HEALS_WITHIN)
        heal = await _refuse(proxy)
        await it.clock.run(lasts)
        it.jobs.do("succeed", 0)
        for stream in (STREAM, "cronworkflows"):
            it.plan.add("watch", expired(), times=1, resource=stream)
        await heal()
        await it.true(within=HEALS_WITHIN)
        lists = 4  # two at the start
        await it.clock.until(lambda: follower.telemetry.lists == lists, within=60)


async def test_while_the_server_fails_one_stream_asks_for_both() -> None:
    async with faulty() as it:
        it.run(0)
        await it.following()
        await it.clock.until(lambda: len(it.plan.of("watch")) == 2, within=HEALS_WITHIN)
        it.plan.add("watch", refuse(503))
        it.plan.add("list", refuse(503))
        it.plan.cut()
        before = len(it.plan.of("watch", "cronworkflows"))
        await it.clock.run(50)
        assert len(it.plan.of("watch", "cronworkflows")) - before <= 1
        assert it.watches + it.lists > 5


async def test_a_stream_whose_leader_has_trouble_of_its_own_asks_for_itself() -> None:
    async with faulty() as it:
        it.run(0)
        follower = await it.following()
        await it.clock.until(lambda: len(it.plan.of("watch")) == 2, within=HEALS_WITHIN)
        it.plan.add("watch", refuse(503), resource=STREAM)
        it.plan.add("list", refuse(503), resource=STREAM)
        it.plan.cut()
        before = len(it.plan.of("watch", "cronworkflows"))
        await it.clock.run(150)
        assert len(it.plan.of("watch", "cronworkflows")) > before
        assert follower.telemetry.degraded
        assert all(part.startswith(STREAM) for part in follower.telemetry.degraded)
