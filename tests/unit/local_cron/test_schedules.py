from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbargo_local.controller.cron.fields import DAYS, HOURS, MINUTES, MONTHS, WEEKDAYS, Bounds, ScheduleError
from nbargo_local.controller.cron.schedule import Calendar, Schedule, parse_schedule
from support.cron_bench import at

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns")
BEGIN, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2032, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

times = st.integers(0, int((END - BEGIN).total_seconds() * 1_000_000)).map(
    lambda microseconds: BEGIN + timedelta(microseconds=microseconds)
)


@st.composite
def ranges(draw: st.DrawFn, bounds: Bounds) -> str:
    first = draw(st.integers(bounds.lowest, bounds.highest))
    last = draw(st.integers(first, bounds.highest))
    step = draw(st.integers(1, 12))
    return draw(st.sampled_from([f"{first}", f"{first}-{last}", f"{first}-{last}/{step}", f"{first}/{step}"]))


def fields(bounds: Bounds) -> st.SearchStrategy[str]:
    listed = st.lists(ranges(bounds), min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), st.integers(1, 12).map(lambda step: f"*/{step}"), listed)


# Months are left out where a gap of up to five years would have to be searched minute by minute.
short_gaps = st.tuples(fields(MINUTES), fields(HOURS), st.just("*"), st.just("*"), st.just("*")).map(" ".join)
any_fields = st.tuples(*map(fields, (MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS))).map(" ".join)
zones = st.sampled_from(ZONES)


def zoned(text: str, zone: str) -> Calendar:
    found = parse_schedule(f"CRON_TZ={zone} {text}")
    assert isinstance(found, Calendar)
    return found


def matches(calendar: Calendar, when: datetime) -> bool:
    shown = when.astimezone(calendar.zone)
    return (
        shown.second == 0
        and shown.minute in calendar.minute.values
        and shown.hour in calendar.hour.values
        and shown.month in calendar.month.values
        and calendar.matches_day(shown)
    )


def following(schedule: Schedule, after: datetime, count: int) -> list[datetime]:
    found: list[datetime] = []
    while len(found) < count and (after_that := schedule.next(after)) is not None:
        found.append(after := after_that)
    return found


@given(any_fields, zones, times)
def test_the_next_time_is_later_and_matches(text: str, zone: str, now: datetime) -> None:
    calendar = zoned(text, zone)
    found = calendar.next(now)
    assert found is None or (found > now and matches(calendar, found))


@settings(max_examples=50)
@given(short_gaps, zones, times)
def test_no_time_that_matches_is_left_out(text: str, zone: str, now: datetime) -> None:
    calendar = zoned(text, zone)
    found = calendar.next(now)
    assert found is not None
    between = now.replace(second=0, microsecond=0) + MINUTE
    while between < found:
        assert not matches(calendar, between)
        between += MINUTE


@given(any_fields, zones, times)
def test_a_later_start_finds_no_earlier_time(text: str, zone: str, now: datetime) -> None:
    calendar = zoned(text, zone)
    first = calendar.next(now)
    if first is not None:
        assert calendar.next(now + (first - now) / 2) == first


@settings(max_examples=50)
@given(st.one_of(any_fields, short_gaps), zones, times, st.integers(1, 12), st.sampled_from([-1, 0, 1]))
def test_the_latest_time_is_the_last_of_those_that_follow(
    text: str, zone: str, now: datetime, count: int, off: int
) -> None:
    calendar = zoned(text, zone)
    chain = following(calendar, now, count)
    if not chain:
        return
    end = chain[-1] + timedelta(microseconds=off)
    earlier = [each for each in chain if each < end]
    assert calendar.latest(after=now, before=end) == (earlier[-1] if earlier else None)


@given(st.integers(1, 100_000), times, st.integers(1, 20), st.sampled_from([-1, 0, 1]))
def test_the_latest_end_of_an_interval_is_the_last_of_those_that_follow(
    seconds: int, now: datetime, count: int, off: int
) -> None:
    every, start = parse_schedule(f"@every {seconds}s"), now.replace(microsecond=0)
    chain = following(every, start, count)
    end = chain[-1] + timedelta(microseconds=off)
    earlier = [each for each in chain if each < end]
    assert every.latest(after=start, before=end) == (earlier[-1] if earlier else None)


def test_both_fields_for_days_have_to_match_where_one_is_a_star_and_else_either() -> None:
    start = at("2026-11-01 00:00")  # a Sunday
    assert following(parse_schedule("0 0 13 * *"), start, 1) == [at("2026-11-13 00:00")]
    assert following(parse_schedule("0 0 * * 5"), start, 1) == [at("2026-11-06 00:00")]
    assert following(parse_schedule("0 0 13 * 1"), start, 3) == [
        at("2026-11-02 00:00"),
        at("2026-11-09 00:00"),
        at("2026-11-13 00:00"),
    ]


@pytest.mark.parametrize("text", ["0 0 30 2 *", "0 0 31 4 *", ", * * * *", "* , * * *", "* * * , *"])
def test_a_schedule_that_nothing_matches_is_never_due(text: str) -> None:
    assert parse_schedule(text).next(BEGIN) is None
    assert parse_schedule(text).latest(after=BEGIN, before=END) is None


def test_the_search_ends_after_five_years() -> None:
    leap_day = parse_schedule("0 0 29 2 *")
    assert leap_day.next(at("2024-03-01 00:00")) == at("2028-02-29 00:00")
    assert leap_day.next(at("2096-03-01 00:00")) is None  # 2100 is no leap year


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("@hourly", ["2026-11-23 09:00", "2026-11-23 10:00"]),
        ("@daily", ["2026-11-24 00:00", "2026-11-25 00:00"]),
        ("@midnight", ["2026-11-24 00:00", "2026-11-25 00:00"]),
        ("@weekly", ["2026-11-29 00:00", "2026-12-06 00:00"]),
        ("@monthly", ["2026-12-01 00:00", "2027-01-01 00:00"]),
        ("@yearly", ["2027-01-01 00:00", "2028-01-01 00:00"]),
        ("@annually", ["2027-01-01 00:00", "2028-01-01 00:00"]),
        ("@every 1h30m", ["2026-11-23 10:00:30", "2026-11-23 11:30:30"]),
        ("@every 1.9s", ["2026-11-23 08:30:31", "2026-11-23 08:30:32"]),
        ("@every 10ms", ["2026-11-23 08:30:31", "2026-11-23 08:30:32"]),
        ("@every -1h", ["2026-11-23 08:30:31", "2026-11-23 08:30:32"]),
        ("TZ=Asia/Tokyo @daily", ["2026-11-23 15:00", "2026-11-24 15:00"]),
        ("CRON_TZ=Asia/Tokyo   0 9 * * MON-FRI", ["2026-11-24 00:00", "2026-11-25 00:00"]),
        (" 0 9 * * ? ", ["2026-11-23 09:00", "2026-11-24 09:00"]),
    ],
)
def test_notations(text: str, times: list[str]) -> None:
    start = at("2026-11-23 08:30:30") + timedelta(microseconds=500_000)
    assert following(parse_schedule(text), start, 2) == [at(each) for each in times]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty spec string"),
        ("never", "expected exactly 5 fields, found 1: [never]"),
        ("0 0 * * * *", "expected exactly 5 fields, found 6: [0 0 * * * *]"),
        ("@reboot", "unrecognized descriptor: @reboot"),
        ("@Daily", "unrecognized descriptor: @Daily"),
        (" @daily", "expected exactly 5 fields, found 1: [@daily]"),
        ("@every 30", 'failed to parse duration @every 30: time: missing unit in duration "30"'),
        ("@every soon", 'failed to parse duration @every soon: time: invalid duration "soon"'),
        ("CRON_TZ=Mars/Base * * * * *", "provided bad location Mars/Base: unknown time zone Mars/Base"),
        ("CRON_TZ=../etc/passwd * * * * *", "provided bad location ../etc/passwd: time: invalid location name"),
        ("TZ=Europe * * * * *", "provided bad location Europe: unknown time zone Europe"),
        ("CRON_TZ=UTC CRON_TZ=UTC * * * * *", "expected exactly 5 fields, found 6: [CRON_TZ=UTC * * * * *]"),
        ("CRON_TZ=UTC", "expected exactly 5 fields, found 0: []"),
    ],
)
def test_a_malformed_schedule_is_refused_in_robfigs_words(text: str, message: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse_schedule(text)
    assert str(caught.value) == message


def local(schedule: str, zone: str, day: str, days: int = 1) -> list[str]:
    """Return what the clocks of a zone show when a schedule is due, from a day's beginning there on."""
    begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    end = (begin + timedelta(days=days)).astimezone(UTC)
    chain = following(zoned(schedule, zone), begin.astimezone(UTC) - timedelta(seconds=1), 100)
    return [each.astimezone(ZoneInfo(zone)).strftime("%d %H:%M%z") for each in chain if each < end]


def test_a_run_in_the_hour_that_is_skipped_does_not_happen_that_day() -> None:
    assert local("30 2 * * *", "Europe/Berlin", "2027-03-27", 3) == ["27 02:30+0100", "29 02:30+0200"]
    assert local("30 2 * * *", "America/New_York", "2027-03-13", 3) == ["13 02:30-0500", "15 02:30-0400"]


def test_a_run_in_the_hour_that_comes_twice_happens_twice() -> None:
    assert local("30 2 * * *", "Europe/Berlin", "2026-10-24", 3) == [
        "24 02:30+0200",
        "25 02:30+0200",
        "25 02:30+0100",
        "26 02:30+0100",
    ]
    assert local("30 1 * * 0", "America/New_York", "2026-11-01") == ["01 01:30-0400", "01 01:30-0500"]


def test_runs_of_every_hour_follow_the_hours_that_there_are() -> None:
    assert len(local("0 * * * *", "Europe/Berlin", "2027-03-28")) == 23
    assert len(local("0 * * * *", "Europe/Berlin", "2026-10-25")) == 25
    assert local("0 */2 * * *", "Europe/Berlin", "2027-03-28")[:3] == [
        "28 00:00+0100",
        "28 04:00+0200",
        "28 06:00+0200",
    ]


def test_a_change_of_half_an_hour_repeats_and_skips_half_an_hour() -> None:
    assert local("45 1 * * *", "Australia/Lord_Howe", "2026-04-05") == ["05 01:45+1100", "05 01:45+1030"]
    assert local("15 1 * * *", "Australia/Lord_Howe", "2026-04-05") == ["05 01:15+1100"]
    assert local("15 2 * * *", "Australia/Lord_Howe", "2026-10-04") == []


def test_where_midnight_is_skipped_a_search_by_day_east_of_greenwich_loses_the_day() -> None:
    # robfig/cron steps back over a midnight that does not exist, and from there over the whole day.
    assert local("0 0 * * *", "Africa/Cairo", "2026-04-23", 3) == ["23 00:00+0200", "25 00:00+0300"]
    assert local("0 9 * * *", "Africa/Cairo", "2026-04-24") == ["24 09:00+0300"]
    assert local("0 9 * * 5", "Africa/Cairo", "2026-04-23", 3) == []
    assert local("0 9 * * 0", "America/Havana", "2026-03-07", 3) == ["08 09:00-0400"]


def test_a_search_gets_over_a_date_that_was_skipped() -> None:
    assert local("0 9 * * 5-6", "Pacific/Apia", "2011-12-29", 3) == ["31 09:00+1400"]
