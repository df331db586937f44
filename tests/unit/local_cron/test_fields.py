import pytest

from nbargo_local.controller.cron.fields import (
    DAYS,
    HOURS,
    MINUTES,
    MONTHS,
    WEEKDAYS,
    Bounds,
    ScheduleError,
    parse_field,
)

EVERYTHING = set(range(60))
HUGE = "9" * 20


@pytest.mark.parametrize(
    ("text", "bounds", "values"),
    [
        ("5", MINUTES, {5}),
        ("+5", MINUTES, {5}),
        ("*", MINUTES, EVERYTHING),
        ("*/20", MINUTES, {0, 20, 40}),
        ("*/20", DAYS, {1, 21}),
        ("5/20", MINUTES, {5, 25, 45}),
        ("1-5", HOURS, {1, 2, 3, 4, 5}),
        ("1-5/2,23", HOURS, {1, 3, 5, 23}),
        ("jan,Mar-MAY", MONTHS, {1, 3, 4, 5}),
        ("sun,mon-fri/2", WEEKDAYS, {0, 1, 3, 5}),
        ("1,,2", MINUTES, {1, 2}),
        (",", MINUTES, set[int]()),
        ("*-5", MINUTES, EVERYTHING),
        ("?-5/30", MINUTES, {0, 30}),
    ],
)
def test_a_field_matches(text: str, bounds: Bounds, values: set[int]) -> None:
    assert parse_field(text, bounds).values == values


@pytest.mark.parametrize(
    ("text", "star"),
    [("*", True), ("?", True), ("*/1", True), ("1,*", True), ("*/2", False), ("0-6", False), ("", False)],
)
def test_a_star_is_a_star_only_without_a_step(text: str, star: bool) -> None:  # noqa: FBT001 - a parameter of the table
    assert parse_field(text, WEEKDAYS).star is star


@pytest.mark.parametrize(
    ("text", "bounds", "message"),
    [
        ("60", MINUTES, "end of range (60) above maximum (59): 60"),
        ("24", HOURS, "end of range (24) above maximum (23): 24"),
        ("0", DAYS, "beginning of range (0) below minimum (1): 0"),
        ("7", WEEKDAYS, "end of range (7) above maximum (6): 7"),
        ("fri-mon", WEEKDAYS, "beginning of range (5) beyond end of range (1): fri-mon"),
        ("*/0", MINUTES, "step of range should be a positive number: */0"),
        ("1-2-3", MINUTES, "too many hyphens: 1-2-3"),
        ("1/2/3", MINUTES, "too many slashes: 1/2/3"),
        ("L", DAYS, 'failed to parse int from L: strconv.Atoi: parsing "L": invalid syntax'),
        ("-1", DAYS, 'failed to parse int from : strconv.Atoi: parsing "": invalid syntax'),
        ("1/-1", DAYS, "negative number (-1) not allowed: -1"),
        ("jan", WEEKDAYS, 'failed to parse int from jan: strconv.Atoi: parsing "jan": invalid syntax'),
        (HUGE, MINUTES, f'failed to parse int from {HUGE}: strconv.Atoi: parsing "{HUGE}": value out of range'),
    ],
)
def test_a_malformed_field_is_refused_in_robfigs_words(text: str, bounds: Bounds, message: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse_field(text, bounds)
    assert str(caught.value) == message
