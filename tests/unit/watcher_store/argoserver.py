"""An argo-server, as far as its archive goes: it answers over HTTP in argo-server's own forms."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from unit.watcher_store.world import JOB, RECORD, UID, USER

STARTED, FINISHED = "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"

ARCHIVED: dict[str, Any] = {
    "metadata": {
        "name": f"nb-{JOB}",
        "namespace": "argo",
        "uid": UID,
        "resourceVersion": "19",
        "creationTimestamp": STARTED,
        "labels": {
            "nbargo/user": USER,
            "nbargo/job-id": JOB,
            "workflows.argoproj.io/completed": "true",
            "workflows.argoproj.io/workflow-archiving-status": "Persisted",
        },
        "annotations": {"nbargo/job": RECORD.to_json()},
    },
    "spec": {"entrypoint": "main", "templates": []},
    "status": {
        "phase": "Succeeded",
        "startedAt": STARTED,
        "finishedAt": FINISHED,
        "progress": "1/1",
        "nodes": {"x": {"id": "x", "phase": "Succeeded"}},
        "outputs": {},
    },
}
"""As argo-server answers: the whole workflow, marked as archived, without apiVersion and kind."""


def archived(*, metadata: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    return {
        **ARCHIVED,
        "metadata": {**ARCHIVED["metadata"], **(metadata or {})},
        "status": {**ARCHIVED["status"], **status},
    }


NOT_ARCHIVED = (404, {"code": 5, "message": "not found"})
UNAUTHENTICATED = (401, {"code": 16, "message": "token not valid. see https://argo-workflows.readthedocs.io/"})
DENIED = (403, {"code": 7, "message": "permission denied"})
BROKEN = (500, {"code": 13, "message": "dial tcp: connection refused"})
NO_DATABASE = (500, {"code": 13, "message": "getting archived workflows not supported"})
INGRESS = (404, "default backend - 404")
MOVED = (302, "elsewhere")
PAGE = (200, "<!doctype html><title>Argo</title>")


@dataclass
class ArgoServer:
    """Answers for archived workflows: by uid what is there, else that it is not."""

    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    otherwise: tuple[int, Any] = NOT_ARCHIVED
    asked: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    silent: bool = False
    url: str = ""

    def keep(self, body: dict[str, Any]) -> None:
        self.answers[body["metadata"]["uid"]] = (200, body)

    async def handle(self, request: web.Request) -> web.Response:
        uid = request.match_info["uid"]
        self.asked.append(uid)
        self.tokens.append(request.headers.get("Authorization", ""))
        if self.silent:
            await asyncio.sleep(3600)
        status, body = self.answers.get(uid, self.otherwise)
        text = body if isinstance(body, str) else json.dumps(body)
        kind = "text/html" if isinstance(body, str) else "application/json"
        headers = {"Location": text} if status == MOVED[0] else {}
        return web.Response(status=status, text=text, content_type=kind, headers=headers)

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["ArgoServer"]:
        app = web.Application()
        app.router.add_get("/argo/api/v1/archived-workflows/{uid}", self.handle)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}/argo"
        try:
            yield self
        finally:
            await runner.cleanup()
