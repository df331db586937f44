"""The control loop: what happens to a workflow or its pods queues its key, and each key is reconciled alone.

Reconciliation is level-based: it looks at what is stored and at what runs, not at what happened. The state is stored
before anything is started for it, so that a controller that dies in between starts nothing twice.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from nbargo_local.api.statuses import ApiError
from nbargo_local.api.store import CRONWORKFLOWS, WORKFLOWS, Event, Preconditions, Resource, Store
from nbargo_local.api.subscriptions import Subscription
from nbargo_local.controller.clock import Clock, SystemClock
from nbargo_local.controller.cron import CronWorkflows, owner_of
from nbargo_local.controller.kubelet import Kubelet, base_environment, default_places
from nbargo_local.controller.locks import Locks, limits_in
from nbargo_local.controller.names import COMPLETED_LABEL, INSTANCE_LABEL, Object
from nbargo_local.controller.operator import Decision, give_up, operate
from nbargo_local.controller.ttl import deletion_time

_log: Final = logging.getLogger(__name__)

GRACE_SECONDS: Final = 10.0
"""How long a pod has between SIGTERM and SIGKILL; Kubernetes gives 30 s, a person at a laptop wants less."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set.

    Args:
        places: How many pods run at once; the others are Pending.
        grace: Seconds between SIGTERM and SIGKILL when a pod is stopped.
        environment: Variables that every pod gets, besides those of its template.
        reaction: Seconds until a new workflow is looked at for the first time. Argo's own queue takes some too, so
            that its clients meet workflows without a status.
        config_maps: The folder that stands for the cluster's ConfigMaps, as `locks.limits_in` reads it; None for none.
    """

    places: int = field(default_factory=default_places)
    grace: float = GRACE_SECONDS
    environment: Mapping[str, str] = field(default_factory=base_environment)
    reaction: float = 0.0
    config_maps: Path | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """The address of an object.

    Args:
        resource: What it is.
        namespace: Where it is.
        name: Its name.
    """

    resource: Resource
    namespace: str
    name: str


class Controller:
    """Argo's workflow-controller for a store, with local processes for pods.

    Use it as an async context manager, or call `run`. On leaving, all processes are stopped and waited for; the
    workflows stay as they are stored, and the next controller goes on with them.

    Args:
        store: The objects.
        workdir: The directory for logs and scripts; at most one controller at a time may use it.
        clock: The clock for all that is time in a workflow.
        settings: What can be set.
    """

    def __init__(
        self, store: Store, *, workdir: Path, clock: Clock | None = None, settings: Settings | None = None
    ) -> None:
        settings = settings or Settings()
        self._store = store
        self._reaction = settings.reaction
        self._clock = clock or SystemClock()
        self._kubelet = Kubelet(
            workdir=workdir,
            clock=self._clock,
            changed=self._pod_changed,
            places=settings.places,
            grace=settings.grace,
            env=settings.environment,
        )
        self._locks = Locks(limits_in(settings.config_maps))
        self._crons = CronWorkflows(store, self._clock)
        self._reconcilers: dict[Resource, Callable[[Key], None]] = {
            WORKFLOWS: self._reconcile_workflow,
            CRONWORKFLOWS: self._reconcile_cron,
        }
        self._queue: deque[Key] = deque()
        self._wake = asyncio.Event()
        self._timers: dict[Key, asyncio.Task[None]] = {}
        self._owners: dict[str, Key] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Take over the workflows that are there, and go on from them."""
        await self._kubelet.open()
        events = self._store.subscribe()
        for resource in self._reconcilers:
            for found in self._store.list(resource):
                if resource == WORKFLOWS:
                    self._locks.restore(found)
                self._enqueue(_key(resource, found))
        self._tasks = [
            asyncio.create_task(self._follow(events), name="local controller: events"),
            asyncio.create_task(self._work(), name="local controller: reconcile"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop reconciling, then stop every process and wait until it is gone."""
        tasks = [*self._tasks, *self._timers.values()]
        self._timers.clear()
        for task in tasks:
            task.cancel()
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            await self._kubelet.close()

    async def run(self) -> None:
        """Be the controller until cancelled."""
        async with self:
            await asyncio.gather(*self._tasks)

    async def _follow(self, events: Subscription[Event]) -> None:
        with events:
            async for event in events:
                if event.resource not in self._reconcilers:
                    continue
                key = _key(event.resource, event.object)
                if self._reaction and event.type == "ADDED":
                    asyncio.get_running_loop().call_later(self._reaction, self._enqueue, key)
                else:
                    self._enqueue(key)
                if event.resource == WORKFLOWS and (owner := owner_of(event.object)) is not None:
                    self._enqueue(Key(CRONWORKFLOWS, key.namespace, owner["name"]))

    async def _work(self) -> None:
        while True:
            while self._queue:
                key = self._queue.popleft()
                try:
                    self._reconcilers[key.resource](key)
                except Exception:  # noqa: BLE001 - one object must not end all
                    _log.exception("%s %s could not be reconciled", key.resource.kind, key.name)
                await asyncio.sleep(0)  # everybody else gets a turn between two keys
            self._wake.clear()
            await self._wake.wait()

    def _enqueue(self, key: Key) -> None:
        if key not in self._queue:
            self._queue.append(key)
        self._wake.set()

    def _enqueue_at(self, key: Key, when: datetime | None) -> None:
        """Have a key reconciled at a time; the time that was set before for it is void."""
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        if when is not None:
            self._timers[key] = asyncio.create_task(self._later(key, when), name=f"timer {key.name}")

    async def _later(self, key: Key, when: datetime) -> None:
        await self._clock.sleep_until(when)
        self._timers.pop(key, None)
        self._enqueue(key)

    def _pod_changed(self, uid: str) -> None:
        if (key := self._owners.get(uid)) is not None:
            self._enqueue(key)

    def _reconcile_workflow(self, key: Key) -> None:
        workflow = self._store.get(key.resource, key.namespace, key.name)
        uid = workflow["metadata"]["uid"] if workflow is not None else ""
        self._drop_strangers(key, uid)
        if workflow is None or INSTANCE_LABEL in (workflow["metadata"].get("labels") or {}):
            self._enqueue_at(key, None)
            return
        self._owners[uid] = key
        if (workflow["metadata"].get("labels") or {}).get(COMPLETED_LABEL) == "true":
            self._collect(key, workflow)
        else:
            self._advance(key, workflow)

    def _reconcile_cron(self, key: Key) -> None:
        self._enqueue_at(key, self._crons.reconcile(key.namespace, key.name))

    def _drop_strangers(self, key: Key, uid: str) -> None:
        """End the pods of workflows that had this key before and are gone: they go with their owner."""
        for other in [each for each, owner in self._owners.items() if owner == key and each != uid]:
            self._kubelet.forget_all(other)
            del self._owners[other]
            self._release(key)

    def _release(self, key: Key) -> None:
        for namespace, name in self._locks.release(key.namespace, key.name):
            self._enqueue(Key(WORKFLOWS, namespace, name))

    def _collect(self, key: Key, workflow: Object) -> None:
        """Drop the pods of a workflow that is done, and delete it when its time to live is over."""
        uid = workflow["metadata"]["uid"]
        self._kubelet.forget_all(uid)
        self._release(key)
        when = deletion_time(workflow)
        if when is None or when > self._clock.now():
            self._enqueue_at(key, when)
            return
        self._enqueue_at(key, None)
        with suppress(ApiError):  # somebody else deleted it; the event of that brings the key back
            self._store.delete(key.resource, key.namespace, key.name, preconditions=Preconditions(uid=uid))

    def _advance(self, key: Key, workflow: Object) -> None:
        uid = workflow["metadata"]["uid"]
        decision = self._decide(workflow, self._clock.now())
        if decision.workflow is not None and not self._persist(key, workflow, decision.workflow):
            return
        for node in decision.forget:
            self._kubelet.forget(uid, node)
        for node in decision.stop:
            self._kubelet.stop(uid, node)
        for spec in decision.start:
            self._kubelet.start(spec)
        self._enqueue_at(key, decision.wake)

    def _decide(self, workflow: Object, now: datetime) -> Decision:
        pods = self._kubelet.statuses(workflow["metadata"]["uid"])
        try:
            return operate(workflow, pods, now, locks=self._locks)
        except Exception as error:  # noqa: BLE001 - one workflow that is not even of the right shape must not end all
            _log.warning("workflow %s cannot be processed", workflow["metadata"]["name"], exc_info=error)
            return give_up(workflow, pods, now, locks=self._locks, why=f"{type(error).__name__}: {error}")

    def _persist(self, key: Key, workflow: Object, state: Object) -> bool:
        """Store a workflow's next state; return False if nothing is to be done for it."""
        try:
            self._store.update(key.resource, key.namespace, key.name, state)
        except ApiError as error:
            if error.code in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
                self._enqueue(key)  # it changed meanwhile: decide anew on what it is now
            else:
                self._give_up(key, workflow, str(error))
            return False
        return True

    def _give_up(self, key: Key, workflow: Object, why: str) -> None:
        """End a workflow whose state the store does not take, such as one that has become too large."""
        uid = workflow["metadata"]["uid"]
        pods, now = self._kubelet.statuses(uid), self._clock.now()
        decision = give_up(workflow, pods, now, locks=self._locks, why=why)
        self._kubelet.forget_all(uid)
        if decision.workflow is not None:
            self._store.update(key.resource, key.namespace, key.name, decision.workflow)


def _key(resource: Resource, found: Object) -> Key:
    return Key(resource, found["metadata"].get("namespace", ""), found["metadata"]["name"])
