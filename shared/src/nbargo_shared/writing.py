"""Records as the JSON that annotations and files hold: compact, versioned, and of a bounded size."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from nbargo_shared.errors import RecordError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def members(record: "DataclassInstance", *, version: int) -> dict[str, Any]:
    """Return a record as JSON types, with its version and without what is not set.

    Args:
        record: A dataclass of texts, numbers, tuples and mappings.
        version: Of its form.
    """
    values = {item.name: getattr(record, item.name) for item in fields(record)}
    present = {name: value for name, value in values.items() if value not in (None, (), {})}
    return {"version": version, **{name: _plain(value) for name, value in present.items()}}


def compact(source: Mapping[str, Any], *, limit: int, whose: str) -> str:
    """Return compact JSON.

    Args:
        source: What it holds.
        limit: How many bytes it may have.
        whose: Whose settings these are, for the error's sentence: `job` or `definition`.

    Raises:
        RecordError: It has more bytes, or characters that UTF-8 does not have.
    """
    text = json.dumps(source, ensure_ascii=False, separators=(",", ":"))
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise RecordError(
            f"The {whose}'s settings hold characters that are not valid Unicode",
            hint="Look for them in the notebook's file name and in the parameters",
        ) from error
    if size > limit:
        raise RecordError(
            f"The {whose}'s settings have {size} bytes, more than {limit}",
            hint="Pass large values in a file beside the notebook rather than as parameters",
        )
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value
