"""JSON merge patch (RFC 7386) and JSON patch (RFC 6902), as pure functions.

Where the real server's library (evanphx/json-patch) is laxer than RFC 6902, so is this: a missing value is null, a
replaced key need not be there, an index may be negative. A path without its leading slash is refused here.
"""

import copy
import json
import re
from typing import Any

from nbargo_local.api.schema import go_type
from nbargo_local.api.statuses import bad_request, patch_rejected

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"

_OPERATIONS = {"add", "remove", "replace", "move", "copy", "test"}


class _MisfitError(Exception):
    """An operation does not fit the document."""


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a merge patch: objects merge, null removes, anything else replaces.

    Args:
        target: Any JSON value; it is not changed.
        patch: The patch, any JSON value.

    Returns:
        A new value, which may share parts with both arguments.
    """
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def json_patch(target: dict[str, Any], patch: list[Any]) -> Any:
    """Apply the operations of a JSON patch in order; all of them or none.

    Args:
        target: The document; it is not changed.
        patch: The operations.

    Returns:
        A new document.

    Raises:
        ApiError: 400 when an operation is malformed, 422 when one does not fit the document.
    """
    document: Any = {"": copy.deepcopy(target)}
    for operation in patch:
        _check_shape(operation)
        try:
            _apply(document, operation)
        except _MisfitError as error:
            raise patch_rejected() from error
    return document[""]


def _check_shape(operation: Any) -> None:
    if not isinstance(operation, dict):
        found = f"json: cannot unmarshal {go_type(operation)}"
        raise bad_request(f"error decoding patch: {found} into Go value of type handlers.jsonPatchOp")
    name = operation.get("op")
    if name not in _OPERATIONS:
        raise patch_rejected()
    needed = ["path", *(["from"] if name in {"move", "copy"} else [])]
    if any(not isinstance(operation.get(key), str) for key in needed):
        raise patch_rejected()


def _apply(document: Any, operation: dict[str, Any]) -> None:
    path = _parts(operation["path"])
    match operation["op"]:
        case "add":
            _add(document, path, copy.deepcopy(operation.get("value")))
        case "remove":
            _remove(document, path)
        case "replace":
            _replace(document, path, copy.deepcopy(operation.get("value")))
        case "test":
            if _canonical(_get(document, path)) != _canonical(operation.get("value")):
                raise _MisfitError
        case "move":
            source = _parts(operation["from"])
            if path[: len(source)] == source and path != source:
                raise _MisfitError
            value = _get(document, source)
            _remove(document, source)
            _add(document, path, value)
        case _:
            _add(document, path, copy.deepcopy(_get(document, _parts(operation["from"]))))


def _canonical(value: Any) -> str:
    """Write a value so that 1, 1.0 and true differ as in JSON, which Python's == does not tell."""
    return json.dumps(value, sort_keys=True)


def _parts(pointer: str) -> list[str]:
    if pointer and not pointer.startswith("/"):
        raise _MisfitError
    # The document hangs below one empty key, so that the whole of it has a parent too.
    return [part.replace("~1", "/").replace("~0", "~") for part in f"{pointer}".split("/")]


def _step(container: Any, part: str) -> Any:
    if isinstance(container, dict) and part in container:
        return container[part]
    if isinstance(container, list):
        return container[_index(part, limit=len(container) - 1)]
    raise _MisfitError


def _index(part: str, *, limit: int) -> int:
    """Read a list's index; a negative one counts from the end, an extension that the real server has."""
    if not re.fullmatch(r"-?(0|[1-9][0-9]*)", part):
        raise _MisfitError
    index = int(part) if int(part) >= 0 else int(part) + limit + 1
    if not 0 <= index <= limit:
        raise _MisfitError
    return index


def _get(document: Any, path: list[str]) -> Any:
    for part in path:
        document = _step(document, part)
    return document


def _add(document: Any, path: list[str], value: Any) -> None:
    parent, part = _get(document, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[part] = value
    elif isinstance(parent, list):
        at = len(parent) if part == "-" else _index(part, limit=len(parent))
        parent.insert(at, value)
    else:
        raise _MisfitError


def _remove(document: Any, path: list[str]) -> None:
    parent, part = _get(document, path[:-1]), path[-1]
    _step(parent, part)
    if isinstance(parent, dict):
        del parent[part]
    else:
        del parent[_index(part, limit=len(parent) - 1)]


def _replace(document: Any, path: list[str], value: Any) -> None:
    """Set a value; a key that an object does not have is added, as by the real server's library."""
    parent, part = _get(document, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[part] = value
    else:
        _remove(document, path)
        _add(document, path, value)
