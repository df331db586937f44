"""What is accepted as a schedule means the same to Argo (robfig/cron) and to croniter; the rest is refused."""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from croniter import croniter  # type: ignore[import-untyped] # published without type information
from hypothesis import assume, example, given, reject, settings
from hypothesis import strategies as st

from nbargo_local.controller.cron.schedule import parse_schedule
from nbargo_shared.errors import InputError
from nbargo_submitter.schedules import DESCRIPTORS, checked_schedule, checked_zone

TIMES = 8
NAMES = ["jan", "feb", "DEC", "mon", "Tue", "sun", "sat", "fri", "7", "0", "*", "?", "L"]


def value(lowest: int, highest: int) -> st.SearchStrategy[str]:
    numbers = st.integers(lowest, highest + 1).map(str)
    return numbers if highest > 12 else numbers | st.sampled_from(NAMES)


def part(lowest: int, highest: int) -> st.SearchStrategy[str]:
    one = value(lowest, highest)
    span = st.just("*") | one | st.tuples(one, one).map("-".join)
    step = st.sampled_from(["", "", "", "/1", "/2", "/3", "/7", "/40"])
    return st.tuples(span, step).map("".join)


def field(lowest: int, highest: int) -> st.SearchStrategy[str]:
    return st.just("*") | st.lists(part(lowest, highest), min_size=1, max_size=3).map(",".join)


SCHEDULES = st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6)).map(
    " ".join
) | st.sampled_from(sorted(DESCRIPTORS))
STARTS = st.datetimes(datetime(2024, 1, 1), datetime(2032, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it


def accepted(typed: str) -> str:
    try:
        return checked_schedule(typed)
    except InputError:
        reject()


def by_argo(schedule: str, start: datetime) -> list[datetime]:
    rule = parse_schedule(schedule)
    times: list[datetime] = []
    for _ in range(TIMES):
        found = rule.next(times[-1] if times else start)
        assert found is not None
        times.append(found)
    return times


def by_croniter(schedule: str, start: datetime) -> list[datetime]:
    found = croniter(schedule, start)
    return [found.get_next(datetime) for _ in range(TIMES)]


@settings(max_examples=400, deadline=timedelta(seconds=5))
@given(SCHEDULES, STARTS)
@example("0 0 * * 1/2", datetime(2026, 1, 1, tzinfo=UTC))
@example("0 0 1-31 * 1", datetime(2026, 1, 1, tzinfo=UTC))
@example("0 0 */2 * 1", datetime(2026, 1, 1, tzinfo=UTC))
@example("0 0 * * fri-sun", datetime(2026, 1, 1, tzinfo=UTC))
@example("0 0 29 2 *", datetime(2026, 1, 1, tzinfo=UTC))
def test_an_accepted_schedule_is_due_at_the_same_times(typed: str, start: datetime) -> None:
    schedule = accepted(typed)
    start = start.replace(microsecond=0)
    assert by_croniter(schedule, start) == by_argo(schedule, start)


@settings(max_examples=300, deadline=timedelta(seconds=5))
@given(SCHEDULES, STARTS)
def test_what_both_read_alike_as_it_was_typed_keeps_its_meaning(typed: str, start: datetime) -> None:
    start = start.replace(microsecond=0)
    schedule = accepted(typed)
    try:
        argo, lab = by_argo(typed, start), by_croniter(typed, start)
    except ValueError:  # one of them does not read it
        reject()
    assume(argo == lab)
    assert by_argo(schedule, start) == argo


@settings(max_examples=300)
@given(SCHEDULES)
def test_a_checked_schedule_is_accepted_as_it_is(typed: str) -> None:
    schedule = accepted(typed)
    assert checked_schedule(schedule) == schedule


@given(st.text(max_size=30) | SCHEDULES)
def test_any_text_is_accepted_or_refused_with_a_sentence(typed: str) -> None:
    with contextlib.suppress(InputError):
        parse_schedule(checked_schedule(typed))


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("  30   9 * * 1 ", "30 9 * * 1"),
        ("*/5 * * * *", "*/5 * * * *"),
        ("0 9-17/2 1,15 * *", "0 9-17/2 1,15 * *"),
        ("0 0 * * 7", "0 0 * * 0"),
        ("0 0 * * 5-7", "0 0 * * 0,5-6"),
        ("0 0 * * Fri-Sun", "0 0 * * 0,5-6"),
        ("0 0 * * MON-fri", "0 0 * * 1-5"),
        ("0 0 1 jan,JUL *", "0 0 1 1,7 *"),
        ("0 0 13 * 5", "0 0 13 * 5"),
        ("0 0 */1 * 5", "0 0 * * 5"),
        ("0 0 */2 * *", "0 0 */2 * *"),
        ("0 0 * * 0-7", "0 0 * * 0-6"),
        ("@Daily", "@daily"),
    ],
)
def test_another_spelling_is_rewritten(typed: str, sent: str) -> None:
    assert checked_schedule(typed) == sent


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "it has 0 fields"),
        ("* * * *", "it has 4 fields"),
        ("0 * * * * *", "it has 6 fields"),
        ("@reboot", "only @yearly"),
        ("@every 1h", "only @yearly"),
        ("TZ=Europe/Berlin 0 9 * * *", "the time zone does not belong into it"),
        ("CRON_TZ=UTC 0 9 * * *", "the time zone does not belong into it"),
        ("60 * * * *", "'60' is not a minute"),
        ("0 24 * * *", "'24' is not a hour"),
        ("0 0 0 * *", "'0' is not a day of the month"),
        ("0 0 * 13 *", "'13' is not a month"),
        ("0 0 * mon *", "'mon' is not a month"),
        ("0 0 * * 8", "'8' is not a day of the week"),
        ("0 0 L * *", "'L' is not a day of the month"),
        ("0 0 * * 5#3", "'5#3' cannot stand"),
        ("0 0 * * l5", "'l5' is not"),
        ("0 0 ? * *", "'?' cannot stand"),
        ("H * * * *", "'H' is not a minute"),
        ("0 22-2 * * *", "the range '22-2' runs backwards"),
        ("*/0 * * * *", "has a step of 0"),
        ("0,,5 * * * *", "'' cannot stand"),
        ("-5 * * * *", "'-5' cannot stand"),
        ("+5 * * * *", "'+5' cannot stand"),
        ("0 0 30 2 *", "there is no such day"),
        ("0 0 31 4,6,9,11 *", "there is no such day"),
        ("0 0 */2 * 1", "can be read in two ways"),
        ("0 0 1 * */2", "can be read in two ways"),
        ("0 0 1-31 * 1", "can be read in two ways"),
        ("0 0 1 * 0-6", "can be read in two ways"),
        ("0 0 * * 1/2", "does not say on which day it ends"),
        ("tomorrow", "it has 1 fields"),
        (" ".join(["*" * 60] * 5), "more than 256 characters"),
        ("\u0661 * * * *", "cannot stand"),
    ],
)
def test_what_argo_and_the_lab_read_differently_is_refused_with_its_reason(typed: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        checked_schedule(typed)
    assert why in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "UTC", "EST5EDT"])
def test_a_zone_is_known_by_its_name(zone: str) -> None:
    assert checked_zone(zone) == zone


@pytest.mark.parametrize("zone", [None, "", "UTC"])
def test_no_zone_is_utc(zone: str | None) -> None:
    assert checked_zone(zone) == "UTC"


@pytest.mark.parametrize(
    "zone",
    [
        *("Europe/Atlantis", "Local", "localtime", "../UTC", "/etc/localtime", "UTC+2", "Europe", "europe/berlin"),
        *("America", "posix/UTC", "zone.tab", "Factory", "Europe/Berlin\0", "UTC\n0", "x" * 99),
    ],
)
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(InputError, match="There is no time zone"):
        checked_zone(zone)
