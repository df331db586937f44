"""Texts of the form become the values that the user meant."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbargo_shared.errors import InputError
from nbargo_submitter.parameters import typed

TEXT = st.text(st.characters(codec="utf-8"))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=12)

MEANT: dict[str, Any] = {
    "2": 2,
    "-3": -3,
    " 4 ": 4,
    "0.5": 0.5,
    "1e3": 1000.0,
    "true": True,
    "True": True,
    "False": False,
    "null": None,
    "None": None,
    '"2"': "2",
    "'2'": "2",
    "'it''s a \"literal\"'": 'its a "literal"',
    "'C:\\data'": "C:\\data",
    '"a\\nb"': "a\nb",
    "'''two\nlines'''": "two\nlines",
    "[1, 2]": [1, 2],
    "[1, 'a', None]": [1, "a", None],
    "(1, (2, 3))": [1, [2, 3]],
    "()": [],
    '{"a": {"b": [true]}}': {"a": {"b": [True]}},
    "{'a': True}": {"a": True},
    "[\n  1,\n  2\n]": [1, 2],
}

UNCHANGED = (
    "",
    " ",
    "hello",
    "it's",
    "007",
    "2026-11-23",
    ".5",
    "1_000",
    "0x10",
    "NaN",
    "Infinity",
    "[NaN]",
    "1e999",
    "[1e999]",
    "{{x}}",
    "{{=1+1}}",
    "$(HOME)",
    "first\nsecond",
    "1, 2",
    "'a', 'b'",
    "[open]",
    "{1: 2}",
    "{1, 2}",
    "b'bytes'",
    "f'{x}'",
    "1+2j",
    "[1+2j]",
    "__import__('os')",
    "['a'].copy()",
    '"\\ud800"',
    "{[]: 1}",
    "[" * 5000,
    "'" + "x" * 70_000 + "'",
    "9" * 5000,
)


@pytest.mark.parametrize("text", MEANT)
def test_a_text_that_is_a_value_becomes_it(text: str) -> None:
    value = typed({"p": text})["p"]
    assert value == MEANT[text]
    assert type(value) is type(MEANT[text])


@pytest.mark.parametrize("text", UNCHANGED)
def test_any_other_text_stays_as_it_was_typed(text: str) -> None:
    assert typed({"p": text}) == {"p": text}


@given(VALUES)
def test_every_json_value_arrives(value: Any) -> None:
    for ascii_only in (True, False):
        result = typed({"p": json.dumps(value, ensure_ascii=ascii_only)})["p"]
        assert json.dumps(result) == json.dumps(value)


@given(TEXT)
def test_every_text_in_python_quotes_arrives(value: str) -> None:
    assert typed({"p": repr(value)}) == {"p": value}


@given(st.dictionaries(st.sampled_from(["a", "b", "ü", "_c"]), st.text()))
def test_the_result_is_always_json_in_utf_8(parameters: dict[str, str]) -> None:
    try:
        values = typed(parameters)
    except InputError:
        assert any("\ud800" <= character <= "\udfff" for text in parameters.values() for character in text)
        return
    text = json.dumps(values, ensure_ascii=False, allow_nan=False)
    assert json.loads(text.encode()) == values
    assert list(values) == list(parameters)


@pytest.mark.parametrize("name", ["", "a b", "1a", "a-b", "class", "None", "a.b", "a=1;b"])
def test_a_name_that_no_variable_can_have_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="cannot be the name of a variable") as refused:
        typed({name: "1"})
    assert refused.value.hint


def test_a_text_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(InputError, match="not valid Unicode"):
        typed({"p": "\ud800"})
