"""A bench for CronWorkflows: the clock leaps from one time at which something happens to the next."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self

from nbargo_local.api.garbage import collect_garbage
from nbargo_local.api.store import CRONWORKFLOWS, WORKFLOWS, Resource
from nbargo_local.controller.names import SCHEDULED_ANNOTATION
from support.controller_bench import Bench, Object, phase_of
from support.driven import leap_to


def at(text: str) -> datetime:
    """Return the UTC time of a text such as `2026-11-23 08:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def lasting(seconds: int) -> Object:
    """Return a spec that succeeds after some seconds of the clock, without a process."""
    return {"entrypoint": "main", "templates": [{"name": "main", "suspend": {"duration": str(seconds)}}]}


def failing(seconds: int) -> Object:
    """Return a spec that fails after some seconds of the clock, without a process."""
    return {
        "entrypoint": "main",
        "templates": [{"name": "main", "suspend": {}}],
        "activeDeadlineSeconds": seconds,
    }


AT_ONCE = lasting(0)
ENDLESS: Object = {"entrypoint": "main", "templates": [{"name": "main", "suspend": {}}]}


def condition(cron: Object, kind: str) -> str | None:
    """Return the message of a condition of a CronWorkflow; None if it is not set."""
    found = cron.get("status", {}).get("conditions") or []
    return next((each["message"] for each in found if each["type"] == kind), None)


class CronBench(Bench):
    """A bench whose workflows come from CronWorkflows."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have a controller and a garbage collector at work."""
        collector = asyncio.create_task(collect_garbage(self.store))
        try:
            async with self.controller():
                await self.quiet()
                yield
        finally:
            collector.cancel()
            await asyncio.wait([collector])

    async def create_cron(
        self, *schedules: str, name: str = "cron", metadata: Object | None = None, **spec: Any
    ) -> Object:
        """Create a CronWorkflow, and let the controller take notice of it."""
        created = self.put_cron(*schedules, name=name, metadata=metadata, **spec)
        await self.quiet()
        return created

    def put_cron(self, *schedules: str, name: str = "cron", metadata: Object | None = None, **spec: Any) -> Object:
        """Create a CronWorkflow whose runs succeed at once, if the spec does not say otherwise."""
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "CronWorkflow",
            "metadata": {"name": name, **(metadata or {})},
            "spec": {"workflowSpec": AT_ONCE, **({"schedules": list(schedules)} if schedules else {}), **spec},
        }
        return self.store.create(CRONWORKFLOWS, "default", body)

    def create_child(self, cron: Object, name: str, spec: Object) -> Object:
        """Create a Workflow of a CronWorkflow by hand."""
        owner = {key: cron["metadata"][key] for key in ("name", "uid")}
        reference = {"apiVersion": cron["apiVersion"], "kind": cron["kind"], **owner, "controller": True}
        labels = {"workflows.argoproj.io/cron-workflow": owner["name"]}
        metadata = {"name": name, "labels": labels, "ownerReferences": [reference]}
        body = {"apiVersion": cron["apiVersion"], "kind": "Workflow", "metadata": metadata, "spec": spec}
        return self.store.create(WORKFLOWS, "default", body)

    def delete_cron(self, name: str = "cron") -> None:
        self.store.delete(CRONWORKFLOWS, "default", name)

    def key(self, name: str) -> tuple[Resource, str, str]:
        """Return by what the store knows a Workflow."""
        return WORKFLOWS, "default", name

    def cron(self, name: str = "cron") -> Object:
        found = self.store.get(CRONWORKFLOWS, "default", name)
        assert found is not None
        return found

    def status(self, name: str = "cron") -> Object:
        return dict(self.cron(name).get("status") or {})

    async def edit(self, name: str = "cron", *, metadata: Object | None = None, **spec: Any) -> Object:
        """Patch the spec of a CronWorkflow."""
        patch = {"spec": spec, **({"metadata": metadata} if metadata else {})}
        patched = self.store.patch(CRONWORKFLOWS, "default", name, patch)
        await self.quiet()
        return patched

    async def until_time(self, when: datetime) -> None:
        """Let the clock go on to a time, and everything happen on the way that it wakes."""
        await leap_to(self.clock, self.store, when)

    def children(self) -> list[Object]:
        return self.store.list(WORKFLOWS, "default")

    def phases(self) -> dict[str, str]:
        return {each["metadata"]["name"]: phase_of(each) for each in self.children()}

    def scheduled(self) -> list[str]:
        """Return the scheduled times of the workflows that are there."""
        return [each["metadata"]["annotations"][SCHEDULED_ANNOTATION] for each in self.children()]


class Record:
    """The scheduled times of all workflows that are made while it is open, whatever becomes of them."""

    def __init__(self, bench: CronBench) -> None:
        self._events = bench.store.subscribe()

    async def times(self) -> list[str]:
        seen = [await self._events.get() for _ in range(len(self._events))]
        made = (each.object for each in seen if each.type == "ADDED" and each.resource == WORKFLOWS)
        return [each["metadata"]["annotations"][SCHEDULED_ANNOTATION] for each in made]

    def __enter__(self) -> Self:
        self._events.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._events.__exit__(None, None, None)
