"""Schedules: when a CronWorkflow is due, to the second as robfig/cron 3.0 computes it.

A calendar schedule is due at each instant at which the clocks of its zone show a reading that it matches. So a reading
that a daylight saving change skips is not due that day, and one that is shown twice is due twice. Where the change
skips midnight, east of Greenwich (Cairo, Beirut), robfig/cron loses the whole day when it has to search for the day.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Protocol

from nbargo_local.controller.cron.fields import (
    DAYS,
    HOURS,
    MINUTES,
    MONTHS,
    WEEKDAYS,
    Field,
    ScheduleError,
    parse_field,
)
from nbargo_local.controller.cron.zones import (
    find_zone,
    instant_of,
    last_second_before,
    month_later,
    seconds_of,
    time_of,
    wall_clock,
)
from nbargo_local.controller.durations import parse_duration

_ZONE_PREFIXES: Final = ("TZ=", "CRON_TZ=")
_EVERY: Final = "@every "
_PART: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?P<unit>[^0-9.]*)")
_UNITS: Final = frozenset({"ns", "us", "\u00b5s", "ms", "s", "m", "h"})
_DESCRIPTORS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_BOUNDS: Final = (MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS)
_YEARS: Final = 5  # robfig/cron looks no further ahead
_MINUTE: Final = 60
_HOUR: Final = 3600
_NOON: Final = 12
_MIDNIGHT: Final = 24
_DAYS_IN_WEEK: Final = 7


class Schedule(Protocol):
    """A rule that tells when something is due."""

    def next(self, after: datetime) -> datetime | None:
        """Return the first time that is later than another, in UTC; None for never.

        Args:
            after: An aware time.
        """
        ...

    def latest(self, *, after: datetime, before: datetime) -> datetime | None:
        """Return the last time that `next` reaches from a time on without reaching another; None if there is none.

        Args:
            after: An aware time; what is returned is later.
            before: An aware time; what is returned is earlier.
        """
        ...


@dataclass(frozen=True, slots=True)
class Interval:
    """What `@every` stands for: each time lies a fixed span after the one before.

    Args:
        seconds: The span; at least 1.
    """

    seconds: int

    def next(self, after: datetime) -> datetime | None:
        """Return the end of the span that begins at a time cut off to whole seconds."""
        return time_of(seconds_of(after) + self.seconds)

    def latest(self, *, after: datetime, before: datetime) -> datetime | None:
        """Return the last end of a span between two times."""
        first, last = seconds_of(after), last_second_before(before)
        spans = (last - first) // self.seconds
        return time_of(first + spans * self.seconds) if spans > 0 else None


@dataclass(frozen=True, slots=True)
class Calendar:
    """Five fields and a time zone.

    Args:
        minute: 0 to 59.
        hour: 0 to 23.
        day: Of the month, 1 to 31.
        month: 1 to 12.
        weekday: 0 to 6, from Sunday.
        zone: Whose clocks are meant.
    """

    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field
    zone: tzinfo

    def next(self, after: datetime) -> datetime | None:
        """Return the first time later than another at which the fields match; None if none does within five years."""
        found = self._next(seconds_of(after))
        return None if found is None else time_of(found)

    def latest(self, *, after: datetime, before: datetime) -> datetime | None:
        """Return the last match between two times, by bisection: from a later start, the next match is no earlier.

        Robfig/cron breaks that rule where clocks change by half an hour (Australia/Lord_Howe). There a time is found
        that a walk from one time to the next leaves out.
        """
        first, last = seconds_of(after), last_second_before(before)
        found = self._next(first)
        if found is None or found > last:
            return None
        end = last
        while end - found > 1:
            middle = (found + end) // 2
            later = self._next(middle)
            if later is None or later > last:
                end = middle
            else:
                found = later
        return time_of(found)

    def matches_day(self, shown: datetime) -> bool:
        """Tell whether the two fields for days match: both if one of them is a star, else either.

        Args:
            shown: A wall-clock reading.
        """
        day = shown.day in self.day.values
        weekday = shown.isoweekday() % _DAYS_IN_WEEK in self.weekday.values
        return (day and weekday) if self.day.star or self.weekday.star else (day or weekday)

    def _next(self, after: int) -> int | None:
        if not all(each.values for each in (self.minute, self.hour, self.month)):
            return None
        search = _Search(self, after + 1)
        last_year = search.shown.year + _YEARS
        while search.shown.year <= last_year:
            if search.month() and search.day() and search.hour() and search.minute() and search.second():
                return search.at
        return None


class _Search:
    """A search for the next match, field by field from the month down.

    Each of the methods moves on until its field matches, and returns False where that carries into a larger field, for
    then the search begins anew from there. The steps are robfig/cron's, so that what Go makes of wall-clock readings
    that do not exist comes out the same.

    Args:
        calendar: What is to match.
        at: Where the search starts, in Unix seconds.
    """

    def __init__(self, calendar: Calendar, at: int) -> None:
        self._calendar = calendar
        self._moved = False
        self._go(at)

    def _go(self, at: int) -> None:
        self.at = at
        self.shown = wall_clock(at, self._calendar.zone)

    def _show(self, shown: datetime) -> None:
        self._go(instant_of(shown, self._calendar.zone))

    def _first_move(self) -> bool:
        first, self._moved = not self._moved, True
        return first

    def month(self) -> bool:
        while self.shown.month not in self._calendar.month.values:
            if self._first_move():
                self._show(self.shown.replace(day=1, hour=0, minute=0, second=0))
            self._show(month_later(self.shown))
            if self.shown.month == 1:
                return False
        return True

    def day(self) -> bool:
        while not self._calendar.matches_day(self.shown):
            if self._first_move():
                self._show(self.shown.replace(hour=0, minute=0, second=0))
            before = self.at
            self._show(self.shown.replace(tzinfo=None) + timedelta(days=1))
            if self.at <= before:  # the whole date was skipped, which robfig/cron never gets over
                self._go(before + _MIDNIGHT * _HOUR)
            hour = self.shown.hour
            if hour != 0:  # midnight does not exist on that day
                self._go(self.at + ((_MIDNIGHT - hour) if hour > _NOON else -hour) * _HOUR)
            if self.shown.day == 1:
                return False
        return True

    def hour(self) -> bool:
        while self.shown.hour not in self._calendar.hour.values:
            if self._first_move():
                self._show(self.shown.replace(minute=0, second=0))
            self._go(self.at + _HOUR)
            if self.shown.hour == 0:
                return False
        return True

    def minute(self) -> bool:
        while self.shown.minute not in self._calendar.minute.values:
            if self._first_move():
                self._go(self.at - self.at % _MINUTE)
            self._go(self.at + _MINUTE)
            if self.shown.minute == 0:
                return False
        return True

    def second(self) -> bool:
        if self.shown.second == 0:
            return True
        self._moved = True
        self._go(self.at + _MINUTE - self.shown.second)
        return False


def parse_schedule(text: str) -> Schedule:
    """Return the schedule that a text stands for, in robfig/cron's standard dialect.

    Args:
        text: Five fields, or `@hourly` and its like, or `@every` with a duration; `CRON_TZ=` or `TZ=` and a zone may
            stand before it. Without a zone, UTC is meant.

    Raises:
        ScheduleError: It is malformed, or the zone is unknown.
    """
    if not text:
        raise ScheduleError("empty spec string")
    zone: tzinfo = UTC
    if text.startswith(_ZONE_PREFIXES):
        prefix, _, text = text.partition(" ")
        zone, text = find_zone(prefix.partition("=")[2]), text.strip()
    if text.startswith(_EVERY):
        return Interval(_parse_interval(text.removeprefix(_EVERY)))
    if text.startswith("@") and text not in _DESCRIPTORS:
        raise ScheduleError(f"unrecognized descriptor: {text}")
    fields = _DESCRIPTORS.get(text, text).split()
    if len(fields) != len(_BOUNDS):
        raise ScheduleError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    minute, hour, day, month, weekday = (parse_field(*each) for each in zip(fields, _BOUNDS, strict=True))
    return Calendar(minute, hour, day, month, weekday, zone)


def _parse_interval(text: str) -> int:
    """Return the whole seconds of a duration in Go's notation; robfig/cron makes less than one second one."""
    if (problem := _find_problem(text)) is not None:
        raise ScheduleError(f'failed to parse duration {_EVERY}{text}: time: {problem} "{text}"')
    return max(parse_duration(text) // timedelta(seconds=1), 1)


def _find_problem(text: str) -> str | None:
    """Return what Go's time.ParseDuration holds against a text; None for nothing."""
    rest = text[1:] if text.startswith(("+", "-")) else text
    if rest == "0":
        return None
    while (part := _PART.match(rest)) is not None:
        if not part["unit"]:
            return "missing unit in duration"
        if part["unit"] not in _UNITS:
            return f'unknown unit "{part["unit"]}" in duration'
        rest = rest[part.end() :]
        if not rest:
            return None
    return "invalid duration"
