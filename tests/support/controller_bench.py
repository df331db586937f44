"""A bench for the local controller: a store, a clock that stands still, and short waits for conditions."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from nbargo_local.api.store import WORKFLOWS, Store
from nbargo_local.controller import Controller, ManualClock, Settings

START = datetime(2026, 11, 23, 8, 0, 0, tzinfo=UTC)
PATIENCE = 20.0  # seconds; a process that has not ended by then never will

Object = dict[str, Any]


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something that no event tells of is so."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - a file or a process tells nobody
            await asyncio.sleep(0.005)


def container(*command: str, name: str = "main", **template: Any) -> Object:
    return {"name": name, "container": {"image": "any", "command": list(command)}, **template}


def shell(text: str, name: str = "main", **template: Any) -> Object:
    return container("sh", "-c", text, name=name, **template)


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has reaped yet does not."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def waiting(path: Path, then: str = "true", name: str = "main", **template: Any) -> Object:
    """Return a template that runs until a file is there."""
    return shell(f"until [ -e '{path}' ]; do sleep 0.01; done; {then}", name=name, **template)


def node_named(workflow: Object, name: str) -> Object:
    return next(node for node in workflow["status"]["nodes"].values() if node["displayName"] == name)


def phase_of(workflow: Object) -> str:
    return str(workflow.get("status", {}).get("phase", ""))


class Bench:
    """A store, a clock that stands still, and a controller with few places and little patience."""

    def __init__(self, workdir: Path) -> None:
        self.workdir = workdir
        self.clock = ManualClock(START)
        self.store = Store(now=self.clock.now)

    def controller(self, *, places: int = 8, grace: float = 10.0) -> Controller:
        return Controller(
            self.store, workdir=self.workdir, clock=self.clock, settings=Settings(places=places, grace=grace)
        )

    def submit(self, *templates: Object, name: str = "wf", labels: Object | None = None, **spec: Any) -> Object:
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"name": name, "labels": labels or {}},
            "spec": {"entrypoint": templates[0]["name"], "templates": list(templates), **spec},
        }
        return self.store.create(WORKFLOWS, "default", body)

    def get(self, name: str = "wf") -> Object:
        found = self.store.get(WORKFLOWS, "default", name)
        assert found is not None
        return found

    def patch(self, patch: Object, name: str = "wf") -> Object:
        return self.store.patch(WORKFLOWS, "default", name, patch)

    async def until(self, condition: Callable[[Object], bool], name: str = "wf") -> Object:
        """Wait for a state of a workflow; returns it."""
        with self.store.subscribe() as events:
            async with asyncio.timeout(PATIENCE):
                while (found := self.store.get(WORKFLOWS, "default", name)) is None or not condition(found):
                    await events.get()
        return found

    async def ended(self, name: str = "wf") -> Object:
        return await self.until(lambda workflow: bool(workflow.get("status", {}).get("finishedAt")), name)

    async def node(self, phase: str, display_name: str = "wf", name: str = "wf") -> Object:
        """Wait until a node is in a phase; returns the workflow."""

        def reached(workflow: Object) -> bool:
            nodes = workflow.get("status", {}).get("nodes", {}).values()
            return any(node["displayName"] == display_name and node["phase"] == phase for node in nodes)

        return await self.until(reached, name)

    async def gone(self, name: str = "wf") -> None:
        with self.store.subscribe() as events:
            async with asyncio.timeout(PATIENCE):
                while self.store.get(WORKFLOWS, "default", name) is not None:
                    await events.get()

    async def quiet(self) -> None:
        """Let everything happen that can happen without time passing or a process ending."""
        revision = -1
        while revision != self.store.revision:
            revision = self.store.revision
            for _ in range(20):
                await asyncio.sleep(0)

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.quiet()

    def log(self, node: str = "wf", name: str = "wf") -> str:
        return (self.workdir / name / f"{node}.log").read_text()
