import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbargo_watcher.framing import MAX_LINE, LineBuffer, LineTooLongError

# What text functions would take for the end of a line, or cut in two: NEL, LINE SEPARATOR, VT, FF, an emoji.
MESSAGES = ["a\u0085b", "a\u2028b\u2029c", "a\x0b\x0c\x1cb", "\U0001f600" * 3, "plain"]
STREAM = b"".join(json.dumps({"m": text}, ensure_ascii=False).encode() + b"\n" for text in MESSAGES)


def read(chunks: list[bytes]) -> tuple[list[str], LineBuffer]:
    buffer = LineBuffer()
    lines = [line for chunk in chunks for line in buffer.feed(chunk)]
    return [json.loads(bytes(line))["m"] for line in lines], buffer


@pytest.mark.parametrize("cut", range(len(STREAM) + 1))
def test_a_chunk_may_end_at_any_byte(cut: int) -> None:
    assert read([STREAM[:cut], STREAM[cut:]])[0] == MESSAGES


@settings(deadline=None)
@given(st.lists(st.integers(0, len(STREAM))))
def test_any_division_into_chunks_gives_the_same_lines(cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), len(STREAM)]
    assert read([STREAM[a:b] for a, b in pairwise(bounds)])[0] == MESSAGES


@settings(deadline=None)
@given(st.integers(1, len(STREAM) - 1))
def test_what_a_cut_leaves_is_never_handed_out(length: int) -> None:
    messages, buffer = read([STREAM[:length]])
    assert messages == MESSAGES[: STREAM[:length].count(b"\n")]
    assert (buffer.pending > 0) is not STREAM[:length].endswith(b"\n")


def test_a_line_of_four_mebibytes_passes() -> None:
    line = b"x" * MAX_LINE
    buffer = LineBuffer()
    assert buffer.feed(line[:100]) == []
    assert buffer.feed(line[100:] + b"\ny") == [line]


def test_a_longer_line_is_refused_before_it_is_complete() -> None:
    buffer = LineBuffer()
    buffer.feed(b"x" * MAX_LINE)
    with pytest.raises(LineTooLongError):
        buffer.feed(b"x")


def test_empty_lines_are_left_out() -> None:
    assert LineBuffer().feed(b"\n\na\n \r\nb\n") == [b"a", b"b"]
