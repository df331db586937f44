"""What users ask for in runtime_environment_parameters: what is understood, and what is refused with which words."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyter_scheduler.models import CreateJob

from nbargo_shared.errors import InputError
from nbargo_submitter import quantities
from nbargo_submitter.bounds import Bounds
from nbargo_submitter.options import KEYS, Options, duration, parse

FREE = Bounds()
BOUNDED = Bounds(cpu="8", memory="32Gi", gpu=1, timeout=7200, default_timeout=3600, retries=2, fixed_env=frozenset("A"))


def said(parameters: dict[str, Any], bounds: Bounds = FREE) -> str:
    with pytest.raises(InputError) as caught:
        parse(parameters, bounds)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def as_sent(**parameters: Any) -> dict[str, Any]:
    """Return settings as jupyter-scheduler hands them over."""
    model = CreateJob(
        input_uri="a.ipynb", name="a", runtime_environment_name="e", runtime_environment_parameters=parameters
    )
    return model.runtime_environment_parameters or {}


def test_nothing_asked_is_nothing_wanted() -> None:
    assert parse({}, FREE) == Options()
    assert parse({}, BOUNDED) == Options(timeout=3600)


def test_everything_at_once_as_the_rest_api_takes_it() -> None:
    sent = as_sent(
        timeout="90m",
        retries="2",
        retry_on="failure",
        cpu="0.5",
        memory="4Gi",
        gpu="1",
        notify_on="failure",
        notify_slack="#reports",
        **{"env.TZ": "Europe/Berlin"},
    )
    assert parse(sent, FREE) == Options(
        timeout=5400,
        retries=2,
        retry_failures=True,
        cpu="0.5",
        memory="4Gi",
        gpu=1,
        env={"TZ": "Europe/Berlin"},
        notify={"notify_on": "failure", "notify_slack": "#reports"},
    )


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("45s", 45), ("90m", 5400), ("2h", 7200), ("1h30m", 5400), ("1d", 86400), (" 5m ", 300), ("90", 90), (90.0, 90)],
)
def test_time_limits(value: Any, seconds: int) -> None:
    assert parse(as_sent(timeout=value), FREE).timeout == seconds


@pytest.mark.parametrize("value", ["", "soon", "5 m", "m", "30m1h", "-5", "1.5", "nan", "inf", "\u0661m"])
def test_what_is_no_time_limit(value: str) -> None:
    assert said(as_sent(timeout=value)).endswith("Write a time such as 45s, 90m, 2h or 1h30m, or a number of seconds")


def test_a_time_limit_is_at_least_a_second() -> None:
    assert said({"timeout": "0s"}) == "timeout is 0 seconds. Write a time of at least one second"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cpu": 16}, "cpu is 16, more than the 8 that the administrator allows"),
        ({"cpu": "8001m"}, "cpu is 8001m, more than the 8 that the administrator allows"),
        ({"memory": "33Gi"}, "memory is 33Gi, more than the 32Gi that the administrator allows"),
        ({"memory": "34359738369"}, "memory is 34359738369, more than the 32Gi that the administrator allows"),
        ({"gpu": 2}, "gpu is 2, more than the 1 that the administrator allows"),
        ({"timeout": "121m"}, "timeout is 121 minutes, more than the 2 hours that the administrator allows"),
        ({"retries": 3}, "retries is 3, more than the 2 that the administrator allows"),
    ],
)
def test_what_is_above_a_limit_is_told_with_the_limit(parameters: dict[str, Any], message: str) -> None:
    assert said(parameters, BOUNDED) == f"{message}. Choose less, or ask for more"


@pytest.mark.parametrize(
    "parameters",
    [{"cpu": "8000m"}, {"memory": "34359738368"}, {"gpu": 1}, {"gpu": 0}, {"timeout": 7200}, {"retries": 2}],
)
def test_what_is_exactly_at_a_limit_is_allowed(parameters: dict[str, Any]) -> None:
    parse(parameters, BOUNDED)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cpu": "0.0005"}, "cpu is 0.0005. Write a number of CPUs, 0.001 (1m) at least and to three places"),
        ({"cpu": 0}, "cpu is 0. Write a number of CPUs, 0.001 (1m) at least and to three places"),
        ({"cpu": "two"}, "cpu is 'two'. Write a number such as 0.5, 500m, 2 or 4Gi"),
        ({"cpu": -1}, "cpu is '-1'. Write a number such as 0.5, 500m, 2 or 4Gi"),
        ({"memory": 4}, "memory is 4, which is less than 1Mi. Write it with its unit, such as 500Mi, 4Gi"),
        ({"memory": "400m"}, "memory is 400m, which is less than 1Mi. Write it with its unit, such as 500Mi, 4Gi"),
        ({"memory": "4GB"}, "memory is '4GB'. Write a number such as 0.5, 500m, 2 or 4Gi"),
        ({"gpu": 0.5}, "gpu is '0.5'. Write a number of GPUs, such as 1"),
        ({"gpu": True}, "gpu is 'True'. Write a number of GPUs, such as 1"),
        ({"retries": -1}, "retries is '-1'. Write how often the job is tried again, such as 2"),
        (
            {"retry_on": "always"},
            "retry_on is 'always'. Write infrastructure (failures of the cluster), or failure (failing notebooks too)",
        ),
        ({"retry": 1}, f"The setting 'retry' is not known. Settings of a job are: {', '.join(KEYS)}"),
        (
            {"env.1A": "x"},
            "'1A' cannot be the name of an environment variable. Use letters, digits and _, no digit first",
        ),
        (
            {"env.NBARGO_JOB": "x"},
            "The environment variable NBARGO_JOB cannot be set. Choose a name that begins otherwise",
        ),
        ({"env.A": "x"}, "The environment variable A is set by the administrator. Leave it out"),
        (
            {"env.B": "{{workflow.name}}"},
            "The value of env.B holds two opening braces, which Argo would replace. Use a parameter",
        ),
        ({"env.B": "x" * 20_000}, "The value of env.B is not a text of at most 16384 bytes"),
    ],
)
def test_what_cannot_be_is_refused_in_these_words(parameters: dict[str, Any], message: str) -> None:
    assert said(parameters, BOUNDED) == message


@pytest.mark.parametrize(
    ("sent", "value"),
    [("a b", "a b"), ("2", "2"), ('"007"', "007"), ('"1.50"', "1.50"), ('"', '"'), ("", ""), ("$(HOME)", "$(HOME)")],
)
def test_environment_variables_are_texts(sent: str, value: str) -> None:
    assert parse(as_sent(**{"env.X": sent}), FREE).env == {"X": value}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500m", Fraction(1, 2)),
        (".5", Fraction(1, 2)),
        ("2.", Fraction(2)),
        ("0.1", Fraction(1, 10)),
        ("4Gi", Fraction(4 * 1024**3)),
        ("1.5Ki", Fraction(1536)),
        ("500M", Fraction(500_000_000)),
        ("1e3", Fraction(1000)),
        ("2E-1", Fraction(1, 5)),
    ],
)
def test_quantities_are_exact(text: str, value: Fraction) -> None:
    assert quantities.amount(text) == value


@pytest.mark.parametrize(
    "text", ["", "m", "-1", "+1", "1 Gi", "1gi", "4GB", "1e", "1K", "\u0663", "1" * 41, "0x1", "1_0"]
)
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(InputError, match="is not an amount"):
        quantities.amount(text)


@given(st.floats(min_value=0.001, max_value=1e6), st.text(max_size=8))
def test_any_text_is_understood_or_refused(number: float, text: str) -> None:
    for parameters in ({"cpu": number}, {"cpu": text}, {"memory": text}, {"timeout": text}, {f"env.{text}": text}):
        try:
            parse(parameters, FREE)
        except InputError as error:
            assert str(error)  # noqa: PT017 - one of two ends


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (5400, "90 minutes"),
        (3600, "1 hour"),
        (172800, "48 hours"),
    ],
)
def test_durations_are_said_in_their_largest_whole_unit(seconds: int, words: str) -> None:
    assert duration(seconds) == words
