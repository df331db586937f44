"""Checks for one field of untrusted JSON: the annotation of an object, or a file on a shared volume.

Each function returns the value with its type, or raises RecordError naming the field. Sizes are bounded because
whoever may write a workflow may write these.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from nbargo_shared.errors import RecordError

ID_LENGTH: Final = 36  # jupyter-scheduler's String(36): a UUID
NAME_LENGTH: Final = 255  # a file name's limit on Linux, in bytes
TEXT_LENGTH: Final = 4096
MAX_ITEMS: Final = 1000
MAX_TIME: Final = 253_402_300_799_000  # the year 9999, in milliseconds
_DOTS: Final = frozenset({"", ".", ".."})
_SEPARATOR: Final = re.compile(r"[/\\\0]")
_BACKSLASH: Final = re.compile(r"[\\\0]")
_ID: Final = re.compile(r"[0-9A-Za-z_]+(-[0-9A-Za-z_]+)+")  # jupyter-scheduler's job id in a URL

Scalar = str | int | float | bool
_TEXT: Final = frozenset({str})
_SCALARS: Final = frozenset({str, int, float, bool})  # JSON's values are of these very types


def reject(field: str, why: str) -> NoReturn:
    """Raise the RecordError for a field.

    Args:
        field: The field's name.
        why: What is wrong with it, in a few words.
    """
    raise RecordError(f"The field '{field}' {why}")


def parse_object(text: str | bytes, *, limit: int, what: str) -> dict[str, Any]:
    """Return a JSON object from text.

    Args:
        text: The JSON.
        limit: How many bytes it may have.
        what: What it is, for the error's sentence.

    Raises:
        RecordError: It is too long, not JSON, or not an object.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(raw) > limit:
        raise RecordError(f"The {what} has {len(raw)} bytes, more than {limit}")
    try:
        value = json.loads(raw.decode())
        # A lone surrogate is text that neither SQLite nor a file can hold. Only an escape (\\ud800) can bring one here.
        if b"\\u" in raw:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise RecordError(f"The {what} is not JSON") from error
    if not isinstance(value, dict):
        raise RecordError(f"The {what} is not a JSON object")
    return value


def text(source: Mapping[str, Any], field: str, *, limit: int = TEXT_LENGTH) -> str:
    """Return a string of at most *limit* characters, without NUL."""
    value = source.get(field)
    if not isinstance(value, str) or len(value) > limit or "\0" in value:
        reject(field, f"is not a text of at most {limit} characters")
    return value


def optional_text(source: Mapping[str, Any], field: str, *, limit: int = TEXT_LENGTH) -> str | None:
    """Return a string of at most *limit* characters, or None where the field is absent or null."""
    return None if source.get(field) is None else text(source, field, limit=limit)


def identifier(source: Mapping[str, Any], field: str) -> str:
    """Return an id that jupyter-scheduler's URLs and columns can hold."""
    value = text(source, field, limit=ID_LENGTH)
    if not _ID.fullmatch(value):
        reject(field, "is not a job's or definition's id")
    return value


def check_file_name(value: str, field: str) -> str:
    """Return a file name that stays in its directory: no separator, no `..`, at most 255 bytes."""
    size = len(value.encode("utf-8", "surrogatepass"))
    if not 0 < size <= NAME_LENGTH or value in {".", ".."} or _SEPARATOR.search(value):
        reject(field, "is not a plain file name")
    return value


def check_relative_path(value: str, field: str) -> str:
    """Return a path below the job's directory: relative, without `..` and without backslashes."""
    parts = value.split("/")
    if len(value) > TEXT_LENGTH or not _DOTS.isdisjoint(parts):
        reject(field, "is not a path below the job's directory")
    if _BACKSLASH.search(value):
        reject(field, "is not a path below the job's directory")
    return value


def time(source: Mapping[str, Any], field: str) -> int:
    """Return a time in milliseconds since 1970."""
    value = source.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_TIME:
        reject(field, "is not a time in milliseconds")
    return value


def optional_time(source: Mapping[str, Any], field: str) -> int | None:
    """Return a time in milliseconds since 1970, or None where the field is absent or null."""
    return None if source.get(field) is None else time(source, field)


def flag(source: Mapping[str, Any], field: str) -> bool:
    """Return a boolean; absent and null stand for false."""
    value = source.get(field)
    if value is not None and not isinstance(value, bool):
        reject(field, "is neither true nor false")
    return bool(value)


def texts(source: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """Return a list of strings; absent and null stand for an empty one."""
    value = source.get(field)
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > MAX_ITEMS:
        reject(field, f"is not a list of at most {MAX_ITEMS} texts")
    if not _TEXT.issuperset(map(type, value)) or max(map(len, value), default=0) > TEXT_LENGTH:
        reject(field, "holds something that is not a text")
    return tuple(value)


def mapping(source: Mapping[str, Any], field: str) -> dict[str, Any]:
    """Return an object with at most a thousand members; absent and null stand for an empty one."""
    value = source.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > MAX_ITEMS:
        reject(field, f"is not an object with at most {MAX_ITEMS} members")
    return value


def text_mapping(source: Mapping[str, Any], field: str) -> dict[str, str]:
    """Return an object whose values are strings."""
    value = mapping(source, field)
    if not _TEXT.issuperset(map(type, value.values())):
        reject(field, "holds something that is not a text")
    return value


def scalar_mapping(source: Mapping[str, Any], field: str) -> dict[str, Scalar]:
    """Return an object whose values are strings, numbers or booleans."""
    value = mapping(source, field)
    if not _SCALARS.issuperset(map(type, value.values())):
        reject(field, "holds something that is neither a text, a number nor a boolean")
    return value
