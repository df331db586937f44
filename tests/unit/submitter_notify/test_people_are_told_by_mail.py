"""Mails arrive whole over each kind of connection; what goes wrong is one line of the log."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nbargo_submitter.runner import notify_http
from nbargo_submitter.runner.report import Report
from support.background import Background
from support.smtp import PASSWORD, USER, MailServer

MakeReport = Callable[..., Report]
Tell = Callable[..., list[str]]
Authority = tuple[Path, ssl.SSLContext]
SECRETS = {"USER": USER, "PASSWORD": PASSWORD}
JANE, JOE = "jane@example.com", "joe@example.com"


def target(port: int, security: str = "none", **changes: Any) -> dict[str, Any]:
    login = {"user": None, "password": None} if security == "none" else {"user": "USER", "password": "PASSWORD"}
    mail = {
        "to": [JANE, JOE],
        "from": "Notebook jobs <jobs@example.com>",
        "host": "localhost",
        "port": port,
        "security": security,
        "max_bytes": 1000,
        **login,
    }
    return {"email": {**mail, **changes}}


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
    return authority[1]


def test_a_mail_has_the_outcome_and_the_outputs(tell: Tell, background: Background) -> None:
    server = MailServer()
    assert tell(target(background.listen(server))) == [f"Notified {JANE}, {JOE} by e-mail"]
    ((recipients, mail),) = server.mails
    assert recipients == [JANE, JOE]
    assert mail["Subject"] == "Sales completed in 3 min 5 s"
    assert (mail["From"], mail["To"]) == ("Notebook jobs <jobs@example.com>", f"{JANE}, {JOE}")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"]
    assert mail["Message-ID"].endswith("@example.com>")
    body = mail.get_body()
    assert body is not None
    assert body.get_content() == (
        "Sales completed in 3 min 5 s.\n\n"
        "Notebook: sales.ipynb\nJob: 0b8ff6a5-9f7c-4f1c-9a0e-3a8e6d1f2c77\n"
        "Started 2023-11-14T22:13:20.000Z, ended 2023-11-14T22:16:25.500Z\n"
    )
    attached = {
        part.get_filename(): (part.get_content_type(), part.get_payload(decode=True))
        for part in mail.iter_attachments()
    }
    assert attached == {
        "sales-1.ipynb": ("application/x-ipynb+json", b'{"cells": []}'),
        "sales-1.html": ("text/html", b"<p>caf\xc3\xa9</p>\n.\n"),
    }


def test_a_name_adds_no_header(tell: Tell, background: Background, make_report: MakeReport) -> None:
    server = MailServer()
    report = make_report(
        name="Büro\r\nBcc: all@example.com\n\nbody \ud800 " + "x" * 500,
        state="failed",
        error="Error: a\r\n.\r\nMAIL FROM:<x@y>\n漢字",
    )
    assert tell(target(background.listen(server)), report=report) == [f"Notified {JANE}, {JOE} by e-mail"]
    ((recipients, mail),) = server.mails
    assert recipients == [JANE, JOE]
    assert mail["Bcc"] is None
    assert str(mail["Subject"]).startswith("Büro Bcc: all@example.com body ? xxx")
    body = mail.get_body()
    assert body is not None
    assert "Error: a\n.\nMAIL FROM:<x@y>\n漢字\n" in body.get_content()


def test_attachments_above_the_limit_are_named_instead(
    tell: Tell, background: Background, make_report: MakeReport
) -> None:
    server = MailServer()
    report = make_report()
    (report.directory / "sales-1.html").write_bytes(bytes(2_000_000))
    tell(target(background.listen(server)), report=report)
    ((_, mail),) = server.mails
    assert [part.get_filename() for part in mail.iter_attachments()] == ["sales-1.ipynb"]
    body = mail.get_body()
    assert body is not None
    assert "Too large for this message: sales-1.html (2.0 MB)." in body.get_content()


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_the_login_travels_over_tls(tell: Tell, background: Background, trusted: ssl.SSLContext, security: str) -> None:
    implicit = security == "tls"
    server = MailServer(tls=trusted, implicit=implicit, login=True)
    port = background.listen(server, **({"ssl": trusted} if implicit else {}))
    assert tell(target(port, security), SECRETS) == [f"Notified {JANE}, {JOE} by e-mail"]
    assert server.secured
    assert len(server.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_is_not_trusted_ends_it(
    tell: Tell, background: Background, authority: Authority, security: str
) -> None:
    implicit = security == "tls"
    server = MailServer(tls=authority[1], implicit=implicit)
    port = background.listen(server, **({"ssl": authority[1]} if implicit else {}))
    (line,) = tell(target(port, security), SECRETS)
    assert line.startswith(f"Could not notify {JANE}, {JOE} by e-mail: ")
    assert "certificate verify failed" in line
    assert server.raw == []


def test_a_certificate_for_another_host_ends_it(tell: Tell, background: Background, trusted: ssl.SSLContext) -> None:
    port = background.listen(MailServer(tls=trusted))
    (line,) = tell(target(port, "starttls", host="127.0.0.1"), SECRETS)
    assert "certificate verify failed: IP address mismatch" in line


def test_a_server_without_tls_gets_no_login(tell: Tell, background: Background) -> None:
    server = MailServer()
    assert tell(target(background.listen(server), "starttls"), SECRETS) == [
        f"Could not notify {JANE}, {JOE} by e-mail: STARTTLS extension not supported by server."
    ]
    assert server.raw == []


def test_a_wrong_password_is_named_and_never_shown(tell: Tell, background: Background, trusted: ssl.SSLContext) -> None:
    port = background.listen(MailServer(tls=trusted, login=True))
    assert tell(target(port, "starttls"), {"USER": USER, "PASSWORD": "guess"}) == [
        f"Could not notify {JANE}, {JOE} by e-mail: 535 5.7.8 authentication failed"
    ]


def test_a_missing_login_is_named(tell: Tell) -> None:
    assert tell(target(1, "starttls"), {"USER": USER}) == [
        f"Could not notify {JANE}, {JOE} by e-mail: the administrator's login is not there: its Secret is missing"
    ]


def test_a_server_that_wants_a_login_says_so(tell: Tell, background: Background) -> None:
    assert tell(target(background.listen(MailServer(login=True)))) == [
        f"Could not notify {JANE}, {JOE} by e-mail: 530 5.7.0 authentication required"
    ]


def test_one_refused_recipient_keeps_the_mail_from_no_other(tell: Tell, background: Background) -> None:
    server = MailServer(refused=frozenset({JOE}))
    assert tell(target(background.listen(server))) == [
        f"Notified {JANE}, {JOE} by e-mail, but {JOE} was refused: 550 5.1.1 no such user here"
    ]
    assert [recipients for recipients, _ in server.mails] == [[JANE]]


def test_a_mail_that_goes_to_nobody_has_not_been_sent(tell: Tell, background: Background) -> None:
    server = MailServer(refused=frozenset({JANE}))
    assert tell(target(background.listen(server), to=[JANE])) == [
        f"Could not notify {JANE} by e-mail: {JANE} was refused: 550 5.1.1 no such user here"
    ]
    assert server.raw == []


def test_a_server_that_turns_everybody_away_is_named(tell: Tell, background: Background) -> None:
    port = background.listen(MailServer(greeting="554 no mail here"))
    assert tell(target(port)) == [f"Could not notify {JANE}, {JOE} by e-mail: 554 no mail here"]


def test_a_server_that_is_down_is_named(tell: Tell) -> None:
    (line,) = tell(target(1))
    assert line.startswith(f"Could not notify {JANE}, {JOE} by e-mail: [Errno 111]")


def test_a_silent_server_costs_no_more_than_the_time_for_a_step(
    tell: Tell, background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_http, "REQUEST_SECONDS", 0.2)
    (line,) = tell(target(background.listen(MailServer(greeting=""))))
    assert "timed out" in line
