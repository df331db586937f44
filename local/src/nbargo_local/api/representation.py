"""How answers are written: whole objects, or their metadata alone, as the Accept header asks.

Bodies are JSON. YAML, protobuf and Table are not supported: a request that accepts nothing else is refused.
"""

import json
from dataclasses import dataclass
from email.message import Message
from typing import Any, Literal

from nbargo_local.api.listing import Page
from nbargo_local.api.schema import Resource
from nbargo_local.api.statuses import API_VERSION, ApiError, internal, not_acceptable, not_local

_META_API = "meta.k8s.io/v1"
_PARTIAL, _PARTIAL_LIST = "PartialObjectMetadata", "PartialObjectMetadataList"
_JSON_RANGES = {"application/json", "application/*", "*/*"}

Shape = Literal["whole", "metadata", "metadata list"]


@dataclass(frozen=True, slots=True)
class Form:
    """The form in which objects are sent.

    Args:
        shape: Whole objects, the metadata of one object (also of a watch's), or that of a list's.
    """

    shape: Shape = "whole"

    def one(self, obj: dict[str, Any]) -> dict[str, Any]:
        """Show one object.

        Raises:
            ApiError: 500, the form is that of a list.
        """
        if self.shape == "metadata list":
            raise internal("content is not a list")
        return _metadata_only(obj) if self.shape == "metadata" else obj

    def many(self, page: Page, resource: Resource) -> dict[str, Any]:
        """Show a list, or one page of it.

        Raises:
            ApiError: 406, the form is that of one object.
        """
        if self.shape == "metadata":
            raise not_acceptable(
                f"you requested {_PARTIAL}, but the requested object is a list (*unstructured.UnstructuredList)"
            )
        metadata: dict[str, Any] = {"resourceVersion": str(page.revision)}
        if page.remaining is not None:
            metadata["remainingItemCount"] = page.remaining
        if self.shape == "whole":
            metadata["continue"] = page.continue_token
            kind = f"{resource.kind}List"
            return _list(API_VERSION, kind, metadata, page.items)
        if page.continue_token:
            metadata["continue"] = page.continue_token
        items = [_metadata_only(each) for each in page.items]
        return _list(_META_API, _PARTIAL_LIST, metadata, items or None)

    def bookmark(self, resource: Resource, revision: int, *, initial_end: bool) -> dict[str, Any]:
        """Make the object of a bookmark: a resourceVersion, and nothing else.

        Args:
            resource: What is watched.
            revision: Everything up to it has been sent.
            initial_end: Whether this is the one that ends the initial events.
        """
        metadata: dict[str, Any] = {"resourceVersion": str(revision)}
        if initial_end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        if self.shape == "whole":
            return {"apiVersion": API_VERSION, "kind": resource.kind, "metadata": metadata}
        return {"apiVersion": _META_API, "kind": _PARTIAL, "metadata": metadata}

    def watched(self, obj: dict[str, Any]) -> dict[str, Any]:
        """Show the object of a watch event."""
        return obj if self.shape == "whole" else _metadata_only(obj)


def negotiate(accept: str) -> Form:
    """Choose the form of the answer: the first one in the Accept header that can be served.

    Args:
        accept: The header; empty for anything.

    Raises:
        ApiError: 406, none can be served.
    """
    asked_for_table = False
    for each in (accept or "*/*").split(","):
        header = Message()
        header["content-type"] = each.strip()
        if header.get_content_type() not in _JSON_RANGES or "/" not in each:
            continue
        parameters = dict(header.get_params(failobj=[])[1:])
        wanted = parameters.get("as", "")
        if not wanted:
            return Form()
        if (parameters.get("g"), parameters.get("v")) == ("meta.k8s.io", "v1"):
            if wanted == _PARTIAL:
                return Form("metadata")
            if wanted == _PARTIAL_LIST:
                return Form("metadata list")
        asked_for_table |= wanted == "Table"
    raise _not_served(accept, asked_for_table=asked_for_table)


def encode(value: Any) -> bytes:
    """Write JSON without spaces."""
    return json.dumps(value, separators=(",", ":")).encode()


def _not_served(accept: str, *, asked_for_table: bool) -> ApiError:
    if asked_for_table:
        return not_local("the Table representation", code=406)
    if "yaml" in accept:
        return not_local("the media type application/yaml", code=406)
    return not_acceptable(
        "only the following media types are accepted: application/json, application/yaml, "
        "application/vnd.kubernetes.protobuf"
    )


def _metadata_only(obj: dict[str, Any]) -> dict[str, Any]:
    return {"kind": _PARTIAL, "apiVersion": _META_API, "metadata": obj["metadata"]}


def _list(api_version: str, kind: str, metadata: dict[str, Any], items: list[dict[str, Any]] | None) -> dict[str, Any]:
    """Put a list together; one without items has null for them where Go's slice was never made."""
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "items": items}
