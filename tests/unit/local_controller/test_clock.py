import asyncio
from datetime import timedelta

import pytest

from nbargo_local.controller import ManualClock, SystemClock
from nbargo_local.controller.durations import humanize, parse_duration, stamp
from support.controller_bench import START


async def test_a_manual_clock_wakes_sleepers_in_their_order() -> None:
    clock = ManualClock(START)
    woken: list[int] = []

    async def sleeper(seconds: int) -> None:
        await clock.sleep_until(START + timedelta(seconds=seconds))
        woken.append(seconds)

    async with asyncio.TaskGroup() as group:
        for seconds in (3, 1, 2, 0):
            group.create_task(sleeper(seconds))
        await asyncio.sleep(0)
        clock.advance(2)
        for _ in range(3):
            await asyncio.sleep(0)
        assert woken == [0, 1, 2]
        clock.advance(1)
    assert woken == [0, 1, 2, 3]


async def test_a_sleeper_that_gave_up_is_no_trouble() -> None:
    clock = ManualClock(START)
    task = asyncio.create_task(clock.sleep_until(START + timedelta(seconds=1)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    clock.advance(5)
    assert clock.now() == START + timedelta(seconds=5)


async def test_the_system_clock_sleeps_until_a_time() -> None:
    clock = SystemClock()
    end = clock.now() + timedelta(milliseconds=20)
    await clock.sleep_until(end)
    assert clock.now() >= end
    await clock.sleep_until(end)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("1m30s", 90), ("1.5h", 5400), ("250ms", 0.25), ("-5", -5), ("-1m", -60), ("100us", 0.0001)],
)
def test_durations_are_seconds_or_gos_notation(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "1 m", "1d", "m"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="as a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 seconds"),
        (1, "1 second"),
        (59, "59 seconds"),
        (90, "1 minute 30 seconds"),
        (150, "2 minutes 30 seconds"),
        (3660, "1 hour 1 minutes"),
        (90000, "1 day 1 hours"),
    ],
)
def test_durations_in_messages(seconds: float, text: str) -> None:
    assert humanize(timedelta(seconds=seconds)) == text


def test_times_are_written_in_whole_seconds() -> None:
    assert stamp(START + timedelta(seconds=1.9)) == "2026-11-23T08:00:01Z"
