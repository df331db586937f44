"""A webhook gets one JSON object that its receiver can trust; what goes wrong is one line of the log."""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from nbargo_submitter.runner.report import Report
from support.background import Background
from support.slack import Hook, answering

MakeReport = Callable[..., Report]
Tell = Callable[..., list[str]]


@pytest.fixture
def hook() -> Hook:
    return Hook()


@pytest.fixture
def target(background: Background, hook: Hook) -> dict[str, Any]:
    return {"webhook": {"url": background.serve(hook.app()) + "/in/jobs?a=b", "secret": None}}


def test_the_object_says_how_the_job_ended(tell: Tell, hook: Hook, target: dict[str, Any]) -> None:
    assert tell(target) == ["Notified the webhook"]
    (body,) = hook.bodies
    sent = json.loads(body)
    assert sent.pop("sent_at").endswith("Z")
    assert sent == {
        "version": 1,
        "job_id": "0b8ff6a5-9f7c-4f1c-9a0e-3a8e6d1f2c77",
        "name": "Sales",
        "notebook": "sales.ipynb",
        "status": "COMPLETED",
        "error": None,
        "started_at": "2023-11-14T22:13:20.000Z",
        "ended_at": "2023-11-14T22:16:25.500Z",
        "outputs": ["sales-1.ipynb", "sales-1.html"],
    }
    assert hook.headers[0]["Content-Type"] == "application/json"
    assert hook.headers[0]["User-Agent"] == "nbargo"
    assert "X-Nbargo-Signature" not in hook.headers[0]


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ({"state": "failed", "error": "ValueError: no (cell 2)"}, "ValueError: no (cell 2)"),
        ({"state": "interrupted"}, "the job's pod was ended before the notebook had finished"),
    ],
)
def test_every_other_end_is_a_failure(
    tell: Tell, hook: Hook, target: dict[str, Any], make_report: MakeReport, end: dict[str, Any], told: str
) -> None:
    tell(target, report=make_report(**end, name="a\nb\ud800"))
    sent = json.loads(hook.bodies[0])
    assert (sent["status"], sent["error"]) == ("FAILED", told)


def test_the_signature_is_that_of_the_body(tell: Tell, hook: Hook, target: dict[str, Any]) -> None:
    target["webhook"]["secret"] = "SECRET"
    assert tell(target, {"SECRET": "known to both"}) == ["Notified the webhook"]
    expected = hmac.new(b"known to both", hook.bodies[0], hashlib.sha256).hexdigest()
    assert hook.headers[0]["X-Nbargo-Signature"] == f"sha256={expected}"


def test_nothing_is_sent_unsigned_that_should_be_signed(tell: Tell, hook: Hook, target: dict[str, Any]) -> None:
    target["webhook"]["secret"] = "SECRET"
    assert tell(target) == [
        "Could not notify the webhook: the administrator's secret is not there: its Secret is missing"
    ]
    assert hook.calls == []


def test_no_redirection_is_followed(tell: Tell, hook: Hook, target: dict[str, Any]) -> None:
    hook.faults["jobs"] = [answering(302, Location="/elsewhere")]
    assert tell(target) == ["Could not notify the webhook: the server answered 302 Found"]
    assert hook.calls == ["jobs"]


@pytest.mark.parametrize("fault", [answering(429, Retry_After="Tue, 14 Nov 2023 22:13:20 GMT"), answering(500)])
def test_a_server_that_asks_for_patience_is_asked_once_more(
    tell: Tell, hook: Hook, target: dict[str, Any], fault: Any
) -> None:
    hook.faults["jobs"] = [fault]
    assert tell(target) == ["Notified the webhook"]
    assert hook.calls == ["jobs", "jobs"]
