"""Which schedules and time zones are accepted, so that what the lab shows is what Argo does.

Argo reads a schedule with robfig/cron (its standard parser), jupyter-scheduler and its users know croniter and
crontab(5). Accepted is what means the same to all of them; what only some spell otherwise (Sunday as 7, names, a range
that ends on Sunday) is rewritten to digits; anything else is refused with its reason. The two sources are
`parser.go` and `spec.go` of robfig/cron 3.0 and `croniter.py` of croniter 1.4.
"""

import re
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NoReturn

from nbargo_shared.definition import SCHEDULE_LENGTH, TIMEZONE_LENGTH
from nbargo_shared.errors import InputError

UTC: Final = "UTC"
DESCRIPTORS: Final = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})

_PART: Final = re.compile(r"(\*|(?P<first>\w{1,4})(-(?P<last>\w{1,4}))?)(/(?P<step>[0-9]{1,4}))?", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9,/*-]+")
_ZONE: Final = re.compile(r"[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*)*")
_NO_ZONES: Final = frozenset({"Factory", "Local"})  # not a place's clocks; Go takes Local for its own machine's
_SUNDAY: Final = 7  # crontab's other number for it
_LONGEST_MONTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS_HINT: Final = (
    "Write five fields: minute, hour, day of the month, month, day of the week, for example '30 9 * * 1'"
)


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()

    @property
    def every(self) -> frozenset[int]:
        return frozenset(range(self.lowest, self.highest + 1))

    def number(self, text: str) -> int | None:
        """Return the number of a value; None if it has none here."""
        if text.lower() in self.names:
            return self.names.index(text.lower()) + self.lowest
        limit = _SUNDAY if self is _WEEKDAY else self.highest
        return int(text) if text.isdigit() and self.lowest <= int(text) <= limit else None


_DAY: Final = _Kind("day of the month", 1, 31)
_MONTH: Final = _Kind("month", 1, 12, _MONTHS)
_WEEKDAY: Final = _Kind("day of the week", 0, 6, _WEEKDAYS)
_KINDS: Final = (_Kind("minute", 0, 59), _Kind("hour", 0, 23), _DAY, _MONTH, _WEEKDAY)


@dataclass(frozen=True, slots=True)
class _Field:
    """One field: how it is written, what it matches, and whether it is a star, and whether one stands in it."""

    text: str
    values: frozenset[int]
    is_star: bool
    has_star: bool


def checked_schedule(schedule: str) -> str:
    """Return a schedule as the CronWorkflow and the list of definitions will have it.

    Args:
        schedule: What the user typed.

    Raises:
        InputError: It is malformed, never due, or means one thing to Argo and another to crontab and the lab.
    """
    text = " ".join(schedule.split())
    if len(text) > SCHEDULE_LENGTH:
        raise InputError(f"The schedule has more than {SCHEDULE_LENGTH} characters", hint=_FIELDS_HINT)
    if text.lower() in DESCRIPTORS:
        return text.lower()
    if text.startswith("@"):
        _refuse(text, "only @yearly, @monthly, @weekly, @daily and @hourly are known", hint=_FIELDS_HINT)
    if "=" in text:
        _refuse(text, "the time zone does not belong into it", hint="Choose the time zone in its own field")
    parts = text.split(" ")
    if len(parts) != len(_KINDS):
        _refuse(text, f"it has {len(parts) if text else 0} fields", hint=_FIELDS_HINT)
    minute, hour, day, month, weekday = (_field(part, kind, text) for part, kind in zip(parts, _KINDS, strict=True))
    _check_days(day, weekday, text)
    if weekday.is_star and not _has_day(day.values, month.values):
        _refuse(text, "there is no such day in these months", hint="It would never be due")
    return " ".join(field.text for field in (minute, hour, day, month, weekday))


def checked_zone(zone: str | None) -> str:
    """Return the name of a time zone; without one, UTC is meant.

    Args:
        zone: What the user chose.

    Raises:
        InputError: There is no such zone.
    """
    name = (zone or UTC).strip()
    if len(name) <= TIMEZONE_LENGTH and _ZONE.fullmatch(name) and name not in _NO_ZONES:
        try:
            zoneinfo.ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # not there, no zone, or a folder of zones
            pass
        else:
            return name
    raise InputError(
        f"There is no time zone '{name[:80]}'", hint="Use a name such as Europe/Berlin, America/New_York or UTC"
    )


def _field(text: str, kind: _Kind, schedule: str) -> _Field:
    values: set[int] = set()
    for part in text.split(","):
        values |= _values(part, kind, schedule)
    parts = text.split(",")
    is_star = any(part in {"*", "*/1"} for part in parts)
    has_star = any(part.startswith("*") for part in parts)
    shown = "*" if is_star else text
    if not (_DIGITS.fullmatch(shown) and (kind is not _WEEKDAY or _is_plain(shown))):
        shown = _rendered(values)
    return _Field(shown, frozenset(values), is_star=is_star, has_star=has_star)


def _is_plain(weekday: str) -> bool:
    """Return whether Sunday is 0 wherever it stands, and no range ends with it."""
    return str(_SUNDAY) not in weekday and "-0" not in weekday


def _values(part: str, kind: _Kind, schedule: str) -> set[int]:
    match = _PART.fullmatch(part)
    if match is None:
        _refuse(schedule, f"'{part[:40]}' cannot stand in the field for the {kind.name}", hint=_FIELDS_HINT)
    step = int(match["step"] or 1)
    if step == 0:
        _refuse(schedule, f"'{part}' has a step of 0", hint=_FIELDS_HINT)
    if match["first"] is None:
        first, last = kind.lowest, kind.highest
    else:
        first, last = _ends(match["first"], match["last"], kind, schedule)
        if match["step"] and match["last"] is None:
            if kind is _WEEKDAY:  # to croniter it ends on a Sunday, to Argo on a Saturday
                _refuse(schedule, f"'{part}' does not say on which day it ends", hint=f"Write {first}-6/{step}")
            last = kind.highest
    found = range(first, last + 1, step)
    return {0 if kind is _WEEKDAY and value == _SUNDAY else value for value in found}


def _ends(first: str, last: str | None, kind: _Kind, schedule: str) -> tuple[int, int]:
    numbers = []
    for text in (first, last or first):
        number = kind.number(text)
        if number is None:
            hint = f"It has to be between {kind.lowest} and {kind.highest}"
            _refuse(schedule, f"'{text}' is not a {kind.name}", hint=hint)
        numbers.append(number)
    start, end = numbers
    if kind is _WEEKDAY and end == 0 < start and last is not None:
        end = _SUNDAY  # from Friday to Sunday
    if start > end:
        hint = f"Write {first}-{kind.highest},{kind.lowest}-{last}"
        _refuse(schedule, f"the range '{first}-{last}' runs backwards", hint=hint)
    return start, end


def _check_days(day: _Field, weekday: _Field, schedule: str) -> None:
    """Refuse two day fields whose togetherness the dialects read in different ways.

    Without a star, either field may match. Which of the others count as a star is read differently: crontab(5) takes
    any that begins with one, robfig/cron a star with step 1, croniter whatever matches every day.
    """
    if day.is_star or weekday.is_star:
        return
    for field, kind in ((day, _DAY), (weekday, _WEEKDAY)):
        if field.has_star or field.values == kind.every:
            hint = "Use * in one of them, or list the days in both"
            why = f"'{field.text}' for the {kind.name} together with the other field for days can be read in two ways"
            _refuse(schedule, why, hint=hint)


def _has_day(days: Iterable[int], months: Iterable[int]) -> bool:
    longest = max(_LONGEST_MONTHS[month - 1] for month in months)
    return min(days) <= longest


def _rendered(values: Iterable[int]) -> str:
    """Return numbers as a list of ranges."""
    ranges: list[list[int]] = []
    for value in sorted(values):
        if ranges and ranges[-1][-1] == value - 1:
            ranges[-1].append(value)
        else:
            ranges.append([value])
    return ",".join(str(each[0]) if len(each) == 1 else f"{each[0]}-{each[-1]}" for each in ranges)


def _refuse(schedule: str, why: str, *, hint: str) -> NoReturn:
    raise InputError(f"The schedule '{schedule[:80]}' cannot be used: {why}", hint=hint)
