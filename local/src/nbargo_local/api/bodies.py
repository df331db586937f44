"""The bodies and options of requests, as far as the media type and the path matter."""

import json
from typing import Any, Final

from aiohttp import web

from nbargo_local.api.objects import Resource, unknown_fields
from nbargo_local.api.options import (
    DeleteOptions,
    WriteOptions,
    parse_delete_options,
    parse_write_options,
)
from nbargo_local.api.patches import JSON_PATCH, MERGE_PATCH
from nbargo_local.api.statuses import (
    VERSION,
    ApiError,
    bad_request,
    invalid,
    invalid_value,
    not_local,
    too_big,
    unsupported_media_type,
)

BODY_LIMIT: Final = 3 * 1024 * 1024
"""Bytes of a request's body (kube-apiserver's MaxRequestBodyBytes)."""

_PATCH_OPERATIONS: Final = 10_000  # kube-apiserver's maxJSONPatchOperations
_APPLY: Final = "application/apply-patch+yaml"


async def _read(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise too_big(BODY_LIMIT) from None


async def json_body(request: web.Request, kind: str) -> Any:
    """Decode the object that a POST or PUT carries.

    Args:
        request: The request.
        kind: What it is to be, for the message.

    Raises:
        ApiError: 400, 413, or 415 for another media type than JSON.
    """
    _require_json(request)
    complaint = f"the object provided is unrecognized (must be of type {kind}): "
    return _decode(await _read(request), f"{complaint}couldn't get version/kind; json parse error: ")


def _require_json(request: web.Request) -> None:
    if request.content_type in {"application/yaml", "application/vnd.kubernetes.protobuf"}:
        raise not_local(f"a body of {request.content_type}", code=415)
    # aiohttp says octet-stream when there is no header; the real server then takes JSON.
    named = "Content-Type" in request.headers
    if named and request.content_type != "application/json":
        raise unsupported_media_type(["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"])


def _decode(body: bytes, complaint: str) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"{complaint}{error}") from error


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def patch_type(request: web.Request) -> str:
    """Return the kind of patch, which the media type names.

    Raises:
        ApiError: 415, it is not supported.
    """
    named = request.content_type if "Content-Type" in request.headers else ""
    if named == _APPLY:
        raise not_local("server-side apply", code=415)
    if named not in {JSON_PATCH, MERGE_PATCH}:
        raise unsupported_media_type([JSON_PATCH, MERGE_PATCH, _APPLY])
    return named


async def patch_body(request: web.Request, content_type: str) -> Any:
    """Decode a patch.

    Args:
        request: The request.
        content_type: What `patch_type` said.

    Raises:
        ApiError: 400, or 413 for too many bytes or operations.
    """
    patch = _decode(await _read(request), "error decoding patch: ")
    if not isinstance(patch, dict if content_type == MERGE_PATCH else list):
        raise bad_request("error decoding patch: it has another JSON type than its media type says")
    if content_type == JSON_PATCH and len(patch) > _PATCH_OPERATIONS:
        message = f"The allowed maximum operations in a JSON patch is {_PATCH_OPERATIONS}, got {len(patch)}"
        raise ApiError(413, "RequestEntityTooLarge", f"Request entity too large: {message}")
    return patch


def write_options(request: web.Request, verb: str) -> WriteOptions:
    """Read the parameters of a write.

    Args:
        request: The request.
        verb: Create, Update or Patch.

    Raises:
        ApiError: 422, one of them is not valid.
    """
    user_agent = request.headers.get("User-Agent", "")
    return parse_write_options(request.query, verb=verb, user_agent=user_agent)


async def delete_options(request: web.Request) -> DeleteOptions:
    """Read the options of a delete, from its body or else its query.

    Raises:
        ApiError: 400, 413, 415 or 422.
    """
    body = await _read(request)
    if body:
        _require_json(request)
    return parse_delete_options(request.query, _decode(body, "") if body else None)


def check_address(body: Any, address: tuple[str, str]) -> None:
    """Require that a PUT's object is the one of its path.

    Args:
        body: The decoded body.
        address: Namespace and name of the path.

    Raises:
        ApiError: 400, it is another one.
    """
    metadata = body.get("metadata") if isinstance(body, dict) else None
    if not isinstance(metadata, dict):
        return
    namespace, name = address
    found = metadata.get("name") or ""
    if not found:
        raise bad_request(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")
    if found != name:
        raise bad_request(f"the name of the object ({found}) does not match the name on the URL ({name})")
    if (metadata.get("namespace") or namespace) != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")


def check_unknown(body: Any, resource: Resource, options: WriteOptions) -> list[str]:
    """Return the warnings for fields that will be pruned.

    Raises:
        ApiError: 400, there are such fields and the request says Strict.
    """
    unknown = unknown_fields(body) if isinstance(body, dict) else []
    texts = [f'unknown field "{each}"' for each in unknown]
    if texts and options.validation == "Strict":
        raise bad_request(
            f'{resource.kind} in version "{VERSION}" cannot be handled as a {resource.kind}: '
            f"strict decoding error: {', '.join(texts)}"
        )
    return _as_warnings(texts, options)


def check_unknown_patch(patch: dict[str, Any], options: WriteOptions) -> list[str]:
    """Do the same for a merge patch.

    Raises:
        ApiError: 422, there are such fields and the request says Strict.
    """
    texts = [f'unknown field "{each}"' for each in unknown_fields(patch)]
    if texts and options.validation == "Strict":
        why = f"strict decoding error: {', '.join(texts)}"
        raise invalid("", "", [invalid_value("patch", patch, why)], group="")
    return _as_warnings(texts, options)


def _as_warnings(texts: list[str], options: WriteOptions) -> list[str]:
    if options.validation != "Warn":
        return []
    return [each.replace("\\", "\\\\").replace('"', '\\"') for each in texts]
