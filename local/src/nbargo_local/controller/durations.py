"""Durations and times as Argo reads and writes them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_UNITS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "\u00b5s": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|ms|s|m|h)")
_WHOLE: Final = re.compile(rf"[+-]?(?:{_PART.pattern})+")
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400


def parse_duration(text: str) -> timedelta:
    """Return a duration as Argo reads it: whole seconds, or Go's notation.

    Args:
        text: Such as `30`, `1m30s`, `1.5h`.

    Raises:
        ValueError: It is neither; the message is Argo's.
    """
    if re.fullmatch(r"[+-]?\d+", text):
        return timedelta(seconds=int(text))
    if text == "" or not _WHOLE.fullmatch(text):
        raise ValueError(f'unable to parse {text} as a duration: time: invalid duration "{text}"')
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    return timedelta(seconds=-seconds if text.startswith("-") else seconds)


def _in_one_unit(seconds: float) -> str:
    for unit, length in (("day", _DAY), ("hour", _HOUR), ("minute", _MINUTE)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}{'' if seconds < 2 * length else 's'}"
    if seconds < 1:
        return "0 seconds"
    return "1 second" if seconds < 2 else f"{int(seconds)} seconds"  # noqa: PLR2004 (the plural)


def humanize(duration: timedelta) -> str:
    """Return a duration as it stands in Argo's messages, such as `1 minute 30 seconds`.

    Args:
        duration: Not negative.
    """
    seconds = duration.total_seconds()
    if seconds < _MINUTE:
        return _in_one_unit(seconds)
    if seconds < _HOUR:
        return f"{_in_one_unit(seconds)} {int(seconds % _MINUTE)} seconds"
    if seconds < _DAY:
        return f"{_in_one_unit(seconds)} {int(seconds / _MINUTE % 60)} minutes"
    return f"{_in_one_unit(seconds)} {int(seconds / _HOUR % 24)} hours"


def stamp(when: datetime) -> str:
    """Return a time as metav1.Time is written: whole seconds, UTC.

    Args:
        when: An aware time.
    """
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_stamp(text: Any) -> datetime | None:
    """Return the time of a metav1.Time, or None where there is none.

    Args:
        text: Such as `2026-11-23T08:00:00Z`; `None` and `""` stand for "not set".
    """
    return datetime.fromisoformat(text) if text else None
