"""Who set which field: `metadata.managedFields`, for the Workflow CRD's schema.

The CRD declares spec and status as atomic maps (x-kubernetes-map-type: atomic), so each of them is one field; labels
and annotations are owned key by key, finalizers and owner references item by item.
Only operation Update is known, because server-side apply is not supported here.
"""

import json
from typing import Any

from nbargo_local.api.statuses import API_VERSION

FieldPath = tuple[str, ...]

_ITSELF = "."
_WITH_ITEMS = {("f:metadata", f"f:{name}") for name in ("labels", "annotations", "finalizers", "ownerReferences")}

MANAGER_LIMIT = 128
"""Characters of a field manager's name."""


def manager_of_user_agent(user_agent: str) -> str:
    """Name the manager of a request that names none: the User-Agent up to its first slash.

    Args:
        user_agent: The header; may be empty.
    """
    first = user_agent.split("/", maxsplit=1)[0]
    printable = "".join(each for each in first if each.isprintable())
    return printable[:MANAGER_LIMIT] or "unknown"


def track(new: dict[str, Any], old: dict[str, Any] | None, *, manager: str, time: str) -> list[dict[str, Any]]:
    """Compute managedFields after a write.

    Args:
        new: The object to be stored, with the entries that were there before; none end the tracking.
        old: The object as it was; None for a creation.
        manager: Who writes.
        time: When, as an RFC 3339 string of whole seconds.

    Returns:
        The entries, ordered by time and then by manager.
    """
    now, before = _fields(new), _fields(old or {})
    taken = {path for path, value in now.items() if path not in before or before[path] != value}
    tracked = new["metadata"].get("managedFields", [])
    if old is not None and not tracked:
        return []
    entries: list[dict[str, Any]] = []
    written = False
    for entry in tracked:
        owned = _paths(entry["fieldsV1"])
        mine = entry["manager"] == manager
        kept = (owned | taken if mine else owned - taken) & now.keys()
        if kept:
            stamp = time if mine else entry["time"]
            entries.append(_entry(entry["manager"], kept, stamp))
        written |= mine
    if taken and not written:
        entries.append(_entry(manager, taken, time))
    return sorted(entries, key=lambda entry: (entry["time"], entry["manager"]))


def _entry(manager: str, paths: set[FieldPath], time: str) -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": "Update",
        "apiVersion": API_VERSION,
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": _tree(paths),
    }


def _fields(obj: dict[str, Any]) -> dict[FieldPath, str]:
    """Flatten an object into its owned fields and their values."""
    metadata = obj.get("metadata", {})
    fields: dict[FieldPath, str] = {}
    for name, items in _owned_items(metadata).items():
        fields["f:metadata", f"f:{name}", _ITSELF] = ""
        fields |= {("f:metadata", f"f:{name}", key): value for key, value in items.items()}
    if "generateName" in metadata:
        fields["f:metadata", "f:generateName"] = metadata["generateName"]
    for name in ("spec", "status"):
        if name in obj:
            fields[f"f:{name}",] = json.dumps(obj[name], sort_keys=True)
    return fields


def _owned_items(metadata: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Name the items of the parts that are owned item by item, and their values."""
    maps = {name: metadata[name] for name in ("labels", "annotations") if name in metadata}
    items: dict[str, dict[str, str]] = {
        name: {f"f:{key}": value for key, value in entries.items()} for name, entries in maps.items()
    }
    if "finalizers" in metadata:
        items["finalizers"] = {f"v:{json.dumps(each)}": "" for each in metadata["finalizers"]}
    if "ownerReferences" in metadata:
        items["ownerReferences"] = {
            f"k:{json.dumps({'uid': each.get('uid', '')}, separators=(',', ':'))}": json.dumps(each, sort_keys=True)
            for each in metadata["ownerReferences"]
        }
    return items


def _tree(paths: set[FieldPath]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in sorted(paths):
        node = tree
        for part in path:
            node = node.setdefault(part, {})
    # A map or list of which nothing but itself is owned is written as a leaf.
    for name, items in tree.get("f:metadata", {}).items():
        if items == {_ITSELF: {}}:
            tree["f:metadata"][name] = {}
    return tree


def _paths(tree: dict[str, Any], prefix: FieldPath = ()) -> set[FieldPath]:
    if not tree:
        return {(*prefix, _ITSELF) if prefix in _WITH_ITEMS else prefix}
    return {path for key, child in tree.items() for path in _paths(child, (*prefix, key))}
