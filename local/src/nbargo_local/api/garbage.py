"""The garbage collector: what has lost its last owner is deleted, and deletes that wait for dependents are finished.

As kube-controller-manager's: Background is the default; Orphan and Foreground hold the owner by a finalizer until its
dependents are released or gone. An object stays while one of its owners is of a kind that this API does not serve,
because nobody can tell here whether that owner exists. A reference to a lost owner stays in an object that has others.
"""

import copy
from collections.abc import Iterator
from typing import Any

from nbargo_local.api.store import RESOURCES, WORKFLOWS, Event, Preconditions, Resource, Store

_ORPHAN, _FOREGROUND = "orphan", "foregroundDeletion"
_KINDS = {resource.kind: resource for resource in RESOURCES}
_MANAGER = "generic-garbage-collector"


async def collect_garbage(store: Store) -> None:
    """Collect until cancelled, or until the subscription ends.

    Args:
        store: Where the objects are.
    """
    with store.subscribe() as subscription:
        for resource in RESOURCES:
            for obj in store.list(resource):
                _look_at(store, resource, obj)
        async for event in subscription:
            _react(store, event)


def _react(store: Store, event: Event) -> None:
    if event.type != "DELETED":
        _look_at(store, event.resource, event.object)
        return
    for resource, dependent in _dependents(store, event.object):
        _look_at(store, resource, dependent)
    for owner_resource, owner in _owners(store, event.object):
        _look_at(store, owner_resource, owner)


def _look_at(store: Store, resource: Resource, obj: dict[str, Any]) -> None:
    metadata = obj["metadata"]
    current = store.get(resource, metadata["namespace"], metadata["name"])
    if current is None or current["metadata"]["uid"] != metadata["uid"]:
        return
    if "deletionTimestamp" in current["metadata"]:
        _finish(store, resource, current)
    elif _has_lost_every_owner(store, current):
        _delete(store, resource, current)


def _has_lost_every_owner(store: Store, obj: dict[str, Any]) -> bool:
    references = obj["metadata"].get("ownerReferences", [])
    known = [each for each in references if _is_local(each)]
    return bool(references) and len(known) == len(references) and not list(_owners(store, obj))


def _finish(store: Store, resource: Resource, owner: dict[str, Any]) -> None:
    """Release or delete the dependents of an owner that waits for that, then let it go."""
    finalizers = owner["metadata"].get("finalizers", [])
    if _ORPHAN in finalizers:
        for each_resource, dependent in _dependents(store, owner):
            _release(store, each_resource, dependent, owner["metadata"]["uid"])
        _drop_finalizer(store, resource, owner, _ORPHAN)
    elif _FOREGROUND in finalizers:
        for each_resource, dependent in _dependents(store, owner):
            _delete(store, each_resource, dependent)
        if not list(_dependents(store, owner)):
            _drop_finalizer(store, resource, owner, _FOREGROUND)


def _dependents(store: Store, owner: dict[str, Any]) -> list[tuple[Resource, dict[str, Any]]]:
    uid = owner["metadata"]["uid"]
    return [
        (resource, obj)
        for resource in RESOURCES
        for obj in store.list(resource, owner["metadata"]["namespace"])
        if any(each.get("uid") == uid for each in obj["metadata"].get("ownerReferences", []))
    ]


def _owners(store: Store, obj: dict[str, Any]) -> Iterator[tuple[Resource, dict[str, Any]]]:
    for reference in obj["metadata"].get("ownerReferences", []):
        resource = _KINDS.get(reference.get("kind", ""), WORKFLOWS)
        owner = store.get(resource, obj["metadata"]["namespace"], reference.get("name", ""))
        if owner is not None and owner["metadata"]["uid"] == reference.get("uid"):
            yield resource, owner


def _is_local(reference: dict[str, Any]) -> bool:
    group = reference.get("apiVersion", "").partition("/")[0]
    return group == "argoproj.io" and reference.get("kind") in _KINDS


def _delete(store: Store, resource: Resource, obj: dict[str, Any]) -> None:
    metadata = obj["metadata"]
    wanted = Preconditions(uid=metadata["uid"])
    store.delete(resource, metadata["namespace"], metadata["name"], preconditions=wanted)


def _release(store: Store, resource: Resource, obj: dict[str, Any], uid: str) -> None:
    released = copy.deepcopy(obj)
    references = released["metadata"]["ownerReferences"]
    released["metadata"]["ownerReferences"] = [each for each in references if each.get("uid") != uid]
    metadata = obj["metadata"]
    store.update(resource, metadata["namespace"], metadata["name"], released, field_manager=_MANAGER)


def _drop_finalizer(store: Store, resource: Resource, obj: dict[str, Any], name: str) -> None:
    freed = copy.deepcopy(obj)
    freed["metadata"]["finalizers"].remove(name)
    metadata = obj["metadata"]
    store.update(resource, metadata["namespace"], metadata["name"], freed, field_manager=_MANAGER)
