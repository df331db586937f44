"""Telling Slack, or a server that has Slack's web API: a message in a channel, and the outputs in its thread."""

from __future__ import annotations

import json
import urllib.parse
from typing import TYPE_CHECKING, Any

from .notify_http import Clock, TellError, post
from .report import Report, omission

if TYPE_CHECKING:
    from pathlib import Path

FORM = "application/x-www-form-urlencoded; charset=utf-8"
HINTS = {
    "channel_not_found": "is it spelled so, and has the app been invited to it?",
    "not_in_channel": "invite the app to it",
    "is_archived": "the channel is archived",
    "invalid_auth": "the administrator's token is not valid",
    "token_revoked": "the administrator's token is not valid",
    "missing_scope": "the administrator's token lacks a right: chat:write, or files:write",
}


def tell_slack(target: dict[str, Any], report: Report, secrets: dict[str, str], clock: Clock) -> list[str]:
    """Post the message and upload the outputs; return what went wrong after the message. Raises TellError."""
    token = secrets.get(target["token"])
    if not token:
        raise TellError("the administrator's token is not there: its Secret is missing")
    if not (token.isascii() and token.isprintable()):  # the error of http.client would show it
        raise TellError("the administrator's token is not one")
    api = _Api(target["url"], token, clock)
    files, omitted = report.files(target["max_bytes"]) if report.state != "interrupted" else ([], [])
    quiet = dict.fromkeys(("unfurl_links", "unfurl_media"), "false")
    posted = api.call("chat.postMessage", channel=target["channel"], text=message(report, omitted), **quiet)
    return api.share(files, posted) if files else []


def message(report: Report, omitted: list[str]) -> str:
    """Return the message in Slack's markup, in which three characters of what users write are escaped."""
    mark = ":white_check_mark:" if report.succeeded else ":x:"
    lines = [f"{mark} *{escaped(report.title)}* {report.headline}"]
    if report.reason:
        lines.append(f">{escaped(report.reason)}".replace("\n", "\n>"))
    lines += [escaped(f"{report.notebook}, job {report.job_id}"), escaped(omission(omitted))]
    return "\n".join(line for line in lines if line)


def escaped(text: str) -> str:
    """Return a text that Slack shows as it is, and in which nobody is called."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class _Api:
    """Slack's web API."""

    def __init__(self, url: str, token: str, clock: Clock) -> None:
        self._url = url
        self._token = token
        self._clock = clock

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Call a method; raises TellError."""
        body = urllib.parse.urlencode(arguments, errors="replace").encode()
        headers = {"Authorization": "Bearer " + self._token, "Content-Type": FORM}
        try:
            answer = json.loads(post(f"{self._url}/{method}", body, headers, self._clock))
            if answer["ok"]:
                return dict(answer)
            error = str(answer.get("error", "unknown"))
        except (ValueError, TypeError, KeyError) as wrong:
            raise TellError("the server's answer is not Slack's") from wrong
        hint = HINTS.get(error)
        raise TellError(f"{error} ({hint})" if hint else error)

    def share(self, files: list[Path], posted: dict[str, Any]) -> list[str]:
        """Upload files and show them in the thread of a message; return what went wrong."""
        problems = []
        uploaded = []
        for path in files:
            try:
                uploaded.append({"id": self._upload(path), "title": path.name})
            except (TellError, OSError) as error:
                problems.append(f"{path.name} could not be uploaded: {error}")
        if uploaded:
            where = {"channel_id": posted.get("channel"), "thread_ts": posted.get("ts")}
            try:
                self.call("files.completeUploadExternal", files=json.dumps(uploaded), **where)
            except TellError as error:
                problems.append(f"the outputs could not be shared: {error}")
        return problems

    def _upload(self, path: Path) -> str:
        """Upload one file and return its id; raises TellError or OSError."""
        with path.open("rb") as file:
            size = path.stat().st_size
            place = self.call("files.getUploadURLExternal", filename=path.name, length=size)
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
            post(str(place.get("upload_url")), file, headers, self._clock)
        return str(place.get("file_id"))
