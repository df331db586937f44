"""Typed parameters from the texts of the lab's form.

jupyter-scheduler's parameters are texts (`Dict[str, str]`). Papermill writes what it is given as a value of the
notebook's language, so the type is decided here, once, by a rule that a user can keep in mind: what reads as JSON is
that value, what Python would read as a constant or a quoted text is that, and anything else is a text.
"""

import ast
import json
import keyword
import math
import warnings
from collections.abc import Mapping
from typing import Final, NoReturn, TypeAlias

from nbargo_shared.errors import InputError

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

_PYTHON_CONSTANTS: Final[Mapping[str, bool | None]] = {"True": True, "False": False, "None": None}
_MAX_LITERAL: Final = 64 * 1024  # nbargo_shared.record.MAX_BYTES: longer texts cannot be sent, so they are not parsed


class _NotJsonError(ValueError):
    """A value that JSON cannot carry."""


def typed(parameters: Mapping[str, str]) -> dict[str, JSON]:
    """Return the values that the user meant.

    Args:
        parameters: The texts of the form, by name.

    Returns:
        JSON values by name, in the same order: `2` is a number, `true` and `True` are a boolean, `"2"` and `'2'` are
        texts, `[1, 2]` and `(1, 2)` are lists, `{"a": 1}` is an object; `hello`, `007` and `2026-11-23` stay as typed.

    Raises:
        InputError: A name cannot be a variable's, or a text is not Unicode.
    """
    return {_name(name): _value(name, text) for name, text in parameters.items()}


def _name(name: str) -> str:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise InputError(
            f"The parameter name {name!r} cannot be the name of a variable",
            hint="Use letters, digits and underscores, not a digit first, and no word of the Python language",
        )
    return name


def _value(name: str, text: str) -> JSON:
    if not _is_unicode(text):
        raise InputError(
            f"The value of the parameter '{name}' is not valid Unicode text", hint="Type the value again in the form"
        )
    if len(text) > _MAX_LITERAL:
        return text
    stripped = text.strip()
    if stripped in _PYTHON_CONSTANTS:
        return _PYTHON_CONSTANTS[stripped]
    try:
        return _json(text)
    except (ValueError, RecursionError):
        pass
    try:
        return _python(stripped)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return text


def _json(text: str) -> JSON:
    value: JSON = json.loads(text, parse_constant=_reject)
    return _checked(value)


def _python(text: str) -> JSON:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a backslash in 'C:\data' is the user's, not a mistake of ours
        node = ast.parse(text, mode="eval").body
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    is_tuple = isinstance(node, ast.Tuple) and text.startswith("(")  # a list without parentheses is rather a sentence
    if not (is_text or is_tuple or isinstance(node, ast.List | ast.Dict)):
        raise _NotJsonError(text)
    return _checked(ast.literal_eval(node))


def _checked(value: object) -> JSON:
    """Return the value with tuples as lists, or raise _NotJsonError for what JSON or UTF-8 cannot carry."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, str) and _is_unicode(value):
        return value
    if isinstance(value, list | tuple):
        return [_checked(item) for item in value]
    if isinstance(value, dict):
        return {_key(key): _checked(item) for key, item in value.items()}
    raise _NotJsonError(value)


def _key(key: object) -> str:
    if isinstance(key, str) and _is_unicode(key):
        return key
    raise _NotJsonError(key)


def _reject(constant: str) -> NoReturn:
    raise _NotJsonError(constant)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
