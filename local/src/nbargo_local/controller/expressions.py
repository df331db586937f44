"""The expressions of `retryStrategy.expression`: the part of expr-lang's language that the local controller evaluates.

Comparisons, `&&`, `||`, `!` and their names, `contains`, `in` with a list of literals, asInt() and asFloat() of the
facts of the last attempt, and literals. Precedences and types are those of expr-lang 1.17, the library of Argo 3.7:
what it refuses to compile and what is outside of this part are refused before the workflow starts.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

Value = str | int | float | bool
Scope = Mapping[str, str]
"""What an expression knows: `retries` and the facts of `lastRetry`, all of them text."""

NAMES: Final = frozenset(
    {"retries", "lastRetry.exitCode", "lastRetry.status", "lastRetry.duration", "lastRetry.message"}
)
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<string>'[^'\\\n]*'|\"[^\"\\\n]*\")|(?P<number>\d+(?:\.\d+)?(?![\w.]))"
    r"|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|(?P<sign>\|\||&&|[=!<>]=|[<>!()\[\],-]))"
)
_ORDERED: Final[dict[str, Callable[[Value, Value], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_COMPARISONS: Final = frozenset({*_ORDERED, "==", "!=", "contains", "in"})
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_DECIMAL: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_END: Final = ""


class ExpressionError(Exception):
    """A text is no expression of the kind that is known here, or has no value."""


@dataclass(frozen=True, slots=True)
class _Term:
    """A part of an expression.

    Args:
        kind: `text`, `number` or `truth`; empty for one that shows when it is evaluated, as expr-lang's `any`.
        value: Works the value out.
    """

    kind: str
    value: Callable[[Scope], Value]


def _kind(value: Value) -> str:
    if isinstance(value, bool):
        return "truth"
    return "text" if isinstance(value, str) else "number"


def _must_be(value: Value, kind: str) -> Value:
    if _kind(value) != kind:
        raise ExpressionError(f"{value!r} is no {kind}")
    return value


def _as_int(value: Value) -> Value:
    if isinstance(value, str) and not _INTEGER.fullmatch(value):
        raise ExpressionError(f"invalid operation: int({value})")
    return int(_must_be(value, "number")) if not isinstance(value, str) else int(value)


def _as_float(value: Value) -> Value:
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        raise ExpressionError(f"invalid operation: float({value})")
    return float(_must_be(value, "number")) if not isinstance(value, str) else float(value)


_FUNCTIONS: Final[dict[str, Callable[[Value], Value]]] = {"asInt": _as_int, "asFloat": _as_float}


def _equal(left: Value, right: Value) -> bool:
    return _kind(left) == _kind(right) and left == right


def _ordered(sign: str, left: Value, right: Value) -> bool:
    if _kind(left) == "truth" or _kind(left) != _kind(right):
        raise ExpressionError(f"invalid operation: {left!r} {sign} {right!r}")
    return _ORDERED[sign](left, right)


def _contains(left: Value, right: Value) -> bool:
    return str(_must_be(right, "text")) in str(_must_be(left, "text"))


def _compare(sign: str, left: Value, right: Value) -> bool:
    if sign == "contains":
        return _contains(left, right)
    if sign in _ORDERED:
        return _ordered(sign, left, right)
    return _equal(left, right) is (sign == "==")


class _Parser:
    """A walk over the tokens, from what binds least to what binds most."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)

    def whole(self) -> _Term:
        term = self._any()
        if self._next != _END:
            raise ExpressionError(f"unexpected {self._next}")
        return _of_kind(term, "truth")

    @property
    def _next(self) -> str:
        return self._tokens[0]

    def _take(self, *signs: str) -> str:
        """Return the next token if it is one of some, and go on after it; an empty text if it is not."""
        return self._tokens.pop(0) if self._next in signs and self._next != _END else ""

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise ExpressionError(f"{sign} expected, not {self._next or 'the end'}")

    def _any(self) -> _Term:
        term = self._all()
        while self._take("||", "or"):
            term = _either(_of_kind(term, "truth"), _of_kind(self._all(), "truth"))
        return term

    def _all(self) -> _Term:
        term = self._comparison()
        while self._take("&&", "and"):
            term = _both(_of_kind(term, "truth"), _of_kind(self._comparison(), "truth"))
        return term

    def _comparison(self) -> _Term:
        left = self._negation()
        negated = bool(self._take("not"))
        sign = self._take(*_COMPARISONS)
        if negated and sign not in {"in", "contains"}:
            raise ExpressionError(f"unexpected {self._next or 'end'} after not")
        if not sign:
            return left
        term = self._in(left) if sign == "in" else _comparison(sign, left, self._negation())
        if self._next in _COMPARISONS:
            raise ExpressionError(f"{sign} and {self._next} in a row, without brackets")
        return _not(term) if negated else term

    def _in(self, left: _Term) -> _Term:
        """Read a list of literals of one kind, and return whether a value is in it."""
        self._expect("[")
        items: list[_Term] = []
        while not self._take("]"):
            if items:
                self._expect(",")
            items.append(self._literal())
        kinds = {item.kind for item in items}
        if len(kinds) > 1 or (left.kind and kinds - {left.kind}):
            raise ExpressionError("a list of values of another kind")

        def found(scope: Scope) -> Value:
            value = left.value(scope)
            if kinds == {"text"}:
                _must_be(value, "text")
            return any(_equal(value, item.value(scope)) for item in items)

        return _Term("truth", found)

    def _negation(self) -> _Term:
        if self._take("!", "not"):
            return _not(_of_kind(self._negation(), "truth"))
        return self._operand()

    def _operand(self) -> _Term:
        if self._take("("):
            term = self._any()
            self._expect(")")
            return term
        if (name := self._take(*_FUNCTIONS)) != "":
            function = _FUNCTIONS[name]
            self._expect("(")
            argument = self._any()
            self._expect(")")
            return _Term("", lambda scope: function(argument.value(scope)))
        if (name := self._take(*NAMES)) != "":
            return _Term("text" if name == "retries" else "", lambda scope: scope[name])
        return self._literal()

    def _literal(self) -> _Term:
        negative = bool(self._take("-"))
        word = self._next
        value: Value
        if word[:1].isdigit():
            value = float(word) if "." in word else int(word)
            value = -value if negative else value
        elif word[:1] in {"'", '"'} and not negative:
            value = word[1:-1]
        elif word in {"true", "false"} and not negative:
            value = word == "true"
        else:
            raise ExpressionError(f"unexpected {word or 'end'}")
        self._tokens.pop(0)
        return _Term(_kind(value), lambda _: value)


def _tokens(text: str) -> list[str]:
    found, position, text = [], 0, text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ExpressionError(f"unexpected {text[position:].lstrip()}")
        found.append(match[0].lstrip())
        position = match.end()
    return [*found, _END]


def _of_kind(term: _Term, kind: str) -> _Term:
    if term.kind not in {"", kind}:
        raise ExpressionError(f"a {term.kind} where a {kind} has to be")
    return term


def _comparison(sign: str, left: _Term, right: _Term) -> _Term:
    if sign == "contains":
        left, right = _of_kind(left, "text"), _of_kind(right, "text")
    elif left.kind and right.kind and left.kind != right.kind:
        raise ExpressionError(f"a {left.kind} {sign} a {right.kind}")
    elif sign in _ORDERED and "truth" in {left.kind, right.kind}:
        raise ExpressionError(f"a truth {sign} something")
    return _Term("truth", lambda scope: _compare(sign, left.value(scope), right.value(scope)))


def _not(term: _Term) -> _Term:
    return _Term("truth", lambda scope: not _must_be(term.value(scope), "truth"))


def _either(left: _Term, right: _Term) -> _Term:
    return _Term("truth", lambda scope: _must_be(left.value(scope), "truth") or right.value(scope))


def _both(left: _Term, right: _Term) -> _Term:
    return _Term("truth", lambda scope: _must_be(left.value(scope), "truth") and right.value(scope))


def check_expression(text: str) -> None:
    """Refuse what is not an expression of the kind that is known here.

    Args:
        text: The expression.

    Raises:
        ExpressionError: It is not; the text says where.
    """
    _Parser(text).whole()


def holds(text: str, scope: Scope) -> bool:
    """Tell whether an expression holds.

    Args:
        text: The expression.
        scope: The values of `NAMES`.

    Raises:
        ExpressionError: It is not an expression, or has no value, such as asInt() of words; the text is Argo's.
    """
    term = _Parser(text).whole()
    try:
        value = term.value(scope)
    except ExpressionError as error:
        raise ExpressionError(f"unable to evaluate expression '{text}': {error}") from error
    if not isinstance(value, bool):
        raise ExpressionError(f"unable to cast expression result '{value}' to bool")
    return value
