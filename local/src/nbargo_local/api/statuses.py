"""The failures of the API: Status bodies with the codes, reasons and messages of a kube-apiserver.

The texts are facts that clients match on (`already exists`, `the object has been modified`), so they are kept to the
letter of kube-apiserver 1.34.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from nbargo_shared.errors import ClusterError

GROUP = "argoproj.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

_OPTIMISTIC_LOCK = "the object has been modified; please apply your changes to the latest version and try again"
_RETRY_AFTER_SECONDS = 1
_ESCAPE = re.compile(r"\\u(00[01][0-9a-f])")  # of a control character, in JSON


class ApiError(ClusterError):
    """A request that the local API refuses.

    Args:
        code: The HTTP status.
        reason: The machine-readable reason, such as `NotFound`; may be empty, as in some answers of the real server.
        message: What the server says.
        details: The Status' details: name, group, kind, causes, retryAfterSeconds.
    """

    def __init__(self, code: int, reason: str, message: str, *, details: dict[str, Any] | None = None) -> None:
        super().__init__(message, status=code, transient=code in {429, 500, 503, 504})
        self.code = code
        self.reason = reason
        self.details = details
        self.continue_token = ""

    @property
    def body(self) -> dict[str, Any]:
        """The Status object that is sent as the answer's body."""
        metadata = {"continue": self.continue_token} if self.continue_token else {}
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": metadata,
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        return status | {"code": self.code}

    @property
    def retry_after_seconds(self) -> int:
        """What the Retry-After header says, in seconds; 0 when there is none."""
        return int((self.details or {}).get("retryAfterSeconds", 0))


@dataclass(frozen=True, slots=True)
class Cause:
    """One field that is not valid.

    Args:
        reason: The cause's type, such as `FieldValueInvalid`.
        field: The field's path, such as `metadata.name`.
        message: What is wrong with it, without the path.
    """

    reason: str
    field: str
    message: str


def quoted(value: object) -> str:
    """Write a value as the real server does in a message: strings as Go's %q, structures as JSON."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _ESCAPE.sub(_go_escape, text) if isinstance(value, str) else text


def _go_escape(found: re.Match[str]) -> str:
    code = int(found.group(1), 16)
    return {7: r"\a", 11: r"\v"}.get(code, rf"\x{code:02x}")


def invalid_value(field: str, value: object, detail: str) -> Cause:
    """Say that a field's value is not valid."""
    return Cause("FieldValueInvalid", field, f"Invalid value: {quoted(value)}: {detail}")


def required(field: str, detail: str = "") -> Cause:
    """Say that a field is missing."""
    return Cause("FieldValueRequired", field, f"Required value: {detail}".removesuffix(": "))


def forbidden_field(field: str, detail: str) -> Cause:
    """Say that a field may not be set here."""
    return Cause("FieldValueForbidden", field, f"Forbidden: {detail}")


def unsupported_value(field: str, value: object, supported: list[str]) -> Cause:
    """Say that a field's value is none of the allowed ones."""
    allowed = ", ".join(quoted(each) for each in supported)
    message = f"Unsupported value: {quoted(value)}: supported values: {allowed}"
    return Cause("FieldValueNotSupported", field, message)


def bad_request(message: str) -> ApiError:
    """Build 400: the request itself makes no sense."""
    return ApiError(400, "BadRequest", message)


def not_found(plural: str, name: str) -> ApiError:
    """Build 404 for an object of this API's group."""
    details = {"name": name, "group": GROUP, "kind": plural}
    return ApiError(404, "NotFound", f"{plural}.{GROUP} {quoted(name)} not found", details=details)


def already_exists(plural: str, name: str, *, leaving: bool = False) -> ApiError:
    """Build 409 for a name that is taken.

    Args:
        plural: The resource.
        name: The name.
        leaving: Whether the object that has it is marked for deletion.
    """
    details = {"name": name, "group": GROUP, "kind": plural}
    message = f"{'object is being deleted: ' if leaving else ''}{plural}.{GROUP} {quoted(name)} already exists"
    return ApiError(409, "AlreadyExists", message, details=details)


def conflict(resource: str, name: str, why: str = _OPTIMISTIC_LOCK) -> ApiError:
    """Build 409 for a write against another version of the object.

    Args:
        resource: The plural, or the kind where the real server says that (delete preconditions).
        name: The object's name.
        why: What the conflict is.
    """
    details = {"name": name, "group": GROUP, "kind": resource}
    message = f"Operation cannot be fulfilled on {resource}.{GROUP} {quoted(name)}: {why}"
    return ApiError(409, "Conflict", message, details=details)


def invalid(kind: str, name: str, causes: list[Cause], *, group: str = GROUP) -> ApiError:
    """Build 422 from the fields that are not valid."""
    texts = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details: dict[str, Any] = {"name": name} if name else {}
    details |= {key: value for key, value in (("group", group), ("kind", kind)) if value}
    details["causes"] = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
    qualified = f"{kind}.{group}" if group else kind
    message = f"{qualified} {quoted(name)} is invalid: {joined}"
    return ApiError(422, "Invalid", message, details=details)


def expired(message: str) -> ApiError:
    """Build 410: the events or the snapshot that were asked for are gone."""
    return ApiError(410, "Expired", message)


def too_old(requested: int, floor: int) -> ApiError:
    """Build the 410 of a watch that starts before the event window."""
    return expired(f"too old resource version: {requested} ({floor})")


def too_large(requested: int, current: int) -> ApiError:
    """Build the 504 of a request for a resourceVersion that is not there yet."""
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return ApiError(
        504,
        "Timeout",
        f"Timeout: Too large resource version: {requested}, current: {current}",
        details={"causes": [cause], "retryAfterSeconds": _RETRY_AFTER_SECONDS},
    )


def unauthorized() -> ApiError:
    """Build 401: no bearer token, or a wrong one."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def method_not_allowed(plural: str) -> ApiError:
    """Build 405: there is no verb for the request's method, so the message begins with none."""
    message = f' is not supported on resources of kind "{plural}.{GROUP}"'
    details = {"group": GROUP, "kind": plural}
    return ApiError(405, "MethodNotAllowed", message, details=details)


def not_acceptable(message: str) -> ApiError:
    """Build 406: none of the media types in Accept can be served."""
    return ApiError(406, "NotAcceptable", message)


def unsupported_media_type(accepted: list[str]) -> ApiError:
    """Build 415: the body's media type is not one of those accepted."""
    message = "the body of the request was in an unknown format - accepted media types include: "
    return ApiError(415, "UnsupportedMediaType", message + ", ".join(accepted))


def not_local(what: str, *, code: int = 400) -> ApiError:
    """Refuse something that a real server does and this one does not.

    Args:
        what: The feature, as the sentence's subject.
        code: The HTTP status, one of 4xx.
    """
    reason = {406: "NotAcceptable", 415: "UnsupportedMediaType"}.get(code, "BadRequest")
    return ApiError(code, reason, f"{what} is not supported by the local API of nbargo")


def too_big(limit: int) -> ApiError:
    """Build 413: the body has more bytes than the limit."""
    message = f"Request entity too large: limit is {limit}"
    return ApiError(413, "RequestEntityTooLarge", message)


def internal(message: str) -> ApiError:
    """Build 500, as the real server does where an input is checked late."""
    return ApiError(500, "", message)


def not_an_object(found: str) -> str:
    """Say what Go's decoder says of a body that should be an object with apiVersion and kind.

    Args:
        found: The body's JSON type.
    """
    fields = "; ".join(
        f'{name} string "json:\\"{key},omitempty\\""' for name, key in (("APIVersion", "apiVersion"), ("Kind", "kind"))
    )
    what = f"json: cannot unmarshal {found} into Go value of type struct {{ {fields} }}"
    return f"couldn't get version/kind; json parse error: {what}"


def patch_rejected() -> ApiError:
    """Build the 422 of a JSON patch that does not fit the object."""
    message = "the server rejected our request due to an error in our request"
    return ApiError(422, "Invalid", message, details={})
