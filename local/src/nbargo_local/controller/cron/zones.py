"""Dates and instants of a time zone as Go's time package relates them to each other.

What robfig/cron does at a daylight saving change follows from these: which instant a wall-clock reading stands for that
exists twice or not at all.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from nbargo_local.controller.cron.fields import ScheduleError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_LAST_MONTH: Final = 12


def find_zone(name: str) -> tzinfo:
    """Return a time zone.

    Args:
        name: An IANA name. The empty one and `Local` are UTC, which is what Argo's image is set to.

    Raises:
        ScheduleError: There is no such zone.
    """
    if name in {"", "UTC", "Local"}:
        return UTC
    if ".." in name or name.startswith(("/", "\\")):
        raise ScheduleError(f"provided bad location {name}: time: invalid location name")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ScheduleError(f"provided bad location {name}: unknown time zone {name}") from error


def seconds_of(when: datetime) -> int:
    """Return a time as Unix seconds, cut off to whole ones.

    Args:
        when: An aware time.
    """
    return (when - EPOCH) // _SECOND


def last_second_before(when: datetime) -> int:
    """Return the last whole second that is earlier than a time, in Unix seconds.

    Args:
        when: An aware time.
    """
    return -((EPOCH - when) // _SECOND) - 1


def time_of(seconds: int) -> datetime:
    """Return the time of Unix seconds, in UTC."""
    return EPOCH + timedelta(seconds=seconds)


def wall_clock(seconds: int, zone: tzinfo) -> datetime:
    """Return what the clocks of a zone show.

    Args:
        seconds: The instant, in Unix seconds.
        zone: The zone.
    """
    return datetime.fromtimestamp(seconds, zone)


def _offset(seconds: int, zone: tzinfo) -> int:
    offset = wall_clock(seconds, zone).utcoffset()
    return 0 if offset is None else offset // _SECOND


def instant_of(shown: datetime, zone: tzinfo) -> int:
    """Return the instant that Go's time.Date gives for a wall-clock reading.

    A reading that exists twice or not at all gets the offset of the instant that lies where the reading would be with
    the offset in force at the reading taken as UTC. So west of Greenwich the first of two is meant, east of it the
    second.

    Args:
        shown: The reading; its own time zone, if it has one, does not count.
        zone: The zone.
    """
    as_if_utc = seconds_of(shown.replace(tzinfo=UTC))
    return as_if_utc - _offset(as_if_utc - _offset(as_if_utc, zone), zone)


def month_later(shown: datetime) -> datetime:
    """Return the reading one month later, as Go's AddDate counts it.

    Args:
        shown: A reading; a day that the next month does not have runs into the month after that.
    """
    year, month = (shown.year + 1, 1) if shown.month == _LAST_MONTH else (shown.year, shown.month + 1)
    return shown.replace(year=year, month=month, day=1) + timedelta(days=shown.day - 1)
