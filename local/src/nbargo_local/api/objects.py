"""What one object of the Argo API looks like: its resource, its schema, and the fields that the server sets.

The schema is that of Argo's minimal CRDs: apiVersion, kind, metadata, spec and status, where spec is required and spec
and status are objects of any content. Other top-level fields are pruned, as the real server does.
"""

import copy
import json
import secrets
import uuid
from dataclasses import dataclass
from typing import Any

from nbargo_local.api.metadata import check_metadata, check_metadata_update
from nbargo_local.api.statuses import (
    API_VERSION,
    GROUP,
    VERSION,
    Cause,
    bad_request,
    conflict,
    internal,
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


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What must hold for a delete.

    Args:
        uid: The uid that the object must have; None for any.
        resource_version: The version that it must have; None for any.
    """

    uid: str | None = None
    resource_version: str | None = None


WORKFLOWS = Resource("workflows", "Workflow")
CRONWORKFLOWS = Resource("cronworkflows", "CronWorkflow")
RESOURCES = (WORKFLOWS, CRONWORKFLOWS)

_TOP_LEVEL = ("apiVersion", "kind", "metadata", "spec", "status")
_STRINGS = ("name", "namespace", "generateName", "uid", "resourceVersion")
_STRING_MAPS = ("labels", "annotations")
_LISTS = {"finalizers": str, "ownerReferences": dict}
_SERVER_FIELDS = (
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "managedFields",
)
_METADATA = (*_STRINGS, *_STRING_MAPS, *_LISTS, *_SERVER_FIELDS)

# As k8s.io/apimachinery's utilrand: no vowels, and no characters that are easily confused.
_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH = 5
_GENERATED_LIMIT = 63


def key_of(obj: dict[str, Any]) -> str:
    """Return the key that an object is stored under; keys sort as a list's items do."""
    return f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"


def revision_of(obj: dict[str, Any]) -> int:
    """Return the revision that wrote an object."""
    return int(obj["metadata"]["resourceVersion"])


def by_key(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Index stored objects by their key."""
    return {key_of(each): each for each in found}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Tell whether two objects hold the same; of managedFields counts only whether there are any.

    JSON's true, 1 and 1.0 differ, which Python's == does not tell.
    """
    return _content(one) == _content(other)


def unknown_fields(body: dict[str, Any]) -> list[str]:
    """Name the fields of a request's body that the schema does not know and that will be pruned."""
    metadata = body.get("metadata")
    nested = [key for key in metadata if key not in _METADATA] if isinstance(metadata, dict) else []
    nested = [key for key in nested if key != "selfLink"]
    return [
        *(key for key in body if key not in _TOP_LEVEL),
        *(f"metadata.{key}" for key in nested),
    ]


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
    if not isinstance(body, dict):
        raise bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind}): "
            "couldn't get version/kind; json parse error: the body is not an object"
        )
    if not body.get("kind") or not isinstance(body["kind"], str):
        raise bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind}): "
            f"Object 'Kind' is missing in '{_shortened(body)}'"
        )
    if body.get("apiVersion") != API_VERSION:
        raise bad_request(
            f"the API version in the data ({body.get('apiVersion') or ''}) does not match "
            f"the expected API version ({API_VERSION})"
        )
    # The CRDs say of no field that it is nullable, so null is as if it were not there.
    copied = {key: copy.deepcopy(body[key]) for key in _TOP_LEVEL if body.get(key) is not None}
    copied["metadata"] = _typed_metadata(copied.get("metadata"), resource)
    return copied


def initial_metadata(metadata: dict[str, Any], namespace: str, time: str) -> dict[str, Any]:
    """Fill in what the server sets on creation.

    Args:
        metadata: As the client sent it, of the right types.
        namespace: Of the request's path.
        time: Now, RFC 3339 in whole seconds.
    """
    kept = {key: value for key, value in metadata.items() if key not in _SERVER_FIELDS}
    return kept | {
        "namespace": namespace,
        "uid": str(uuid.uuid4()),
        "creationTimestamp": time,
        "generation": 1,
    }


def generated_name(prefix: str) -> str:
    """Make up a name: the prefix, shortened if need be, and five random characters."""
    suffix = "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(_SUFFIX_LENGTH))
    return prefix[: _GENERATED_LIMIT - _SUFFIX_LENGTH] + suffix


def keep_server_fields(body: dict[str, Any], old: dict[str, Any]) -> None:
    """Put back what an update cannot change, in place.

    Args:
        body: The new object.
        old: The stored object.
    """
    new_metadata, old_metadata = body["metadata"], old["metadata"]
    new_metadata.setdefault("uid", old_metadata["uid"])
    new_metadata.setdefault("namespace", old_metadata["namespace"])
    new_metadata["creationTimestamp"] = old_metadata["creationTimestamp"]
    # A client's deletionTimestamp is refused later on, unless the object has one.
    if "deletionTimestamp" in old_metadata:
        new_metadata["deletionTimestamp"] = old_metadata["deletionTimestamp"]
        new_metadata.setdefault("deletionGracePeriodSeconds", old_metadata["deletionGracePeriodSeconds"])
    _keep_managers(new_metadata, old_metadata)
    beside = [
        json.dumps({key: each for key, each in obj.items() if key != "metadata"}, sort_keys=True) for obj in (body, old)
    ]
    new_metadata["generation"] = old_metadata["generation"] + (beside[0] != beside[1])


def _keep_managers(new_metadata: dict[str, Any], old_metadata: dict[str, Any]) -> None:
    """Keep the tracked managers; a list of one empty entry is how a client ends the tracking."""
    ended = new_metadata.pop("managedFields", None) == [{}]
    if "managedFields" in old_metadata and not ended:
        new_metadata["managedFields"] = copy.deepcopy(old_metadata["managedFields"])


def check_same_object(body: dict[str, Any], old: dict[str, Any], resource: Resource) -> None:
    """Require that an update which names a uid names that of the stored object.

    Raises:
        ApiError: 409, it was made from an object that is gone.
    """
    wanted, found = body["metadata"].get("uid"), old["metadata"]["uid"]
    if wanted and wanted != found:
        why = (
            "StorageError: invalid object, Code: 4, "
            f"Key: /registry/{GROUP}/{resource.plural}/{key_of(old)}, ResourceVersion: 0, "
            f"AdditionalErrorMsg: Precondition failed: UID in precondition: {wanted}, "
            f"UID in object meta: {found}"
        )
        raise conflict(resource.plural, old["metadata"]["name"], why)


def check_version(body: dict[str, Any], old: dict[str, Any], resource: Resource) -> None:
    """Require that an update was made from the stored object.

    Raises:
        ApiError: 409 when it was made from another version, 422 when it names none, 500 when it is no number.
    """
    version = body["metadata"].get("resourceVersion", "")
    name = old["metadata"]["name"]
    if version and not (version.isascii() and version.isdecimal()):
        raise internal(f'strconv.ParseUint: parsing "{version}": invalid syntax')
    if version in {"", "0"}:
        cause = invalid_value("metadata.resourceVersion", 0, "must be specified for an update")
        raise invalid(resource.plural, name, [cause])
    if version != old["metadata"]["resourceVersion"]:
        raise conflict(resource.plural, name)


def check_preconditions(obj: dict[str, Any], resource: Resource, wanted: Preconditions) -> None:
    """Require what a delete names.

    Raises:
        ApiError: 409, the object is another one, or another version.
    """
    metadata = obj["metadata"]
    if wanted.uid is not None and wanted.uid != metadata["uid"]:
        why = (
            f"the UID in the precondition ({wanted.uid}) does not match the UID in record "
            f"({metadata['uid']}). The object might have been deleted and then recreated"
        )
        raise conflict(resource.kind, metadata["name"], why)
    version = wanted.resource_version
    if version is not None and version != metadata["resourceVersion"]:
        why = (
            f"the ResourceVersion in the precondition ({version}) does not match the "
            f"ResourceVersion in record ({metadata['resourceVersion']}). "
            "The object might have been modified"
        )
        raise conflict(resource.kind, metadata["name"], why)


def check_create(body: dict[str, Any], resource: Resource) -> None:
    """Check a new object, server fields filled in.

    Raises:
        ApiError: 422, with one cause for each field.
    """
    causes = _check_kind(body, resource)
    causes = causes or [*check_metadata(body["metadata"]), *_check_schema(body)]
    if causes:
        raise invalid(body["kind"], body["metadata"].get("name", ""), causes)


def check_update(body: dict[str, Any], old: dict[str, Any], resource: Resource) -> None:
    """Check an object that is to replace another, server fields filled in.

    Raises:
        ApiError: 422, with one cause for each field.
    """
    update_causes = check_metadata_update(body["metadata"], old["metadata"])
    causes = [
        *check_metadata(body["metadata"]),
        *update_causes,
        *(_check_kind(body, resource) or [*update_causes, *_check_schema(body)]),
    ]
    if causes:
        raise invalid(body["kind"], body["metadata"].get("name", ""), causes)


def check_patched(patched: Any, address: tuple[str, str]) -> None:
    """Check that a patch has left an object of this API, and the same one.

    Args:
        patched: The object after the patch.
        address: Its namespace and name.

    Raises:
        ApiError: 400 for another name or namespace, 422 for another type.
    """
    if not isinstance(patched, dict) or not patched.get("kind"):
        text = json.dumps(patched, separators=(",", ":"))
        why = f"Object 'Kind' is missing in '{text}'"
        raise invalid("", "", [invalid_value("patch", text, why)], group="")
    namespace, name = address
    if patched.get("apiVersion") != API_VERSION:
        cause = invalid_value("apiVersion", patched.get("apiVersion"), f"must be {API_VERSION}")
        raise invalid(patched["kind"], name, [cause], group="")
    metadata = patched.get("metadata")
    found = metadata if isinstance(metadata, dict) else {}
    if found.get("name") != name:
        raise bad_request(
            f"the name of the object ({found.get('name') or ''}) does not match the name on the URL ({name})"
        )
    if (found.get("namespace") or namespace) != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")


def _content(obj: dict[str, Any]) -> str:
    tracked = "managedFields" in obj["metadata"]
    metadata = obj["metadata"] | {"managedFields": tracked}
    return json.dumps(obj | {"metadata": metadata}, sort_keys=True)


def _shortened(body: dict[str, Any]) -> str:
    text = json.dumps(body)
    return text if len(text) <= 1024 else text[:1024] + "..."  # noqa: PLR2004 - for a person


def _typed_metadata(metadata: Any, resource: Resource) -> dict[str, Any]:
    """Keep the known fields that are set; null and empty say nothing, as in Go's ObjectMeta."""
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        raise _type_error(resource, metadata, "", "v1.ObjectMeta")
    known = {key: metadata[key] for key in _METADATA if metadata.get(key) is not None}
    for key in _STRINGS:
        _text(resource, key, known.get(key))
    for key in _STRING_MAPS:
        if key in known:
            known[key] = _string_map(resource, key, known[key])
    for key, kind in _LISTS.items():
        entries = known.get(key, [])
        if not isinstance(entries, list) or not all(isinstance(each, kind) for each in entries):
            wanted = "[]string" if kind is str else "[]v1.OwnerReference"
            raise _type_error(resource, entries, f"ObjectMeta.{key}", wanted)
    return {key: value for key, value in known.items() if value not in ("", {}, [])}


def _string_map(resource: Resource, key: str, entries: Any) -> dict[str, str]:
    if not isinstance(entries, dict):
        raise _type_error(resource, entries, f"ObjectMeta.{key}", "map[string]string")
    return {name: _text(resource, key, each) for name, each in entries.items()}


def _text(resource: Resource, key: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _type_error(resource, value, f"ObjectMeta.{key}", "string")
    return value


def _type_error(resource: Resource, value: Any, field: str, wanted: str) -> Exception:
    where = f"Go struct field {field}" if field else "Go value"
    return bad_request(
        f'{resource.kind} in version "{VERSION}" cannot be handled as a {resource.kind}: json: '
        f"cannot unmarshal {_json_type(value)} into {where} of type {wanted}"
    )


def _json_type(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case None:
            return "null"
        case _:
            return "object"


def _check_kind(body: dict[str, Any], resource: Resource) -> list[Cause]:
    if body["kind"] == resource.kind:
        return []
    return [invalid_value("kind", body["kind"], f"must be {resource.kind}")]


def _check_schema(body: dict[str, Any]) -> list[Cause]:
    causes = [] if "spec" in body else [required("spec")]
    for field in ("spec", "status"):
        if field in body and not isinstance(body[field], dict):
            found = quoted(_json_type(body[field]))
            message = f"Invalid value: {found}: {field} in body must be of type object: {found}"
            causes.append(Cause("FieldValueTypeInvalid", field, message))
    return causes
