"""Plays the cases of CronWorkflows over the Kubernetes API of either side, all at the same time."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from contract.crons import PREFIX, ByHand, Delete, Merge
from contract.crons_observe import MINUTE, Calendar, Log, Object, Seen, tell
from contract.player import StoryError
from support.driven import leap_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from contract.crons import Action, CronCase
    from contract.player import Side
    from nbargo_local.api.store import Store
    from nbargo_local.controller import ManualClock

RESOURCES: Final = ("cronworkflows", "workflows")
CRON_LABEL: Final = "workflows.argoproj.io/cron-workflow"
PATIENCE: Final = 20.0  # seconds until what a server stores has been told by its watches
POLL: Final = 0.05  # seconds
MARGIN: Final = timedelta(seconds=10)  # to create everything, and to catch up, before a minute begins
EVE: Final = timedelta(seconds=1)
SETTLE: Final = timedelta(seconds=10)  # in which a run of one second ends, and then Argo looks at the Workflows


class Pace(Protocol):
    """The time on one side."""

    def now(self) -> datetime: ...

    async def until(self, when: datetime) -> None: ...


class RealPace:
    """The pace of real minutes."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def until(self, when: datetime) -> None:
        await asyncio.sleep((when - self.now()).total_seconds())


@dataclass(frozen=True, slots=True)
class DrivenPace:
    """The pace of a clock that is driven as soon as everything has happened."""

    clock: ManualClock
    store: Store

    def now(self) -> datetime:
        return self.clock.now()

    async def until(self, when: datetime) -> None:
        await leap_to(self.clock, self.store, when)


class Watch:
    """A watch of all objects of a resource.

    Args:
        side: Where.
        resource: What.
        logs: Get what is seen of each CronWorkflow and its Workflows.
    """

    def __init__(self, side: Side, resource: str, logs: Mapping[str, Log]) -> None:
        self._side = side
        self._resource = resource
        self._logs = logs
        self.shown: dict[str, str] = {}

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow the objects while the block runs."""
        found = await self._list()
        self.shown = _versions(found["items"])
        version = found["metadata"]["resourceVersion"]
        follower = asyncio.create_task(self._side.watch(self._resource, version, self._tell))
        try:
            yield
        finally:
            follower.cancel()
            with suppress(asyncio.CancelledError):
                await follower

    async def is_up_to_date(self) -> bool:
        """Tell whether everything that is stored has been seen."""
        return self.shown == _versions((await self._list())["items"])

    async def _list(self) -> Object:
        return await self._side.send("GET", self._side.path(resource=self._resource))

    async def _tell(self, event: Object) -> None:
        seen = Seen(self._resource, event["type"], event["object"])
        metadata = seen.object["metadata"]
        self.shown[metadata["name"]] = metadata["resourceVersion"]
        if seen.type == "DELETED":
            del self.shown[metadata["name"]]
        owned = self._resource == "workflows"
        cron = str((metadata.get("labels") or {}).get(CRON_LABEL) if owned else metadata["name"])
        if cron in self._logs:
            self._logs[cron].entries.append(seen)


def _versions(objects: Sequence[Object]) -> dict[str, str]:
    return {each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in objects}


class Stage:
    """One side with all cases on it.

    Args:
        side: Where.
        pace: The time there.
        cases: What.
    """

    def __init__(self, side: Side, pace: Pace, cases: Sequence[CronCase]) -> None:
        self._side = side
        self._pace = pace
        self._cases = cases
        self._logs = {case.cron: Log() for case in cases}
        self._watches = [Watch(side, resource, self._logs) for resource in RESOURCES]
        now = pace.now()
        begin = now.replace(second=0, microsecond=0) + MINUTE
        self._begin = now if begin - now > MARGIN else begin
        self._calendar = Calendar(begin if begin - now > MARGIN else begin + MINUTE)

    async def play(self) -> dict[str, Object]:
        """Play the cases, delete what they made, and return their stories by name."""
        async with AsyncExitStack() as stack:
            for watch in self._watches:
                await stack.enter_async_context(watch.following())
            try:
                await self._act()
                logs = {name: Log(list(log.entries)) for name, log in self._logs.items()}
            finally:
                await self._clean()
        return {
            case.name: tell(logs[case.cron], self._calendar.fill(case.spec["workflowSpec"]), self._calendar)
            for case in self._cases
        }

    async def _act(self) -> None:
        await self._pass(self._begin)
        for case in self._cases:
            await self._create(case)
        for number in (1, 2):
            minute = self._calendar.minute(number)
            await self._pass(minute - EVE)
            for log in self._logs.values():
                log.entries.append(f"minute {number}")
            await self._pass(minute + SETTLE)
            for case in self._cases:
                await self._do_all(case, case.then if number == 1 else case.later)
        await self._pass(self._pace.now() + SETTLE)

    async def _create(self, case: CronCase) -> None:
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "CronWorkflow",
            "metadata": {**case.metadata, "name": case.cron},
            "spec": case.spec,
            **({"status": case.status} if case.status else {}),
        }
        await self._side.send("POST", self._side.path(resource="cronworkflows"), self._calendar.fill(body))

    async def _do_all(self, case: CronCase, actions: Sequence[Action]) -> None:
        if actions:
            names = ", ".join(type(action).__name__ for action in actions)
            self._logs[case.cron].entries.append(names)
        for action in actions:
            await self._do(case, action)

    async def _do(self, case: CronCase, action: Action) -> None:
        path = self._side.path(case.cron, "cronworkflows")
        match action:
            case Merge(patch):
                await self._side.send("PATCH", path, patch)
            case Delete():
                await self._side.delete(path)
            case ByHand():
                await self._by_hand(case, await self._side.send("GET", path))

    async def _by_hand(self, case: CronCase, cron: Object) -> None:
        owner = {key: cron[key] for key in ("apiVersion", "kind")} | {
            key: cron["metadata"][key] for key in ("name", "uid")
        }
        metadata = {
            "name": f"{case.cron}-by-hand",
            "labels": {CRON_LABEL: case.cron},
            "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": True}],
        }
        body = {"apiVersion": cron["apiVersion"], "kind": "Workflow", "metadata": metadata}
        await self._side.send("POST", self._side.path(), body | {"spec": case.spec["workflowSpec"]})

    async def _pass(self, when: datetime) -> None:
        """Let time pass, and see all that has been stored by then."""
        await self._pace.until(when)
        async with asyncio.timeout(PATIENCE):
            for watch in self._watches:
                while not await watch.is_up_to_date():  # noqa: ASYNC110 - asks the server
                    await asyncio.sleep(POLL)

    async def _clean(self) -> None:
        """Delete the CronWorkflows, let go of their Workflows, and see these go."""
        for case in self._cases:
            await self._side.delete(self._side.path(case.cron, "cronworkflows"))
        shown = self._watches[-1].shown
        for name in [name for name in shown if name.startswith(PREFIX)]:
            with suppress(StoryError):  # it may be gone by now
                await self._side.send("PATCH", self._side.path(name), {"metadata": {"finalizers": None}})
        async with asyncio.timeout(PATIENCE):
            while any(name.startswith(PREFIX) for name in shown):  # noqa: ASYNC110 - once, at the end
                await asyncio.sleep(POLL)


async def play_all(side: Side, pace: Pace, cases: Sequence[CronCase]) -> dict[str, Object]:
    """Play cases at the same time; it takes two to three minutes of the pace.

    Args:
        side: Where.
        pace: The time there.
        cases: What.

    Returns:
        The stories by the cases' names.

    Raises:
        StoryError: An action was refused.
    """
    return await Stage(side, pace, cases).play()
