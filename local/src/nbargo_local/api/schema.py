"""What an object of the Argo API may hold: its resource and its schema, and how a request's body becomes one.

The schema is that of Argo's minimal CRDs: apiVersion, kind, metadata, spec and status, where spec is required and spec
and status are objects of any content. Other top-level fields are pruned, as the real server does.
"""

import copy
import json
from dataclasses import dataclass
from typing import Any

from nbargo_local.api.statuses import (
    API_VERSION,
    VERSION,
    ApiError,
    Cause,
    bad_request,
    invalid,
    invalid_value,
    quoted,
    required,
)


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of argoproj.io/v1alpha1.

    Args:
        plural: Its name in paths.
        kind: Its kind in objects.
    """

    plural: str
    kind: str


WORKFLOWS = Resource("workflows", "Workflow")
CRONWORKFLOWS = Resource("cronworkflows", "CronWorkflow")
RESOURCES = (WORKFLOWS, CRONWORKFLOWS)

_TOP_LEVEL = ("apiVersion", "kind", "metadata", "spec", "status")
_STRINGS = ("name", "namespace", "generateName", "uid", "resourceVersion")
_STRING_MAPS = ("labels", "annotations")
_LISTS = {"finalizers": str, "ownerReferences": dict}
SERVER_FIELDS = (
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "managedFields",
)
_METADATA = (*_STRINGS, *_STRING_MAPS, *_LISTS, *SERVER_FIELDS)


def unknown_fields(body: dict[str, Any]) -> list[str]:
    """Name the fields of a request's body that the schema does not know and that will be pruned."""
    metadata = body.get("metadata")
    nested = sorted({*metadata} - {*_METADATA, "selfLink"}) if isinstance(metadata, dict) else []
    return [*(f"metadata.{key}" for key in nested), *sorted({*body} - {*_TOP_LEVEL})]


def normalised(body: Any, resource: Resource) -> dict[str, Any]:
    """Copy a request's object, without what the schema does not know.

    Args:
        body: The decoded body.
        resource: What the request's path says that it is.

    Returns:
        A deep copy, whose metadata is an object with fields of the right types.

    Raises:
        ApiError: 400, it is not an object of this API at all.
    """
    if not isinstance(body, dict) or not isinstance(body.get("kind"), str) or not body["kind"]:
        raise bad_request(f"the object provided is unrecognized (must be of type {resource.kind}): it has no kind")
    if body.get("apiVersion") != API_VERSION:
        raise bad_request(
            f"the API version in the data ({body.get('apiVersion') or ''}) does not match "
            f"the expected API version ({API_VERSION})"
        )
    try:
        return _pruned(body)
    except _MistypedError as error:
        what = f'{resource.kind} in version "{VERSION}" cannot be handled as a {resource.kind}'
        raise bad_request(f"{what}: {error}") from error


def normalised_patched(patched: dict[str, Any]) -> dict[str, Any]:
    """Do the same for an object that a patch has made of a stored one.

    Args:
        patched: An object of this API, as `objects.check_patched` requires.

    Raises:
        ApiError: 422, its metadata have fields of wrong types.
    """
    try:
        return _pruned(patched)
    except _MistypedError as error:
        raise patch_refused(patched, str(error)) from error


def patch_refused(patched: Any, why: str) -> ApiError:
    """Build the 422 for an object that no patch may make; the real server writes all of it into the message.

    Args:
        patched: The object after the patch.
        why: What is wrong with it.
    """
    text = json.dumps(patched, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return invalid("", "", [invalid_value("patch", text, why)], group="")


class _MistypedError(Exception):
    """A field of metadata has another JSON type than Go's struct."""

    def __init__(self, value: Any, field: str, wanted: str) -> None:
        where = f"Go struct field {field}" if field else "Go value"
        super().__init__(f"json: cannot unmarshal {go_type(value)} into {where} of type {wanted}")


def _pruned(body: dict[str, Any]) -> dict[str, Any]:
    # The CRDs say of no field that it is nullable, so null is as if it were not there.
    copied = {key: copy.deepcopy(body[key]) for key in _TOP_LEVEL if body.get(key) is not None}
    copied["metadata"] = _typed_metadata(copied.get("metadata"))
    return copied


def _typed_metadata(metadata: Any) -> dict[str, Any]:
    """Keep the known fields that are set; null and empty say nothing, as in Go's ObjectMeta."""
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        raise _MistypedError(metadata, "", "v1.ObjectMeta")
    known = {key: metadata[key] for key in _METADATA if metadata.get(key) is not None}
    for key in _STRINGS:
        _text(key, known.get(key))
    for key in _STRING_MAPS:
        if key in known:
            known[key] = _string_map(key, known[key])
    for key, kind in _LISTS.items():
        entries = known.get(key, [])
        if not isinstance(entries, list) or not all(isinstance(each, kind) for each in entries):
            wanted = "[]string" if kind is str else "[]v1.OwnerReference"
            raise _MistypedError(entries, f"ObjectMeta.{key}", wanted)
    return {key: value for key, value in known.items() if value not in ("", {}, [])}


def _string_map(key: str, entries: Any) -> dict[str, str]:
    if not isinstance(entries, dict):
        raise _MistypedError(entries, f"ObjectMeta.{key}", "map[string]string")
    return {name: _text(key, each) for name, each in entries.items()}


def _text(key: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _MistypedError(value, f"ObjectMeta.{key}", "string")
    return value


def go_type(value: Any) -> str:
    """Name the JSON type of a value as Go's decoder does."""
    found = _schema_type(value)
    return {"boolean": "bool", "integer": "number"}.get(found, found)


def _schema_type(value: Any) -> str:
    if value is None:
        return "null"
    # bool before int, of which it is a subclass
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return next((name for kind, name in names.items() if isinstance(value, kind)), "object")


def check_schema(body: dict[str, Any]) -> list[Cause]:
    """Check what the CRDs say of the fields beside metadata.

    Args:
        body: The object to be stored.

    Returns:
        One cause for each field that is missing or has a wrong type.
    """
    causes = [] if "spec" in body else [required("spec")]
    for field in ("spec", "status"):
        if field in body and not isinstance(body[field], dict):
            found = quoted(_schema_type(body[field]))
            message = f"Invalid value: {found}: {field} in body must be of type object: {found}"
            causes.append(Cause("FieldValueTypeInvalid", field, message))
    return causes
