"""The objects of the local Argo: one revision counter, the objects by key, and a bounded window of events.

No I/O happens here. A store is used from one asyncio loop; each method finishes before anything else runs, so a write
and its event are one step. Objects are plain JSON dicts and are never changed once stored: every write stores a new
copy, so what `get`, `list` and events hand out may be kept, and must not be modified.
"""

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Literal

from nbargo_local.api import objects
from nbargo_local.api.managedfields import track
from nbargo_local.api.objects import Preconditions
from nbargo_local.api.patches import JSON_PATCH, MERGE_PATCH, json_patch, merge_patch
from nbargo_local.api.schema import (
    CRONWORKFLOWS,
    RESOURCES,
    WORKFLOWS,
    Resource,
    normalised,
    normalised_patched,
)
from nbargo_local.api.selectors import Selector
from nbargo_local.api.statuses import (
    already_exists,
    bad_request,
    internal,
    not_found,
    unsupported_media_type,
)
from nbargo_local.api.subscriptions import Subscription
from nbargo_local.api.window import Event, EventType, Window

__all__ = [
    "CRONWORKFLOWS",
    "RESOURCES",
    "WORKFLOWS",
    "Event",
    "Preconditions",
    "Resource",
    "Store",
    "Subscription",
]

CONTROLLER = "workflow-controller"
"""The field manager of in-process writes: the name of Argo's own controller."""

_OBJECT_LIMIT = 3 * 512 * 1024
"""Bytes that etcd accepts in one request (its --max-request-bytes, 1.5 MiB)."""

_ORPHAN, _FOREGROUND = "orphan", "foregroundDeletion"

Propagation = Literal["Background", "Foreground", "Orphan"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Store:
    """Objects by key, with the semantics of a kube-apiserver's storage.

    Args:
        window: How many events of each resource are kept for watches that start in the past.
        now: The clock, an aware datetime.
    """

    def __init__(self, *, window: int = 1000, now: Callable[[], datetime] = _utc_now) -> None:
        self.revision = 1  # as an empty etcd; 0 means "any version" in requests
        self._now = now
        self._objects: dict[Resource, dict[str, dict[str, Any]]] = {resource: {} for resource in RESOURCES}
        self._windows = {resource: Window(window, self.revision) for resource in RESOURCES}
        self._subscriptions: list[Subscription[Event]] = []

    def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        """Return the object, or None when there is none of that name."""
        return self._objects[resource].get(f"{namespace}/{name}")

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
    ) -> list[dict[str, Any]]:
        """Return the objects that match, ordered by namespace and name.

        Args:
            resource: What to list.
            namespace: Where; None for everywhere.
            label_selector: As in a request's labelSelector; empty for all.
            field_selector: As in a request's fieldSelector; empty for all.

        Raises:
            ApiError: 400, a selector is not valid.
        """
        selector = Selector.parse(namespace, labels=label_selector, fields=field_selector)
        found = self._objects[resource]
        return [found[key] for key in sorted(found) if selector.matches(found[key])]

    def snapshot(self, resource: Resource, revision: int) -> dict[str, dict[str, Any]]:
        """Rebuild the objects of a resource as they were at a revision.

        Args:
            resource: What to rebuild.
            revision: A revision of this store, not above the present one.

        Returns:
            The objects by `namespace/name`.

        Raises:
            ApiError: 410, the events that it takes are gone.
        """
        return self._windows[resource].rewind(self._objects[resource], revision)

    def floor(self, resource: Resource) -> int:
        """Return the oldest revision that a watch can still start from."""
        return self._windows[resource].floor

    def events_after(self, resource: Resource, revision: int) -> Iterator[Event]:
        """Yield the kept events of a resource above a revision, in order."""
        return self._windows[resource].after(revision)

    def create(
        self,
        resource: Resource,
        namespace: str,
        body: dict[str, Any],
        *,
        field_manager: str = CONTROLLER,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Create an object, with the fields that the server sets.

        Args:
            resource: What it is.
            namespace: Where it is to be.
            body: The object; it is copied.
            field_manager: Who writes, for managedFields.
            dry_run: Check and answer, but store nothing.

        Returns:
            The object as stored.

        Raises:
            ApiError: 400, 409 for a name that is taken, 422 for an object that is not valid.
        """
        body = normalised(body, resource)
        metadata = body["metadata"]
        if metadata.pop("resourceVersion", "") not in {"", "0"}:
            raise internal("resourceVersion should not be set on objects to be created")
        if metadata.get("namespace", namespace) != namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        time = self._time()
        body["metadata"] = objects.initial_metadata(metadata, namespace, time)
        if not metadata.get("name") and metadata.get("generateName"):
            body["metadata"]["name"] = objects.free_name(
                metadata["generateName"], lambda name: self.get(resource, namespace, name) is not None
            )
        objects.check_create(body, resource)
        name = body["metadata"]["name"]
        if (taken := self.get(resource, namespace, name)) is not None:
            raise already_exists(resource.plural, name, leaving="deletionTimestamp" in taken["metadata"])
        body["metadata"]["managedFields"] = track(body, None, manager=field_manager, time=time)
        return body if dry_run else self._commit("ADDED", resource, body, None)

    def update(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: dict[str, Any],
        *,
        field_manager: str = CONTROLLER,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Replace an object, as PUT does.

        Args:
            resource: What it is.
            namespace: Where it is.
            name: Its name.
            body: The whole new object, with the resourceVersion that it was made from; it is copied.
            field_manager: Who writes, for managedFields.
            dry_run: Check and answer, but store nothing.

        Returns:
            The object as stored; unchanged, with its old resourceVersion, when nothing differs.

        Raises:
            ApiError: 404, 409 for a stale resourceVersion or another uid, 422 for an object that is not valid.
        """
        body = normalised(body, resource)
        old = self.get(resource, namespace, name)
        if old is None:
            raise not_found(resource.plural, name)
        objects.check_same_object(body, old, resource)
        return self._replace(resource, body, old, field_manager=field_manager, dry_run=dry_run)

    def patch(  # noqa: PLR0913 - the object's address is three of them
        self,
        resource: Resource,
        namespace: str,
        name: str,
        patch: Any,
        *,
        content_type: str = MERGE_PATCH,
        field_manager: str = CONTROLLER,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Patch an object with a merge patch or a JSON patch.

        Args:
            resource: What it is.
            namespace: Where it is.
            name: Its name.
            patch: The decoded patch: an object for a merge patch, a list for a JSON patch.
            content_type: Which of the two it is.
            field_manager: Who writes, for managedFields.
            dry_run: Check and answer, but store nothing.

        Returns:
            The object as stored; unchanged, with its old resourceVersion, when nothing differs.

        Raises:
            ApiError: 404, 409 for a resourceVersion in the patch that is stale, 415 for another kind of patch, 422.
        """
        patched = self.patched(resource, (namespace, name), patch, content_type=content_type)
        objects.check_patched(patched, (namespace, name))
        body = normalised_patched(patched)
        old = self._objects[resource][f"{namespace}/{name}"]
        return self._replace(resource, body, old, field_manager=field_manager, dry_run=dry_run)

    def patched(self, resource: Resource, address: tuple[str, str], patch: Any, *, content_type: str) -> Any:
        """Return what a patch makes of an object, before anything is checked, and store nothing.

        Args:
            resource: What it is.
            address: Its namespace and name.
            patch: The decoded patch.
            content_type: Which kind of patch it is.

        Raises:
            ApiError: 404, 415 for another kind of patch, 422 for a JSON patch that does not fit.
        """
        if content_type not in {MERGE_PATCH, JSON_PATCH}:
            raise unsupported_media_type([JSON_PATCH, MERGE_PATCH])
        old = self.get(resource, *address)
        if old is None:
            raise not_found(resource.plural, address[1])
        return merge_patch(old, patch) if content_type == MERGE_PATCH else json_patch(old, patch)

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        preconditions: Preconditions | None = None,
        propagation: Propagation = "Background",
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Delete an object, or mark it when finalizers hold it.

        Args:
            resource: What it is.
            namespace: Where it is.
            name: Its name.
            preconditions: What must hold for it; None for nothing.
            propagation: What becomes of its dependents; other than Background, a finalizer waits for the collector.
            dry_run: Check and answer, but delete nothing.

        Returns:
            The last object: still there, and marked, if it carries a deletionTimestamp; else gone.

        Raises:
            ApiError: 404, 409 for a precondition that does not hold.
        """
        old = self.get(resource, namespace, name)
        if old is None:
            raise not_found(resource.plural, name)
        objects.check_preconditions(old, resource, preconditions or Preconditions())
        waits = {"Orphan": [_ORPHAN], "Foreground": [_FOREGROUND]}.get(propagation, [])
        finalizers = [*old["metadata"].get("finalizers", []), *waits]
        if not finalizers:
            return old if dry_run else self._remove(resource, old)
        if "deletionTimestamp" in old["metadata"]:
            return old
        body = copy.deepcopy(old)
        body["metadata"] |= {
            "deletionTimestamp": self._time(),
            "deletionGracePeriodSeconds": 0,
            "finalizers": finalizers,
            "generation": old["metadata"]["generation"] + 1,
        }
        return body if dry_run else self._commit("MODIFIED", resource, body, old)

    def subscribe(self, *, limit: int | None = None) -> Subscription[Event]:
        """Follow every write from now on, of all resources, in order and without loss.

        Args:
            limit: How many events may wait for the reader before the subscription is closed; None for any number.

        Returns:
            A subscription, also a context manager; close it, or its events pile up.
        """
        subscription: Subscription[Event] = Subscription(self._subscriptions.remove, limit=limit)
        self._subscriptions.append(subscription)
        return subscription

    def compact(self) -> None:
        """Forget every event, so that watches and pages from before now get 410."""
        for window in self._windows.values():
            window.clear(self.revision)

    def dump(self) -> dict[str, Any]:
        """Return the state as JSON: the revision counter and the objects; not the event window."""
        return {
            "revision": self.revision,
            "objects": {resource.plural: list(found.values()) for resource, found in self._objects.items()},
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take over a dumped state; the event window starts empty, as after a restart of a real server.

        Args:
            state: What `dump` returned.

        Raises:
            KeyError: A part is missing.
            TypeError: A part has another type.
            ValueError: The parts do not fit together.
        """
        loaded = {resource: objects.by_key(state["objects"].get(resource.plural, [])) for resource in RESOURCES}
        newest = max(
            (objects.revision_of(each) for found in loaded.values() for each in found.values()),
            default=1,
        )
        if not isinstance(state["revision"], int) or state["revision"] < newest:
            raise ValueError("the revision is older than an object")
        self._objects, self.revision = loaded, state["revision"]
        self.compact()

    def _replace(
        self,
        resource: Resource,
        body: dict[str, Any],
        old: dict[str, Any],
        *,
        field_manager: str,
        dry_run: bool,
    ) -> dict[str, Any]:
        objects.check_version(body, old, resource)
        objects.keep_server_fields(body, old)
        objects.check_update(body, old, resource)
        if objects.same(body, old):
            return old
        time = self._time()
        body["metadata"]["managedFields"] = track(body, old, manager=field_manager, time=time)
        if not body["metadata"]["managedFields"]:
            del body["metadata"]["managedFields"]
        if dry_run:
            return body
        if "deletionTimestamp" in body["metadata"] and not body["metadata"].get("finalizers"):
            self._remove(resource, old)
            return body
        return self._commit("MODIFIED", resource, body, old)

    def _remove(self, resource: Resource, old: dict[str, Any]) -> dict[str, Any]:
        return self._commit("DELETED", resource, {**old, "metadata": dict(old["metadata"])}, old)

    def _commit(
        self,
        event_type: EventType,
        resource: Resource,
        body: dict[str, Any],
        previous: dict[str, Any] | None,
    ) -> dict[str, Any]:
        if event_type != "DELETED" and len(json.dumps(body)) > _OBJECT_LIMIT:
            raise internal("etcdserver: request is too large")
        self.revision += 1
        body["metadata"]["resourceVersion"] = str(self.revision)
        key = objects.key_of(body)
        if event_type == "DELETED":
            del self._objects[resource][key]
        else:
            self._objects[resource][key] = body
        event = Event(event_type, resource, body, previous, self.revision)
        self._windows[resource].append(event)
        for subscription in tuple(self._subscriptions):
            subscription.push(event)
        return body

    def _time(self) -> str:
        return self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
