import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbargo_shared.fields import MAX_TIME
from nbargo_shared.times import to_milliseconds, to_rfc3339

NOON = 1_795_435_200_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T12:00:00Z", NOON),
        ("2026-11-23T12:00:00.250Z", NOON + 250),
        ("2026-11-23T12:00:00.123456789Z", NOON + 123),
        ("2026-11-23T13:00:00+01:00", NOON),
        ("", None),
        (None, None),
        ("yesterday", None),
        ("2026-13-45T12:00:00Z", None),
        ("2026-11-23", None),
    ],
)
def test_a_time_is_milliseconds_or_nothing(text: str | None, expected: int | None) -> None:
    assert to_milliseconds(text) == expected


@given(st.integers(min_value=0, max_value=MAX_TIME))
def test_a_time_survives_the_way_there_and_back_to_the_second(milliseconds: int) -> None:
    assert to_milliseconds(to_rfc3339(milliseconds)) == milliseconds // 1000 * 1000
