"""One object of the Argo API through its life: the fields that the server sets, and what a write may not change."""

import copy
import json
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nbargo_local.api.metadata import check_metadata, check_metadata_update
from nbargo_local.api.schema import SERVER_FIELDS, Resource, check_schema, patch_refused
from nbargo_local.api.statuses import (
    API_VERSION,
    GROUP,
    Cause,
    bad_request,
    conflict,
    internal,
    invalid,
    invalid_value,
)


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What must hold for a delete.

    Args:
        uid: The uid that the object must have; None for any.
        resource_version: The version that it must have; None for any.
    """

    uid: str | None = None
    resource_version: str | None = None


# As k8s.io/apimachinery's utilrand: no vowels, and no characters that are easily confused.
_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH = 5
_GENERATED_LIMIT = 63
_GENERATE_TRIES = 8  # kube-apiserver's RetryGenerateName


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


def initial_metadata(metadata: dict[str, Any], namespace: str, time: str) -> dict[str, Any]:
    """Fill in what the server sets on creation.

    Args:
        metadata: As the client sent it, of the right types.
        namespace: Of the request's path.
        time: Now, RFC 3339 in whole seconds.
    """
    kept = {key: value for key, value in metadata.items() if key not in SERVER_FIELDS}
    return kept | {
        "namespace": namespace,
        "uid": str(uuid.uuid4()),
        "creationTimestamp": time,
        "generation": 1,
    }


def free_name(prefix: str, is_taken: Callable[[str], bool]) -> str:
    """Make up a name: the prefix, shortened if need be, and five random characters.

    Args:
        prefix: The object's generateName.
        is_taken: Tells whether there is an object of a name; after eight tries a taken one is returned.
    """
    name = ""
    for _ in range(_GENERATE_TRIES):
        suffix = "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(_SUFFIX_LENGTH))
        name = prefix[: _GENERATED_LIMIT - _SUFFIX_LENGTH] + suffix
        if not is_taken(name):
            break
    return name


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
    causes = causes or [*check_metadata(body["metadata"]), *check_schema(body)]
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
        *(_check_kind(body, resource) or [*update_causes, *check_schema(body)]),
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
        text = json.dumps(patched, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        raise patch_refused(patched, f"Object 'Kind' is missing in '{text}'")
    if patched.get("apiVersion") != API_VERSION:
        cause = invalid_value("apiVersion", patched.get("apiVersion"), f"must be {API_VERSION}")
        raise invalid(patched["kind"], address[1], [cause], group="")
    check_address(patched.get("metadata"), address)


def check_address(metadata: Any, address: tuple[str, str]) -> None:
    """Check that an object is the one of the request's path.

    Args:
        metadata: What a client sent, of any type.
        address: The namespace and name of the path.

    Raises:
        ApiError: 400, it is another one.
    """
    namespace, name = address
    fields = metadata if isinstance(metadata, dict) else {}
    found = fields.get("name") or ""
    if not found:
        raise bad_request(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")
    if found != name:
        raise bad_request(f"the name of the object ({found}) does not match the name on the URL ({name})")
    if (fields.get("namespace") or namespace) != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")


def _content(obj: dict[str, Any]) -> str:
    tracked = "managedFields" in obj["metadata"]
    metadata = obj["metadata"] | {"managedFields": tracked}
    return json.dumps(obj | {"metadata": metadata}, sort_keys=True)


def _check_kind(body: dict[str, Any], resource: Resource) -> list[Cause]:
    if body["kind"] == resource.kind:
        return []
    return [invalid_value("kind", body["kind"], f"must be {resource.kind}")]
