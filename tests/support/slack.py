"""What of Slack's web API a job's pod uses, as strict as Slack is, and a program that takes webhooks.

The rules are those of Slack's reference for chat.postMessage, files.getUploadURLExternal and
files.completeUploadExternal: arguments as a form, the id of a channel for files, and each upload in three steps.
"""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

TOKEN = "xoxb-1-good"
CHANNELS = {"#reports": "C0123456789"}
_CHANNEL_ID = re.compile(r"[CGDZ][A-Z0-9]{8,}")
_LONGEST = 40_000
_FORM = "application/x-www-form-urlencoded"

Fault = Callable[[], web.Response]


def answering(status: int, **headers: str) -> Fault:
    """A server that has had enough."""
    return lambda: web.Response(
        status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


@dataclass
class Upload:
    """One file on its way."""

    name: str
    length: int
    content: bytes | None = None
    channel: str = ""
    thread: str = ""


@dataclass
class Recorder:
    """A web server that keeps what it is sent.

    Attributes:
        faults: What it answers first, in this order, by the last part of the path.
        silent: Parts of paths to which it never answers.
    """

    faults: dict[str, list[Fault]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def fault(self, request: web.Request) -> web.Response | None:
        name = request.path.rpartition("/")[2]
        self.calls.append(name)
        self.headers.append(dict(request.headers))
        self.bodies.append(await request.read())
        if name in self.silent:
            await asyncio.Event().wait()
        return self.faults[name].pop(0)() if self.faults.get(name) else None


@dataclass
class Hook(Recorder):
    """A program that takes webhooks."""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        return await self.fault(request) or web.Response(text="thanks")


@dataclass
class SlackServer(Recorder):
    """Slack.

    Attributes:
        messages: What was posted: channel, text and ts of each.
        uploads: The files by id; those that were completed have a channel.
    """

    messages: list[dict[str, str]] = field(default_factory=list)
    uploads: dict[str, Upload] = field(default_factory=dict)

    def app(self) -> web.Application:
        app = web.Application()
        for name in ("chat.postMessage", "files.getUploadURLExternal", "files.completeUploadExternal"):
            app.router.add_post(f"/api/{name}", self._api)
        app.router.add_post("/upload/{id}", self._receive)
        return app

    def shared(self) -> dict[str, bytes | None]:
        """What is seen in a channel: the files' contents by name."""
        return {upload.name: upload.content for upload in self.uploads.values() if upload.channel}

    async def _api(self, request: web.Request) -> web.Response:
        if fault := await self.fault(request):
            return fault
        return web.json_response(await self._answer(request))

    async def _answer(self, request: web.Request) -> dict[str, Any]:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _no("invalid_auth")
        if request.content_type != _FORM:
            return _no("invalid_arguments")
        form = {name: str(value) for name, value in (await request.post()).items()}
        method = request.path.rpartition("/")[2]
        if method == "chat.postMessage":
            return self._post(form)
        if method == "files.getUploadURLExternal":
            return self._place(form, f"{request.scheme}://{request.host}/upload")
        return self._complete(form)

    def _post(self, form: dict[str, str]) -> dict[str, Any]:
        channel = CHANNELS.get(form.get("channel", ""), form.get("channel", ""))
        if channel not in CHANNELS.values():
            return _no("channel_not_found")
        if not form.get("text"):
            return _no("no_text")
        if len(form["text"]) > _LONGEST:
            return _no("msg_too_long")
        ts = f"1700000000.{len(self.messages):06}"
        self.messages.append({"channel": channel, "text": form["text"], "ts": ts})
        return {"ok": True, "channel": channel, "ts": ts}

    def _place(self, form: dict[str, str], url: str) -> dict[str, Any]:
        if not form.get("filename") or not form.get("length", "").isdigit() or form["length"] == "0":
            return _no("invalid_arguments")
        identifier = f"F{len(self.uploads):09}"
        self.uploads[identifier] = Upload(form["filename"], int(form["length"]))
        return {"ok": True, "upload_url": f"{url}/{identifier}", "file_id": identifier}

    async def _receive(self, request: web.Request) -> web.Response:
        if fault := await self.fault(request):
            return fault
        upload = self.uploads.get(request.match_info["id"])
        content = await request.read()
        if upload is None or len(content) != upload.length or "Authorization" in request.headers:
            return web.Response(status=400)
        upload.content = content
        return web.Response(text=f"OK - {len(content)}")

    def _complete(self, form: dict[str, str]) -> dict[str, Any]:
        channel, thread = form.get("channel_id", ""), form.get("thread_ts", "")
        if not _CHANNEL_ID.fullmatch(channel):
            return _no("invalid_arguments")
        if channel not in CHANNELS.values():
            return _no("channel_not_found")
        files = [self.uploads.get(file["id"]) for file in json.loads(form["files"])]
        for upload in files:
            if upload is None or upload.content is None or upload.channel:
                return _no("file_not_found")
            upload.channel, upload.thread = channel, thread
        return {"ok": True, "files": []}


def _no(error: str) -> dict[str, Any]:
    return {"ok": False, "error": error}
