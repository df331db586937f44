"""Make transcripts of two servers comparable: what only differs by chance gets a name.

Objects' resourceVersions become ``v1``, ``v2`` ... in the order of their values; those of lists and bookmarks say
behind which of them they are (``v2+``), since other writes move the counter as well. uids are numbered as they appear.
Times, generated suffixes, continue tokens and namespaces become placeholders.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

UID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# Versions inside of messages: where they stand, and so what they mean.
VERSION_IN_TEXT = re.compile(
    r'(in record \(|precondition \(|too old resource version: |resourceVersion\\*": ?\\*")(\d+)',
)
NOW_IN_TEXT = re.compile(r"(?<=current: )\d+")
OLDEST_IN_TEXT = re.compile(r"(too old resource version: )(\d+) \(\d+\)")
SUFFIX = "[bcdfghjklmnpqrstvwxz2456789]{5}"
MADE_UP_LIMIT = 63


class Normaliser:
    """Knows the versions, uids and generated names of one transcript.

    Args:
        transcript: All of it.
        namespaces: The names of the namespaces, and what to call them.
        prefixes: Every generateName that the case has sent.
    """

    def __init__(self, transcript: list[Any], namespaces: dict[str, str], prefixes: set[str]) -> None:
        stored = [each for each in _metadata(transcript) if "uid" in each]
        versions = sorted({int(each["resourceVersion"]) for each in stored if "resourceVersion" in each})
        self._versions = versions
        self._namespaces = sorted(namespaces.items(), key=lambda item: -len(item[0]))
        self._uids: dict[str, str] = {}
        for each in stored:
            self._uids.setdefault(each["uid"], f"uid{len(self._uids) + 1}")
        cut = {prefix[: MADE_UP_LIMIT - 5] for prefix in prefixes}
        self._generated = [(re.compile(f"{re.escape(prefix)}{SUFFIX}\\b"), f"{prefix}<5>") for prefix in cut]

    def apply(self, value: Any) -> Any:
        """Return a value with names for what differs by chance."""
        match value:
            case str():
                return self._text(value)
            case list():
                return [self.apply(each) for each in value]
            case dict():
                return {self._text(key): self._field(key, each, value) for key, each in value.items()}
            case _:
                return value

    def _field(self, key: str, value: Any, parent: dict[str, Any]) -> Any:
        if key == "resourceVersion" and isinstance(value, str) and value.isdecimal():
            return self._version(value, stored="uid" in parent)
        if key == "continue" and value:
            return "<token>"
        if key == "managedFields":
            # The server orders them by time, in whole seconds.
            value = _by(value, "manager")
        if key == "resources":  # of a discovery document: in no order
            value = _by(value, "name")
        return self.apply(value)

    def _version(self, text: str, *, stored: bool) -> str:
        return f"v{bisect_right(self._versions, int(text))}{'' if stored else '+'}"

    def _text(self, text: str) -> str:
        for name, label in self._namespaces:
            text = text.replace(name, label)
        text = UID.sub(lambda found: self._uids.get(found.group(), found.group()), text)
        for pattern, label in self._generated:
            text = pattern.sub(label, text)
        text = TIME.sub("<time>", text)
        text = OLDEST_IN_TEXT.sub(r"\1\2 (<oldest>)", text)
        text = NOW_IN_TEXT.sub("<now>", text)
        return VERSION_IN_TEXT.sub(self._known, text)

    def _known(self, found: re.Match[str]) -> str:
        before, version = found.group(1), int(found.group(2))
        if version not in self._versions:
            return found.group()
        return f"{before}v{self._versions.index(version) + 1}"


def _metadata(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object's metadata, in the order of a transcript."""
    if isinstance(value, list):
        for each in value:
            yield from _metadata(each)
    elif isinstance(value, dict):
        found = value.get("metadata")
        if isinstance(found, dict):
            yield found
        for each in value.values():
            yield from _metadata(each)


def prefixes(value: Any) -> set[str]:
    """Return every generateName in what a case sends."""
    if isinstance(value, list | tuple):
        return {found for each in value for found in prefixes(each)}
    if not isinstance(value, dict):
        return set()
    own = value.get("generateName")
    return ({own} if own else set()) | {found for each in value.values() for found in prefixes(each)}


def as_lines(answers: list[Any]) -> str:
    """Write answers for a file: stable, one line for each small part."""
    return json.dumps(answers, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _by(values: Any, member: str) -> list[dict[str, Any]]:
    return sorted(values, key=lambda each: str(each[member]))
