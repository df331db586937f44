"""Expressions: those with a value, those without one, and those that are refused."""

import pytest

from nbargo_local.controller.expressions import ExpressionError, check_expression, holds

LAST = {
    "retries": "1",
    "lastRetry.exitCode": "143",
    "lastRetry.status": "Failed",
    "lastRetry.duration": "12",
    "lastRetry.message": "main: OOMKilled (exit code 143)",
}
HOLDING = [
    "asInt(lastRetry.exitCode) > 2",
    "asInt(lastRetry.exitCode) == 143.0",
    "asFloat(lastRetry.duration) <= 12",
    "lastRetry.message contains 'OOMKilled'",
    'lastRetry.message not contains "deadline"',
    "lastRetry.status in ['Error', 'Failed']",
    "lastRetry.status not in []",
    "asInt(lastRetry.exitCode) in [1, 143]",
    "!(asInt(retries) >= 2)",
    "not false and true or false",
    "true || false && false",
    "false || true && true",
    "(true || false) && !false",
    "'abc' < 'abd'",
    "-1 < asInt('-0')",
    "true || asInt('words') > 1",
    "!(false && asInt('words') > 1)",
]
NOT_HOLDING = [
    "lastRetry.exitCode == 143",
    "asInt(lastRetry.exitCode) in []",
    "lastRetry.status != 'Failed'",
    "lastRetry.message contains 'oomkilled'",
    "!(true || false)",
]
WITHOUT_A_VALUE = [
    ("asInt(lastRetry.status) > 1", "int(Failed)"),
    ("asInt('1.5') > 1", "int(1.5)"),
    ("asFloat('') > 1", "float()"),
    ("lastRetry.exitCode > 1", "invalid operation"),
    ("!lastRetry.status", "'Failed' is no truth"),
    ("lastRetry.status || true", "'Failed' is no truth"),
    ("asInt('1') contains 'a'", "1 is no text"),
    ("asInt('1') in ['a']", "1 is no text"),
    ("asInt(true) == 1", "True is no number"),
    ("lastRetry.exitCode", "unable to cast expression result '143' to bool"),
]
REFUSED = [
    "",
    "lastRetry.exitCode ==",
    "lastRetry.exitCode == '1' lastRetry.status",
    "(true",
    "true)",
    "lastRetry.nothing == '1'",
    "lastRetry == nil",
    "exit == '1'",
    "sprig.trim('a') == 'a'",
    "retries > 1",
    "retries == 1",
    "1",
    "'text'",
    "!retries",
    "!lastRetry.message contains 'x'",
    "true && 1",
    "1 < 2 < 3",
    "'a' == 'b' == false",
    "true < false",
    "1 contains 'a'",
    "1 in ['a']",
    "1 in ['a', 2]",
    "1 in [retries]",
    "1 in 2",
    "1 not == 2",
    "asInt() > 1",
    "asInt('1', '2') > 1",
    "1 + 1 == 2",
    "true ? true : false",
    "true ?? false",
    "lastRetry?.status == 'Failed'",
    "lastRetry['status'] == 'Failed'",
    "'\\x41' == 'A'",
    "'open == 'x'",
    "1e3 > 1",
    "0x10 > 1",
    "-'a' == 'a'",
    "{{retries}} == 1",
]


@pytest.mark.parametrize("text", HOLDING)
def test_what_holds(text: str) -> None:
    assert holds(text, LAST)


@pytest.mark.parametrize("text", NOT_HOLDING)
def test_what_does_not_hold(text: str) -> None:
    assert not holds(text, LAST)


@pytest.mark.parametrize(("text", "why"), WITHOUT_A_VALUE)
def test_what_has_no_value_says_why_and_is_an_expression_all_the_same(text: str, why: str) -> None:
    check_expression(text)
    with pytest.raises(ExpressionError) as caught:
        holds(text, LAST)
    assert why in str(caught.value)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_outside_of_the_language_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        check_expression(text)
