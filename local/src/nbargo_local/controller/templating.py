"""Argo's `{{tag}}` substitution, done on JSON text as Argo does it (util/template of 3.7).

Working on the text has effects that a nicer substitution would not have, and that a manifest has to live with: a `{{`
without a `}}` after it fails the whole template, a value that itself contains `{{...}}` is substituted again by the
next pass, and a tag that nobody knows stays as it is.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

_OPEN: Final = "{{"
_CLOSE: Final = "}}"
_SHORT_ESCAPES: Final = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    '"': '\\"',
    "\\": "\\\\",
}
_LAST_ASCII: Final = 0x7F
_LAST_OF_FIRST_PLANE: Final = 0xFFFF


class TemplateError(Exception):
    """A template cannot be processed; the text is what Argo says."""


def dump(value: Any) -> str:
    """Return JSON text as Go writes it: compact, with the characters as they are.

    Args:
        value: Plain JSON data.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def quote(text: str) -> str:
    """Return a string the way Go's strconv.Quote escapes it, without the quotes around it.

    Args:
        text: Any string. Control characters get escapes that JSON does not have, which is why Argo refuses them.
    """
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code <= _LAST_ASCII:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _LAST_OF_FIRST_PLANE else f"\\U{code:08x}"


def each_tag(text: str, handle: Callable[[str], str]) -> str:
    """Return a text with every `{{tag}}` replaced.

    Args:
        text: The text.
        handle: Gets what stands between the braces, returns what to put there instead of tag and braces.

    Raises:
        TemplateError: A `{{` has no `}}` after it.
    """
    done: list[str] = []
    rest = text
    while True:
        before, found, after = rest.partition(_OPEN)
        done.append(before)
        if not found:
            return "".join(done)
        tag, found, rest = after.partition(_CLOSE)
        if not found:
            raise TemplateError(
                f'Cannot find end tag="}}}}" in the template="{quote(text)}" starting from "{quote(after)}"'
            )
        done.append(handle(tag))


def _substituted(tag: str, values: Mapping[str, str]) -> str:
    value = values.get(tag.strip())
    if value is not None:
        return quote(value)
    outer, found, inner = tag.rpartition(_OPEN)
    if found and outer and inner in values:
        return _OPEN + outer + quote(values[inner])
    return _OPEN + tag + _CLOSE


def replace(value: Any, values: Mapping[str, str]) -> Any:
    """Return JSON data with the tags that are known replaced, and the others left alone.

    Args:
        value: Plain JSON data; not changed.
        values: The tags' values.

    Raises:
        TemplateError: Braces do not match, or a value has a character that Argo cannot put into JSON.
    """
    text = dump(value)
    replaced = each_tag(text, lambda tag: _substituted(tag, values))
    if replaced == text:
        return value
    try:
        return json.loads(replaced)
    except ValueError as error:
        raise TemplateError("cannot finish template replacement because the result was invalid JSON") from error
