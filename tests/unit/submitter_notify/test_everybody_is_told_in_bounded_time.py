"""Who is told of which end, several at once, and never for longer than there is time."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbargo_submitter.runner import credentials, notify
from nbargo_submitter.runner.report import Report, duration
from support.background import Background
from support.slack import TOKEN, Hook, SlackServer, answering
from support.smtp import MailServer

MakeReport = Callable[..., Report]
Tell = Callable[..., list[str]]


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A name server that never answers: no time limit of a socket holds for it."""
    free = threading.Event()

    def wait(*_: Any, **__: Any) -> list[Any]:
        free.wait(30)
        raise OSError("no answer")

    monkeypatch.setattr("socket.getaddrinfo", wait)
    yield
    free.set()
    for thread in threading.enumerate():
        if thread.name.endswith("(_tell)"):
            thread.join(10)


@pytest.mark.parametrize(
    ("on", "told"),
    [
        ("both", ["completed", "failed", "interrupted"]),
        ("success", ["completed"]),
        ("failure", ["failed", "interrupted"]),
    ],
)
def test_people_hear_of_the_ends_that_they_chose(
    tell: Tell, background: Background, make_report: MakeReport, on: str, told: list[str]
) -> None:
    hook = Hook()
    target = {"webhook": {"url": background.serve(hook.app()), "secret": None}}
    for state in ("completed", "failed", "interrupted"):
        lines = tell(target, on=on, report=make_report(state=state))
        assert lines == (["Notified the webhook"] if state in told else [])
    assert len(hook.calls) == len(told)


def test_one_that_fails_keeps_none_of_the_others_from_it(tell: Tell, background: Background) -> None:
    slack, hook, mail = SlackServer(), Hook(), MailServer()
    hook.faults["in"] = [answering(404)]
    targets = {
        "webhook": {"url": background.serve(hook.app()) + "/in", "secret": None},
        "slack": {
            "channel": "#reports",
            "url": background.serve(slack.app()) + "/api",
            "token": "TOKEN",
            "max_bytes": 0,
        },
        "email": {
            "to": ["jane@example.com"],
            "from": "jobs@example.com",
            "host": "127.0.0.1",
            "port": background.listen(mail),
            "security": "none",
            "user": None,
            "password": None,
            "max_bytes": 0,
        },
    }
    assert tell(targets, {"TOKEN": TOKEN}) == [
        "Notified Slack #reports",
        "Notified jane@example.com by e-mail",
        "Could not notify the webhook: the server answered 404 Not Found",
    ]


@pytest.mark.usefixtures("stuck")
@pytest.mark.parametrize(("state", "limit"), [("completed", "SECONDS"), ("interrupted", "HURRIED_SECONDS")])
def test_nothing_lasts_longer_than_the_time_for_everything(
    tell: Tell, make_report: MakeReport, monkeypatch: pytest.MonkeyPatch, state: str, limit: str
) -> None:
    monkeypatch.setattr(notify, limit, 0.3)
    began = time.monotonic()
    lines = tell({"webhook": {"url": "http://hooks.example/", "secret": None}}, report=make_report(state=state))
    assert time.monotonic() - began < 3
    assert lines == ["Could not notify the webhook: there was no answer within 0.3 s"]


def test_there_is_less_time_after_sigterm_than_a_pod_has() -> None:
    assert (notify.SECONDS, notify.HURRIED_SECONDS) == (30, 8)


@pytest.mark.parametrize("settings", [{}, {"on": "both"}, {"on": "both", "slack": {}}, {"on": 1, "webhook": None}])
def test_it_never_raises(tell: Tell, settings: dict[str, Any]) -> None:
    on = settings.pop("on", "both")
    assert all(line.startswith("Could not notify") for line in tell(settings, on=on))


def test_secrets_leave_the_environment_without_their_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBARGO_SLACK_TOKEN", f"{TOKEN}\n")
    monkeypatch.setenv("OTHER", "stays")
    settings = {"on": "both", "slack": {"token": "NBARGO_SLACK_TOKEN"}, "webhook": {"url": "x", "secret": None}}
    assert credentials.take_secrets(settings) == {"NBARGO_SLACK_TOKEN": TOKEN}
    assert "NBARGO_SLACK_TOKEN" not in os.environ
    assert os.environ["OTHER"] == "stays"


@given(st.integers(min_value=-1000, max_value=10**12))
def test_a_duration_has_two_units_at_most(milliseconds: int) -> None:
    assert len(duration(milliseconds).split()) in {2, 4}


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [(999, "0 s"), (59_999, "59 s"), (60_000, "1 min"), (3_661_000, "1 h 1 min"), (7_200_000, "2 h"), (-5, "0 s")],
)
def test_durations_are_rounded_down(milliseconds: int, shown: str) -> None:
    assert duration(milliseconds) == shown
