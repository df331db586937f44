"""Label selectors and field selectors, parsed as k8s.io/apimachinery does and evaluated on plain objects."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from nbargo_local.api.metadata import label_value_errors, qualified_name_errors
from nbargo_local.api.statuses import bad_request, invalid_value

Operator = Literal["=", "!=", "in", "notin", "exists", "absent", ">", "<"]

_TOKEN = re.compile(r"\s*(==|=|!=|!|\(|\)|,|>|<|[^\s=!(),<>]+)")
_SYMBOLS = frozenset({"(", ")", ",", "=", "==", "!=", "!", "<", ">"})
_INTEGER = "[+-]?[0-9]+"
_FIELDS = ("metadata.name", "metadata.namespace")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on a label.

    Args:
        key: The label's key.
        operator: What must hold.
        values: What it is compared with; empty for exists and absent.
    """

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def matches(self, labels: dict[str, str]) -> bool:
        """Tell whether the labels fulfil this; a missing label fulfils != and notin."""
        match self.operator:
            case "exists":
                return self.key in labels
            case "absent":
                return self.key not in labels
            case "=" | "in":
                return self.key in labels and labels[self.key] in self.values
            case ">" | "<":
                return self._compares(labels.get(self.key, ""))
            case _:
                return self.key not in labels or labels[self.key] not in self.values

    def _compares(self, value: str) -> bool:
        (limit,) = map(int, self.values)
        if not re.fullmatch(_INTEGER, value):
            return False
        return int(value) > limit if self.operator == ">" else int(value) < limit


@dataclass(frozen=True, slots=True)
class Selector:
    """Which objects a request is about.

    Args:
        namespace: The namespace of the path; None for all of them.
        labels: Conditions on labels; all must hold.
        fields: Conditions on metadata.name and metadata.namespace, as (field, equal, value).
    """

    namespace: str | None = None
    labels: tuple[Requirement, ...] = ()
    fields: tuple[tuple[str, bool, str], ...] = ()

    @classmethod
    def parse(cls, namespace: str | None, *, labels: str = "", fields: str = "") -> "Selector":
        """Parse the selectors of a request.

        Args:
            namespace: The namespace of the path; None for all of them.
            labels: The labelSelector parameter.
            fields: The fieldSelector parameter.

        Raises:
            ApiError: 400, one of them is not valid.
        """
        return cls(namespace, _LabelParser(labels).parse(), _parse_fields(fields))

    @property
    def selects_all(self) -> bool:
        """Whether nothing but the namespace limits the objects."""
        return not self.labels and not self.fields

    def matches(self, obj: dict[str, Any]) -> bool:
        """Tell whether an object is one of those that the request is about."""
        metadata = obj["metadata"]
        if self.namespace is not None and metadata["namespace"] != self.namespace:
            return False
        for path, equal, value in self.fields:
            if (metadata[path.removeprefix("metadata.")] == value) is not equal:
                return False
        labels = metadata.get("labels", {})
        return all(each.matches(labels) for each in self.labels)


class _LabelParser:
    """A recursive-descent parser of the grammar in apimachinery's pkg/labels/selector.go."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._scan(text)
        self._at = 0

    def parse(self) -> tuple[Requirement, ...]:
        found: list[Requirement] = []
        while self._peek() or found:
            if self._peek() != "!" and self._peek() in {"", *_SYMBOLS}:
                wanted = "identifier after ','" if found else "!, identifier, or 'end of string'"
                raise bad_request(f"found '{self._peek()}', expected: {wanted}")
            found.append(self._requirement())
            if not self._peek():
                break
            if self._peek() != ",":
                raise bad_request(f"found '{self._peek()}', expected: ',' or 'end of string'")
            self._next()
        return tuple(found)

    def _requirement(self) -> Requirement:
        absent = self._peek() == "!"
        if absent:
            self._next()
        key = self._identifier()
        for error in qualified_name_errors(key):
            raise self._error(f"<nil>: {invalid_value('', key, error).message}")
        if absent or self._peek() in {"", ","}:
            return Requirement(key, "absent" if absent else "exists")
        match operator := self._next():
            case "=" | "==":
                return Requirement(key, "=", self._one_value(key))
            case "!=":
                return Requirement(key, "!=", self._one_value(key))
            case "in" | "notin":
                return Requirement(key, operator, self._value_set(key))
            case "<" | ">":
                return Requirement(key, operator, self._integer())
            case _:
                raise self._error(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")

    def _integer(self) -> frozenset[str]:
        value = self._identifier()
        if not re.fullmatch(_INTEGER, value):
            why = "for 'Gt', 'Lt' operators, the value must be an integer"
            message = invalid_value("", value, why).message
            raise self._error(f"values[0]: {message}")
        return frozenset({value})

    def _one_value(self, key: str) -> frozenset[str]:
        if self._peek() in {"", ","}:
            return frozenset({""})
        return frozenset({self._checked(key, self._identifier())})

    def _value_set(self, key: str) -> frozenset[str]:
        if self._peek() != "(":
            raise self._error(f"found '{self._peek()}' expected: '('")
        self._next()
        values, current = set(), ""
        while (found := self._next()) != ")":
            if found == ",":
                values.add(current)
                current = ""
            elif current or found in {"", *_SYMBOLS}:
                raise self._error(f"found '{found}', expected: ',' or ')'")
            else:
                current = self._checked(key, found)
        return frozenset({*values, current})

    def _checked(self, key: str, value: str) -> str:
        for error in label_value_errors(value):
            field = f"values[0][{key}]"
            raise self._error(f"{field}: {invalid_value(field, value, error).message}")
        return value

    def _identifier(self) -> str:
        token = self._next()
        if token in {"", *_SYMBOLS}:
            raise self._error(f"found '{token}', expected: identifier")
        return token

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _scan(self, text: str) -> list[str]:
        tokens, position, end = [], 0, len(text.rstrip())
        while position < end:
            found = _TOKEN.match(text, position)
            if not found:
                raise self._error(f"found '{text[position:]}', expected: identifier")
            tokens.append(found.group(1))
            position = found.end()
        return tokens

    def _error(self, what: str) -> Exception:
        return bad_request(f"unable to parse requirement: {what}")


def _parse_fields(text: str) -> tuple[tuple[str, bool, str], ...]:
    found = []
    for term in filter(None, text.split(",")):
        parts = re.fullmatch(r"(.*?)(==|!=|=)(.*)", term, flags=re.DOTALL)
        if not parts:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{term}'")
        path, operator, value = parts.groups()
        if not path and not value and operator != "!=":
            continue  # the real server takes nothing for everything
        if path not in _FIELDS:
            raise bad_request(f"field label not supported: {path}")
        found.append((path, operator != "!=", value))
    return tuple(found)
