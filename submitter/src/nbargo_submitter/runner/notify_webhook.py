"""Telling a program: a JSON object by POST, signed if the administrator has given a secret."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

from .notify_http import Clock, TellError, post
from .report import Report, moment

SIGNATURE = "X-Nbargo-Signature"


def tell_webhook(target: dict[str, Any], report: Report, secrets: dict[str, str], clock: Clock) -> list[str]:
    """Send the object; raises TellError."""
    body = json.dumps(content(report)).encode()
    headers = {"Content-Type": "application/json"}
    if target["secret"]:
        secret = secrets.get(target["secret"])
        if not secret:
            raise TellError("the administrator's secret is not there: its Secret is missing")
        headers[SIGNATURE] = signature(secret, body)
    post(target["url"], body, headers, clock)
    return []


def content(report: Report) -> dict[str, Any]:
    """Return what is sent."""
    return {
        "version": 1,
        "job_id": report.job_id,
        "name": report.name,
        "notebook": report.notebook,
        "status": "COMPLETED" if report.succeeded else "FAILED",
        "error": report.reason,
        "started_at": moment(report.started_at),
        "ended_at": moment(report.ended_at),
        "sent_at": moment(int(time.time() * 1000)),
        "outputs": list(report.outputs.values()),
    }


def signature(secret: str, body: bytes) -> str:
    """Return the header that shows that who sent a body knows the secret."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
