"""One field of a schedule, in the dialect of robfig/cron 3.0, which Argo uses.

Where that dialect is laxer than crontab(5), so is this: `*-5` is `*`, `,` alone is a field that nothing matches, `5/15`
runs from 5 to the field's end. Sunday is 0 only; 7 is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_LONGEST_RANGE: Final = 2  # from, to
_LARGEST: Final = 2**63 - 1  # Go's int


class ScheduleError(ValueError):
    """A schedule is malformed; the text is robfig/cron's."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The values that a field may have.

    Args:
        lowest: The least.
        highest: The greatest.
        names: Names of values, in lower case.
    """

    lowest: int
    highest: int
    names: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Field:
    """What a field matches.

    Args:
        values: The values.
        star: Whether it was written as `*` or `?`, which decides how the two fields for days go together.
    """

    values: frozenset[int]
    star: bool = False


def _names(text: str, first: int) -> dict[str, int]:
    return {name: value for value, name in enumerate(text.split(), first)}


MINUTES: Final = Bounds(0, 59)
HOURS: Final = Bounds(0, 23)
DAYS: Final = Bounds(1, 31)
MONTHS: Final = Bounds(1, 12, _names("jan feb mar apr may jun jul aug sep oct nov dec", 1))
WEEKDAYS: Final = Bounds(0, 6, _names("sun mon tue wed thu fri sat", 0))


def parse_field(text: str, bounds: Bounds) -> Field:
    """Return what a field matches.

    Args:
        text: Ranges with commas between them, such as `1-5,10/2`.
        bounds: What the field may hold.

    Raises:
        ScheduleError: The field is malformed.
    """
    parts = [_parse_range(part, bounds) for part in text.split(",") if part]
    values = frozenset[int]().union(*(part.values for part in parts))
    return Field(values, star=any(part.star for part in parts))


def _parse_range(text: str, bounds: Bounds) -> Field:
    span, *steps = text.split("/")
    ends = span.split("-")
    star = ends[0] in {"*", "?"}
    first, last = (bounds.lowest, bounds.highest) if star else _ends(ends, bounds, text)
    step = 1
    if len(steps) > 1:
        raise ScheduleError(f"too many slashes: {text}")
    if steps:
        step = _integer(steps[0])
        if len(ends) == 1:
            last = bounds.highest
    _check(first, last, step, bounds, text)
    return Field(frozenset(range(first, last + 1, step)), star=star and step == 1)


def _ends(ends: list[str], bounds: Bounds, text: str) -> tuple[int, int]:
    first = _value(ends[0], bounds)
    if len(ends) > _LONGEST_RANGE:
        raise ScheduleError(f"too many hyphens: {text}")
    return first, first if len(ends) == 1 else _value(ends[1], bounds)


def _check(first: int, last: int, step: int, bounds: Bounds, text: str) -> None:
    if first < bounds.lowest:
        raise ScheduleError(f"beginning of range ({first}) below minimum ({bounds.lowest}): {text}")
    if last > bounds.highest:
        raise ScheduleError(f"end of range ({last}) above maximum ({bounds.highest}): {text}")
    if first > last:
        raise ScheduleError(f"beginning of range ({first}) beyond end of range ({last}): {text}")
    if step == 0:
        raise ScheduleError(f"step of range should be a positive number: {text}")


def _value(text: str, bounds: Bounds) -> int:
    named = bounds.names.get(text.lower())
    return _integer(text) if named is None else named


def _integer(text: str) -> int:
    problem = "" if _INTEGER.fullmatch(text) else "invalid syntax"
    value = 0 if problem else int(text)
    if abs(value) > _LARGEST:
        problem = "value out of range"
    if problem:
        raise ScheduleError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": {problem}')
    if value < 0:
        raise ScheduleError(f"negative number ({value}) not allowed: {text}")
    return value
