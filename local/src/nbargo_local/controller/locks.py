"""Semaphores and mutexes of whole workflows: who holds them, who waits, and in which order (workflow/sync of Argo 3.7).

The locks are in memory, as Argo's are. What a workflow's status says that it holds is taken up again by the next
controller; who waits asks anew. Asking again changes nothing, so a decision that was lost is made again.
"""

import bisect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nbargo_local.controller.names import Object

LimitOf = Callable[[str, str], int]
"""Returns how many may hold a semaphore, from the name of its ConfigMap and the key in that; 0 if nothing says so."""

_NUMBER: Final = re.compile(r"[+-]?[0-9]+")
_PLAIN_NAME: Final = re.compile(r"[-._A-Za-z0-9]*[-_A-Za-z0-9][-._A-Za-z0-9]*")
_FAILED: Final = "Failed to acquire the synchronization lock. "


class LockError(Exception):
    """The locks cannot be had, now or ever; the text is Argo's, and the workflow fails with it."""

    def __init__(self, why: str) -> None:
        super().__init__(_FAILED + why)


def limits_in(folder: Path | None) -> LimitOf:
    """Return how limits are read from a folder with a folder for each ConfigMap and in that a file for each key.

    Args:
        folder: The folder, which is laid out as Kubernetes mounts ConfigMaps; None if there are none.
    """

    def limit_of(config_map: str, key: str) -> int:
        if folder is None or not _PLAIN_NAME.fullmatch(config_map) or not _PLAIN_NAME.fullmatch(key):
            return 0
        try:
            text = (folder / config_map / key).read_text()
        except (OSError, UnicodeDecodeError):
            return 0
        return int(text) if _NUMBER.fullmatch(text) else 0

    return limit_of


@dataclass(frozen=True, slots=True)
class _Item:
    """A lock that a workflow asks for.

    Args:
        kind: `semaphore` or `mutex`, its name in the status.
        name: Argo's name for it.
        reference: The ConfigMap and the key of a semaphore; None for a mutex.
    """

    kind: str
    name: str
    reference: tuple[str, str] | None


@dataclass(slots=True)
class _Lock:
    """A lock with those who hold it and those who wait, the first first."""

    holders: list[str] = field(default_factory=list)
    waiting: list[tuple[int, str, int, str]] = field(default_factory=list)

    def remove(self, holder: str) -> bool:
        """Forget a workflow; return whether it was known."""
        known = len(self.holders) + len(self.waiting)
        self.holders = [each for each in self.holders if each != holder]
        self.waiting = [each for each in self.waiting if each[-1] != holder]
        return known != len(self.holders) + len(self.waiting)


def wanted(workflow: Object) -> list[_Item]:
    """Return the locks that a workflow asks for as a whole.

    Raises:
        LockError: It asks for one twice, or for one without a name.
    """
    asked = workflow["spec"].get("synchronization") or {}
    semaphores = [asked["semaphore"]] if asked.get("semaphore") else []
    mutexes = [asked["mutex"]] if asked.get("mutex") else []
    namespace = workflow["metadata"]["namespace"]
    items = [
        *(_semaphore(each, namespace) for each in semaphores),
        *(_mutex(each, namespace) for each in mutexes),
        *(_semaphore(each, namespace) for each in asked.get("semaphores") or ()),
        *(_mutex(each, namespace) for each in asked.get("mutexes") or ()),
    ]
    if len(set(items)) != len(items):
        raise LockError("requested configuration is invalid: duplicate synchronization item found")
    return items


def _semaphore(semaphore: Object, namespace: str) -> _Item:
    reference = semaphore.get("configMapKeyRef")
    if not reference:
        why = "cannot get LockName for a Semaphore without a ConfigMapRef or Database"
        raise LockError(f"requested configuration is invalid: {why}")
    config_map, key = reference.get("name", ""), reference.get("key", "")
    return _Item("semaphore", f"{namespace}/ConfigMap/{config_map}/{key}", (config_map, key))


def _mutex(mutex: Object, namespace: str) -> _Item:
    return _Item("mutex", f"{namespace}/Mutex/{mutex.get('name', '')}", None)


def _holder(workflow: Object) -> str:
    return f"{workflow['metadata']['namespace']}/{workflow['metadata']['name']}"


class Locks:
    """The locks of all workflows.

    Args:
        limit_of: How many may hold a semaphore; asked anew each time, as limits may change.
    """

    def __init__(self, limit_of: LimitOf) -> None:
        self._limit_of = limit_of
        self._locks: dict[str, _Lock] = {}
        self._order = 0

    def restore(self, workflow: Object) -> None:
        """Take up what a workflow held when the controller before this one ended.

        Args:
            workflow: The Workflow, as it is stored.
        """
        status = workflow.get("status") or {}
        if status.get("phase") != "Running":
            return
        held = status.get("synchronization") or {}
        for kind in ("semaphore", "mutex"):
            for holding in (held.get(kind) or {}).get("holding") or ():
                self._locks.setdefault(holding[kind], _Lock()).holders.append(_holder(workflow))

    def acquire(self, workflow: Object, status: Object) -> str:
        """Take all locks that a workflow asks for, or none of them.

        Args:
            workflow: The Workflow.
            status: Its status; `synchronization` is brought up to date.

        Returns:
            An empty text if it has them; else what it waits for.

        Raises:
            LockError: It cannot have them.
        """
        items, holder = wanted(workflow), _holder(workflow)
        for item in items:
            self._queue(item, workflow, holder)
        why = next((why for item in items if (why := self._why_not(item, holder))), "")
        shown = status.setdefault("synchronization", {})
        for item in items:
            lock = self._locks[item.name]
            if not why and holder not in lock.holders:
                lock.holders.append(holder)
                lock.waiting = [each for each in lock.waiting if each[-1] != holder]
            _show(shown.setdefault(item.kind, {}), item, lock, holder, waits=bool(why))
        return why

    def release(self, namespace: str, name: str) -> list[tuple[str, str]]:
        """Let go what a workflow holds or waits for.

        Args:
            namespace: The Workflow's.
            name: Its name.

        Returns:
            The namespaces and names of the workflows to look at again, those whose turn is first first.
        """
        released = [lock for lock in self._locks.values() if lock.remove(f"{namespace}/{name}")]
        holders = (holder.partition("/") for lock in released for *_, holder in lock.waiting)
        return [(first, second) for first, _, second in holders]

    def _queue(self, item: _Item, workflow: Object, holder: str) -> None:
        if item.name not in self._locks:
            if self._limit(item) <= 0:
                raise LockError(f"failed to initialize semaphore {item.name} with limit")
            self._locks[item.name] = _Lock()
        lock = self._locks[item.name]
        if holder in lock.holders or any(each[-1] == holder for each in lock.waiting):
            return
        self._order += 1
        priority = workflow["spec"].get("priority") or 0
        bisect.insort(lock.waiting, (-priority, workflow["metadata"]["creationTimestamp"], self._order, holder))

    def _limit(self, item: _Item) -> int:
        return 1 if item.reference is None else self._limit_of(*item.reference)

    def _why_not(self, item: _Item, holder: str) -> str:
        """Return why a workflow cannot have a lock now; empty if it can, or has it."""
        lock, limit = self._locks[item.name], self._limit(item)
        if holder in lock.holders:
            return ""
        if limit == 0:
            return f"Failed to get semaphore limit for {item.name}"
        if lock.waiting[0][-1] != holder or len(lock.holders) >= limit:
            return f"Waiting for {item.name} lock. Lock status: {limit - len(lock.holders)}/{limit}"
        return ""


def _show(shown: Object, item: _Item, lock: _Lock, holder: str, *, waits: bool) -> None:
    """Write into the status who holds a lock; like Argo, with what was waited for once left in it."""
    known = shown.get("waiting" if waits else "holding", [])
    if item.kind == "mutex":
        if waits and not lock.holders:
            return
        entry: Object = {"mutex": item.name, "holder": lock.holders[0] if waits else holder}
    else:
        entry = {"semaphore": item.name, "holders": sorted(lock.holders) if waits else [holder]}
    others = [each for each in known if each[item.kind] != item.name]
    shown["waiting" if waits else "holding"] = [*others, entry]
