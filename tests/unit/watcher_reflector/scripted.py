"""A scripted API server, a sink in memory, and a clock that tests move: what the reflector's tests stand on."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from nbargo_watcher.budget import SINGLE, Budget, Purse
from nbargo_watcher.connection import Connection, Credentials
from nbargo_watcher.model import Event, Observed
from nbargo_watcher.reflector import Hooks, Reflector
from nbargo_watcher.resources import WORKFLOWS
from nbargo_watcher.source import Source, Timing, new_session
from nbargo_watcher.telemetry import Telemetry

USER = "alice"
SCOPE = "workflows/jobs"
API = "argoproj.io/v1alpha1"


def workflow(name: str, *, version: int, phase: str = "Running", **metadata: Any) -> dict[str, Any]:
    """Return a Workflow as the API server would send it."""
    return {
        "apiVersion": API,
        "kind": "Workflow",
        "metadata": {
            "name": name,
            "namespace": "jobs",
            "uid": f"uid-{name}",
            "resourceVersion": str(version),
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"nbargo/user": USER, "nbargo/job-id": name},
            **metadata,
        },
        "spec": {"templates": [{"name": "main"}]},
        "status": {"phase": phase, "finishedAt": None, "nodes": {"x": {"id": "x", "phase": phase}}},
    }


def event(kind: str, item: Mapping[str, Any]) -> bytes:
    """Return a line of a watch."""
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"


def bookmark(version: int) -> bytes:
    """Return a bookmark's line."""
    return event("BOOKMARK", {"kind": "Workflow", "apiVersion": API, "metadata": {"resourceVersion": str(version)}})


def failure(code: int, reason: str, message: str = "no", **details: Any) -> dict[str, Any]:
    """Return a Status."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
        "details": details,
    }


EXPIRED = failure(410, "Expired", "too old resource version: 1 (4)")
TOO_LARGE = failure(504, "Timeout", "Too large resource version", causes=[{"reason": "ResourceVersionTooLarge"}])


def listing(*items: Mapping[str, Any], version: int, next_page: str = "") -> dict[str, Any]:
    """Return a list, or a page of one."""
    metadata = {"resourceVersion": str(version), "continue": next_page}
    return {"apiVersion": API, "kind": "WorkflowList", "metadata": metadata, "items": list(items)}


NO_CRONS = {"apiVersion": API, "kind": "CronWorkflowList", "metadata": {"resourceVersion": "1"}, "items": []}


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An HTTP answer that is no list and no watch."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Hold:
    """A step of a watch: stay silent until the client goes."""


class Cut:
    """A step of a watch: reset the connection."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it came."""

    at: float
    query: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def is_watch(self) -> bool:
        return "watch" in self.query


Step = bytes | Hold | Cut | asyncio.Event | Callable[[], Any]
Script = Sequence[Step] | Refusal


class ScriptedServer:
    """Answers lists and watches one after the other as scripted; the last script of each kind repeats.

    The scripts are those of one stream; of cron workflows, which a whole program follows too, there are none, or the
    answer is always the same refusal. No object is there when it is asked for by its name.
    """

    def __init__(self) -> None:
        self.lists: list[Any] = [listing(version=1)]
        self.watches: list[Script] = [[Hold()]]
        self.asked: list[Asked] = []
        self.crons: Refusal | None = None
        self.stall: asyncio.Event | None = None
        self.url = ""
        self.runner: web.AppRunner | None = None
        self._open: set[asyncio.Event] = set()

    @property
    def watched(self) -> list[Asked]:
        return [item for item in self.asked if item.is_watch]

    @property
    def listed(self) -> list[Asked]:
        return [item for item in self.asked if not item.is_watch]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/cronworkflows"):
            if self.crons is not None:
                return web.json_response(self.crons.body, status=self.crons.status)
            return await self._play(request, [Hold()]) if "watch" in request.query else web.json_response(NO_CRONS)
        if not request.path.endswith("/workflows"):
            return web.json_response(failure(404, "NotFound"), status=404)
        now = asyncio.get_running_loop().time()
        self.asked.append(Asked(at=now, query=dict(request.query), headers=dict(request.headers)))
        if self.stall is not None and "watch" in request.query:
            await self.stall.wait()
        scripts: list[Any] = self.watches if "watch" in request.query else self.lists
        script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
        if isinstance(script, Refusal):
            body = script.body if isinstance(script.body, bytes) else json.dumps(script.body).encode()
            return web.Response(status=script.status, body=body, headers=script.headers)
        if "watch" in request.query:
            return await self._play(request, script)
        body = script if isinstance(script, bytes) else json.dumps(script).encode()
        return web.Response(body=body, content_type="application/json")

    async def _play(self, request: web.Request, script: Sequence[Step]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for step in script:
            if isinstance(step, bytes):
                await response.write(step)
            elif isinstance(step, asyncio.Event):
                await step.wait()
            elif isinstance(step, Hold):
                await self._hold()
            elif isinstance(step, Cut):
                if request.transport is not None:
                    request.transport.abort()
                return response
            else:
                step()
        await response.write_eof()
        return response

    async def _hold(self) -> None:
        gone = asyncio.Event()
        self._open.add(gone)
        try:
            await gone.wait()
        finally:
            self._open.discard(gone)

    def release(self) -> None:
        """Let all silent watches end."""
        for gone in self._open:
            gone.set()

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator["ScriptedServer"]:
        app = web.Application()
        app.router.add_get("/{path:.*}", self.handle)
        self.runner = runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Stop listening, and end the connections."""
        self.release()
        if self.runner is not None:
            await self.runner.cleanup()


class MemorySink:
    """A sink that keeps the last state of each object, as rows would."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}
        self.checkpoints: dict[str, str] = {}
        self.calls: list[tuple[str, Any]] = []
        self.errors: list[BaseException] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def checkpoint(self, scope: str) -> str | None:
        return self.checkpoints.get(scope)

    async def page(self, scope: str, objects: Sequence[Observed]) -> None:
        await self._begin("page", [item.name for item in objects])
        assert scope == SCOPE
        self.rows.update({item.uid: item.phase for item in objects})

    async def listed(self, scope: str, *, uids: frozenset[str], resource_version: str, unread: int = 0) -> None:
        del unread
        await self._begin("listed", resource_version)
        for uid in self.rows.keys() - uids:
            del self.rows[uid]
        self.checkpoints[scope] = resource_version

    async def events(self, scope: str, events: Sequence[Event], *, resource_version: str) -> None:
        await self._begin("events", [(item.observed.name, item.observed.phase) for item in events])
        assert len({item.observed.uid for item in events}) == len(events)
        for item in events:
            if item.deleted:
                self.rows.pop(item.observed.uid, None)
            else:
                self.rows[item.observed.uid] = item.observed.phase
        self.checkpoints[scope] = resource_version

    async def _begin(self, name: str, what: Any) -> None:
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        self.calls.append((name, what))

    def called(self, name: str) -> list[Any]:
        return [what for kind, what in self.calls if kind == name]


class Clock:
    """Moves the event loop's clock ahead, and all deadlines and delays with it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._real = loop.time
        self._ahead = 0.0
        loop.time = self.time  # type: ignore[method-assign] # the one seam that all libraries share

    def time(self) -> float:
        return self._real() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let time jump."""
        self._ahead += seconds

    async def until(self, condition: Callable[[], bool], *, within: float = 60.0, step: float = 0.25) -> float:
        """Let time pass until something is so, and return how many seconds it took."""
        began = self.time()
        while not condition():
            assert self.time() - began < within, f"not within {within} s"
            await asyncio.sleep(0.002)
            self._ahead += step
        return self.time() - began

    async def run(self, seconds: float, *, step: float = 0.25) -> None:
        """Let time pass."""
        end = self.time() + seconds
        await self.until(lambda: self.time() >= end, within=seconds + 60, step=step)


@dataclass(kw_only=True)
class Bench:
    """A reflector between a scripted server and a sink in memory."""

    server: ScriptedServer
    sink: MemorySink
    clock: Clock
    reflector: Reflector
    telemetry: Telemetry
    token: list[str]
    quarantined: list[tuple[str, str]]
    task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self.reflector.run())

    async def settled(self, condition: Callable[[], bool]) -> None:
        """Wait for something without letting time jump."""
        await self.clock.until(condition, within=5.0, step=0.0)


@asynccontextmanager
async def bench(*, finite: bool = False, timing: Timing | None = None, seed: int = 1) -> AsyncIterator[Bench]:
    """Make a bench; its reflector is ended with the block."""
    timing = timing or Timing()
    telemetry, token, quarantined = Telemetry(), ["first"], list[tuple[str, str]]()
    server, sink = ScriptedServer(), MemorySink()

    def read(*, anew: bool) -> Credentials:
        del anew
        return Credentials(authorization=f"Bearer {token[0]}")

    async with server.serving(), new_session(timing) as session:
        connection = Connection(url=server.url, namespace="jobs", reader=read)
        source = Source(
            session=session,
            connection=connection,
            budget=Budget(),
            resource=WORKFLOWS,
            namespace="jobs",
            user=USER,
            timing=timing,
            telemetry=telemetry,
        )
        reflector = Reflector(
            source=source,
            sink=sink,
            timing=timing,
            telemetry=telemetry,
            rng=random.Random(seed),  # noqa: S311 - jitter, repeatable
            purse=Purse(SINGLE) if finite else Purse(),
            hooks=Hooks(quarantined=lambda _, name, why: quarantined.append((name, why))),
            finite=finite,
        )
        made = Bench(
            server=server,
            sink=sink,
            clock=Clock(asyncio.get_running_loop()),
            reflector=reflector,
            telemetry=telemetry,
            token=token,
            quarantined=quarantined,
        )
        try:
            yield made
        finally:
            if made.task is not None:
                made.task.cancel()
                await asyncio.gather(made.task, return_exceptions=True)
