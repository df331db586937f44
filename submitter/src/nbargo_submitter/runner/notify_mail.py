"""Telling people by e-mail, with the outputs attached."""

from __future__ import annotations

import mimetypes
import smtplib
import socket
import ssl
import time
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid, parseaddr
from typing import Any

from .notify_http import Clock, TellError, because
from .report import Report, moment, omission

NOTEBOOK = "application/x-ipynb+json"


def tell_mail(target: dict[str, Any], report: Report, secrets: dict[str, str], clock: Clock) -> list[str]:
    """Send the mail; return which recipients were refused. Raises TellError if it went to none."""
    login = [secrets.get(target[name], "") for name in ("user", "password") if target[name]]
    if not all(login):
        raise TellError("the administrator's login is not there: its Secret is missing")
    mail = letter(target, report)
    try:
        with connected(target, clock) as server:
            if login:
                server.login(*login)
            refused = server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        raise TellError("; ".join(refusals(error.recipients))) from error
    except smtplib.SMTPResponseException as error:
        raise TellError(said(error.smtp_code, error.smtp_error)) from error
    except (OSError, ValueError) as error:  # SMTPException is an OSError
        raise TellError(because(error)) from error
    return refusals(refused)


def connected(target: dict[str, Any], clock: Clock) -> smtplib.SMTP:
    """Return a connection with the security that the administrator chose; raises OSError."""
    context = ssl.create_default_context()
    place: tuple[str, int] = (target["host"], target["port"])
    name = socket.gethostname()  # smtplib would ask the DNS for one
    if target["security"] == "tls":
        return smtplib.SMTP_SSL(*place, local_hostname=name, timeout=clock.step(), context=context)
    server = smtplib.SMTP(*place, local_hostname=name, timeout=clock.step())
    if target["security"] == "starttls":
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
    return server


def letter(target: dict[str, Any], report: Report) -> EmailMessage:
    """Return the mail; raises ValueError for what cannot stand in a header."""
    files, omitted = report.files(target["max_bytes"]) if report.state != "interrupted" else ([], [])
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = f"{report.title} {report.headline}"
    mail["From"] = target["from"]
    mail["To"] = ", ".join(target["to"])
    mail["Date"] = formatdate(time.time())
    mail["Message-ID"] = make_msgid(domain=parseaddr(target["from"])[1].rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answering machine answers it
    mail.set_content(text(report, omitted))
    for path in files:
        kind = NOTEBOOK if path.suffix == ".ipynb" else mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        main, _, sub = kind.partition("/")
        mail.add_attachment(path.read_bytes(), maintype=main, subtype=sub, filename=path.name)
    return mail


def text(report: Report, omitted: list[str]) -> str:
    """Return what the mail says."""
    times = f"Started {moment(report.started_at)}, ended {moment(report.ended_at)}"
    parts = [
        f"{report.title} {report.headline}.",
        report.reason or "",
        f"Notebook: {report.notebook}\nJob: {report.job_id}\n{times}",
        omission(omitted),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def refusals(recipients: dict[str, tuple[int, bytes]]) -> list[str]:
    """Return for each refused recipient what the server said."""
    return [f"{name} was refused: {said(*answer)}" for name, answer in recipients.items()]


def said(code: int, answer: bytes | str) -> str:
    """Return a server's answer as one line."""
    words = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return " ".join(f"{code} {words}".split())
