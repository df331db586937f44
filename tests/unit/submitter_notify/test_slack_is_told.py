"""Slack gets a message and the outputs, by its own rules; what goes wrong is one line of the log."""

import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from nbargo_submitter.runner import notify_http
from nbargo_submitter.runner.report import Report
from support.background import Background
from support.slack import TOKEN, SlackServer, answering

MakeReport = Callable[..., Report]
Tell = Callable[..., list[str]]
SECRETS = {"TOKEN": TOKEN}
POST, PLACE, COMPLETE = "chat.postMessage", "files.getUploadURLExternal", "files.completeUploadExternal"


@pytest.fixture
def slack() -> SlackServer:
    return SlackServer()


@pytest.fixture
def target(background: Background, slack: SlackServer) -> dict[str, Any]:
    url = background.serve(slack.app()) + "/api"
    return {"slack": {"channel": "#reports", "url": url, "token": "TOKEN", "max_bytes": 1000}}


def with_channel(target: dict[str, Any], channel: str) -> dict[str, Any]:
    return {"slack": {**target["slack"], "channel": channel}}


def test_a_success_is_posted_and_the_outputs_are_in_its_thread(
    tell: Tell, slack: SlackServer, target: dict[str, Any]
) -> None:
    assert tell(target, SECRETS) == ["Notified Slack #reports"]
    (message,) = slack.messages
    assert message["text"] == (
        ":white_check_mark: *Sales* completed in 3 min 5 s\nsales.ipynb, job 0b8ff6a5-9f7c-4f1c-9a0e-3a8e6d1f2c77"
    )
    assert slack.shared() == {
        "sales-1.ipynb": b'{"cells": []}',
        "sales-1.html": b"<p>caf\xc3\xa9</p>\n.\n",
    }
    assert {upload.thread for upload in slack.uploads.values()} == {message["ts"]}


def test_a_failure_says_why(tell: Tell, slack: SlackServer, target: dict[str, Any], make_report: MakeReport) -> None:
    report = make_report(
        state="failed", error="ZeroDivisionError: division by zero (cell 3)", ended_at=1_700_000_004_000
    )
    assert tell(target, SECRETS, report=report) == ["Notified Slack #reports"]
    assert slack.messages[0]["text"].startswith(
        ":x: *Sales* failed after 4 s\n>ZeroDivisionError: division by zero (cell 3)\n"
    )
    assert len(slack.shared()) == 2


def test_a_run_that_was_ended_is_told_of_quickly_without_files(
    tell: Tell, slack: SlackServer, target: dict[str, Any], make_report: MakeReport
) -> None:
    tell(target, SECRETS, report=make_report(state="interrupted"))
    assert "\n>the job's pod was ended before the notebook had finished\n" in slack.messages[0]["text"]
    assert slack.uploads == {}


def test_a_channel_may_be_named_by_its_id(tell: Tell, slack: SlackServer, target: dict[str, Any]) -> None:
    assert tell(with_channel(target, "C0123456789"), SECRETS) == ["Notified Slack C0123456789"]
    assert len(slack.shared()) == 2


def test_nobody_is_called_by_a_name_or_an_error(
    tell: Tell, slack: SlackServer, target: dict[str, Any], make_report: MakeReport
) -> None:
    report = make_report(name="<!channel> a\nb & \ud800", state="failed", error="<!here>\n\x1b[31mred" + "x" * 5000)
    tell(target, SECRETS, report=report)
    text = slack.messages[0]["text"]
    assert text.startswith(":x: *&lt;!channel&gt; a b &amp; ?* failed after 3 min 5 s\n>&lt;!here&gt;\n>redxxx")
    assert len(text) < 4000


def test_outputs_above_the_limit_are_named_instead(
    tell: Tell, slack: SlackServer, target: dict[str, Any], make_report: MakeReport
) -> None:
    report = make_report()
    (report.directory / "sales-1.html").write_bytes(bytes(1000))
    (report.directory / "sales-1.ipynb").write_bytes(bytes(10))
    assert tell(target, SECRETS, report=report) == ["Notified Slack #reports"]
    assert set(slack.shared()) == {"sales-1.ipynb"}
    assert slack.messages[0]["text"].endswith(
        "\nToo large for this message: sales-1.html (0.0 MB). They are in the list of jobs."
    )


def test_empty_and_missing_outputs_are_left_out(
    tell: Tell, slack: SlackServer, target: dict[str, Any], make_report: MakeReport
) -> None:
    report = make_report(outputs={"log": "empty.log", "html": "gone.html"})
    (report.directory / "empty.log").touch()
    assert tell(target, SECRETS, report=report) == ["Notified Slack #reports"]
    assert slack.calls == [POST]


@pytest.mark.parametrize(
    ("secrets", "reason"),
    [
        ({"TOKEN": "xoxb-wrong"}, "invalid_auth (the administrator's token is not valid)"),
        ({}, "the administrator's token is not there: its Secret is missing"),
        ({"TOKEN": "xoxb-1\nX: y"}, "the administrator's token is not one"),
    ],
)
def test_a_wrong_token_is_named_and_never_shown(
    tell: Tell, target: dict[str, Any], secrets: dict[str, str], reason: str
) -> None:
    assert tell(target, secrets) == [f"Could not notify Slack #reports: {reason}"]


def test_an_unknown_channel_is_named(tell: Tell, target: dict[str, Any]) -> None:
    assert tell(with_channel(target, "#nowhere"), SECRETS) == [
        "Could not notify Slack #nowhere: channel_not_found (is it spelled so, and has the app been invited to it?)"
    ]


@pytest.mark.parametrize("fault", [answering(429, Retry_After="0"), answering(503, Retry_After="0")])
@pytest.mark.parametrize("method", [POST, PLACE, COMPLETE])
def test_a_server_that_asks_for_patience_is_asked_once_more(
    tell: Tell, slack: SlackServer, target: dict[str, Any], method: str, fault: Any
) -> None:
    slack.faults[method] = [fault]
    assert tell(target, SECRETS) == ["Notified Slack #reports"]
    assert len(slack.shared()) == 2


def test_an_upload_is_sent_whole_the_second_time(tell: Tell, slack: SlackServer, target: dict[str, Any]) -> None:
    slack.faults["F000000000"] = [answering(500, Retry_After="0")]
    assert tell(target, SECRETS) == ["Notified Slack #reports"]
    assert slack.shared()["sales-1.ipynb"] == b'{"cells": []}'


def test_the_pause_is_the_one_that_the_server_names(tell: Tell, slack: SlackServer, target: dict[str, Any]) -> None:
    slack.faults[POST] = [answering(429, Retry_After="1")]
    began = time.monotonic()
    assert tell(target, SECRETS) == ["Notified Slack #reports"]
    assert time.monotonic() - began >= 1


def test_a_pause_that_is_longer_than_the_time_left_is_not_made(
    tell: Tell, slack: SlackServer, target: dict[str, Any]
) -> None:
    slack.faults[POST] = [answering(429, Retry_After="60")]
    assert tell(target, SECRETS) == ["Could not notify Slack #reports: the server answered 429 Too Many Requests"]
    assert slack.calls == [POST]


def test_two_refusals_are_enough(tell: Tell, slack: SlackServer, target: dict[str, Any]) -> None:
    slack.faults[POST] = [answering(500, Retry_After="0")] * 2
    assert tell(target, SECRETS) == ["Could not notify Slack #reports: the server answered 500 Internal Server Error"]
    assert slack.calls == [POST, POST]


def test_a_refusal_that_will_stay_is_not_repeated(tell: Tell, slack: SlackServer, target: dict[str, Any]) -> None:
    slack.faults[POST] = [answering(404)]
    assert tell(target, SECRETS) == ["Could not notify Slack #reports: the server answered 404 Not Found"]
    assert slack.calls == [POST]


def test_a_file_that_fails_leaves_the_message_and_the_others(
    tell: Tell, slack: SlackServer, target: dict[str, Any]
) -> None:
    slack.faults["F000000000"] = [answering(413)]
    (line,) = tell(target, SECRETS)
    assert line == (
        "Notified Slack #reports, but sales-1.ipynb could not be uploaded: "
        "the server answered 413 Request Entity Too Large"
    )
    assert set(slack.shared()) == {"sales-1.html"}


def test_a_server_that_is_not_slack_is_named(tell: Tell, slack: SlackServer, target: dict[str, Any]) -> None:
    slack.faults[POST] = [answering(200)]
    assert tell(target, SECRETS) == ["Could not notify Slack #reports: the server's answer is not Slack's"]


def test_the_token_follows_no_redirection(tell: Tell, slack: SlackServer, target: dict[str, Any]) -> None:
    slack.faults[POST] = [answering(307, Location=target["slack"]["url"] + f"/{POST}")]
    assert tell(target, SECRETS) == ["Could not notify Slack #reports: the server answered 307 Temporary Redirect"]
    assert slack.calls == [POST]


def test_a_server_that_is_down_is_named(tell: Tell, target: dict[str, Any]) -> None:
    target["slack"]["url"] = "http://127.0.0.1:1/api"
    (line,) = tell(target, SECRETS)
    assert line == f"Could not notify Slack #reports: [Errno 111] {os.strerror(111)}"


def test_a_silent_server_costs_no_more_than_the_time_for_a_step(
    tell: Tell, slack: SlackServer, target: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_http, "REQUEST_SECONDS", 0.2)
    slack.silent.add(POST)
    assert tell(target, SECRETS) == ["Could not notify Slack #reports: timed out"]


def test_an_upload_url_leads_to_a_web_server(tell: Tell, slack: SlackServer, target: dict[str, Any]) -> None:
    from aiohttp import web  # noqa: PLC0415 - for this answer alone

    slack.faults[PLACE] = [
        lambda: web.json_response({"ok": True, "upload_url": "file:///etc/hostname", "file_id": "F"})
    ]
    assert tell(target, SECRETS) == [
        "Notified Slack #reports, but sales-1.ipynb could not be uploaded: unknown url type: file"
    ]
