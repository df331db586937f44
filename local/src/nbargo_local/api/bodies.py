"""The bodies and options of requests, as far as the media type and the path matter."""

import json
from typing import Any, Final

from aiohttp import web

from nbargo_local.api.options import (
    DeleteOptions,
    WriteOptions,
    parse_delete_options,
    parse_write_options,
)
from nbargo_local.api.patches import JSON_PATCH, MERGE_PATCH
from nbargo_local.api.schema import Resource, go_type, patch_refused, unknown_fields
from nbargo_local.api.statuses import (
    VERSION,
    ApiError,
    bad_request,
    internal,
    not_an_object,
    not_local,
    too_big,
    unsupported_media_type,
)

BODY_LIMIT: Final = 3 * 1024 * 1024
"""Bytes of a request's body (kube-apiserver's MaxRequestBodyBytes)."""

_PATCH_OPERATIONS: Final = 10_000  # kube-apiserver's maxJSONPatchOperations
_APPLY: Final = "application/apply-patch+yaml"
_GO_PATCHES: Final = {MERGE_PATCH: "map[string]interface {}", JSON_PATCH: "[]handlers.jsonPatchOp"}
_SHOWN_BYTES: Final = 30  # of a body that is not recognised (apiserver's create.go)


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
    raw = await _read(request)
    try:
        body = _decode(raw)
    except ValueError as error:
        raise _unrecognised(kind, raw, f"couldn't get version/kind; json parse error: {error}") from error
    if not isinstance(body, dict | None):
        raise _unrecognised(kind, raw, not_an_object(go_type(body)))
    if not body or not body.get("kind"):
        raise _unrecognised(kind, raw, f"Object 'Kind' is missing in '{raw.decode(errors='replace')}'")
    return body


def _unrecognised(kind: str, raw: bytes, why: str) -> ApiError:
    """Build the 400 for a body that is no object; with its beginning, in hex where it is no JSON object."""
    start = raw[:_SHOWN_BYTES]
    shown = start.decode(errors="replace") if raw.startswith(b"{") else start.hex()
    more = " ..." if len(raw) > _SHOWN_BYTES else ""
    return bad_request(
        f"the object provided is unrecognized (must be of type {kind}): {why} ({shown or '<empty>'}{more})"
    )


def _require_json(request: web.Request) -> None:
    if request.content_type in {"application/yaml", "application/vnd.kubernetes.protobuf"}:
        raise not_local(f"a body of {request.content_type}", code=415)
    # aiohttp says octet-stream when there is no header; the real server then takes JSON.
    named = "Content-Type" in request.headers
    if named and request.content_type != "application/json":
        raise unsupported_media_type(["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"])


def _decode(body: bytes) -> Any:
    """Decode JSON.

    Raises:
        ValueError: It is none; the message is not that of Python's decoder, which changes with its versions.
    """
    if not body.strip():
        raise ValueError("unexpected end of JSON input")
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError("the body is not JSON") from error


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
    try:
        patch = _decode(await _read(request))
    except ValueError as error:
        raise bad_request(f"error decoding patch: {error}") from error
    if patch is None and content_type == MERGE_PATCH:
        raise bad_request("Invalid JSON Patch")
    if not isinstance(patch, dict if content_type == MERGE_PATCH else list):
        found, wanted = go_type(patch), _GO_PATCHES[content_type]
        raise bad_request(f"error decoding patch: json: cannot unmarshal {found} into Go value of type {wanted}")
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
    if not body:
        return parse_delete_options(request.query, None)
    _require_json(request)
    try:
        decoded = _decode(body)
    except ValueError as error:
        raise bad_request(str(error)) from error
    if not isinstance(decoded, dict):
        raise internal(not_an_object(go_type(decoded)))
    return parse_delete_options(request.query, decoded)


def check_unknown(body: dict[str, Any], resource: Resource, options: WriteOptions) -> list[str]:
    """Return the warnings for fields that will be pruned.

    Raises:
        ApiError: 400, there are such fields and the request says Strict.
    """
    texts = [f'unknown field "{each}"' for each in unknown_fields(body)]
    if texts and options.validation == "Strict":
        raise bad_request(
            f'{resource.kind} in version "{VERSION}" cannot be handled as a {resource.kind}: '
            f"strict decoding error: {', '.join(texts)}"
        )
    return texts if options.validation == "Warn" else []


def check_unknown_patched(patched: dict[str, Any], options: WriteOptions) -> list[str]:
    """Do the same for an object that a patch has made.

    Raises:
        ApiError: 422, there are such fields and the request says Strict.
    """
    texts = [f'unknown field "{each}"' for each in unknown_fields(patched)]
    if texts and options.validation == "Strict":
        raise patch_refused(patched, f"strict decoding error: {', '.join(texts)}")
    return texts if options.validation == "Warn" else []
