"""`depends` and `dependencies` of DAG tasks: which tasks one waits for, and whether it runs after how they ended."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from nbargo_local.controller.names import Object
from nbargo_local.controller.templating import TemplateError

_TOKEN: Final = re.compile(r"\s*(&&|\|\||[!()]|[a-zA-Z0-9][-a-zA-Z0-9]*(?:\.[A-Z][a-zA-Z]+)?)\s*")
_PHASES: Final = {
    "Succeeded": "Succeeded",
    "Failed": "Failed",
    "Errored": "Error",
    "Skipped": "Skipped",
    "Omitted": "Omitted",
}
_NEVER: Final = frozenset({"Daemoned", "AnySucceeded", "AllFailed"})  # of things that are refused: daemons and loops

Phases = Mapping[str, str]
"""The phases of the tasks that have ended, by the task's name."""


def _tokens(text: str) -> list[str]:
    found, position = [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise TemplateError(f"unable to evaluate expression '{text}'")
        found.append(match[1])
        position = match.end()
    return found


def _default_condition(name: str, task: Object | None) -> str:
    accepted = ["Succeeded", "Skipped", "Daemoned"]
    continue_on = (task or {}).get("continueOn") or {}
    accepted += ["Errored"] if continue_on.get("error") else []
    accepted += ["Failed"] if continue_on.get("failed") else []
    return "(" + " || ".join(f"{name}.{each}" for each in accepted) + ")"


def condition_of(task: Object, tasks: Mapping[str, Object]) -> str:
    """Return a task's condition, with a result behind every name; empty for a task that waits for nothing.

    Args:
        task: The task.
        tasks: All tasks of the DAG by name.

    Raises:
        TemplateError: `depends` is not an expression, or asks for a result that no task has.
    """
    if not task.get("depends"):
        return " && ".join(_default_condition(name, tasks.get(name)) for name in task.get("dependencies") or ())
    tokens = _tokens(task["depends"])
    for token in tokens:
        name, _, result = token.partition(".")
        if result and result not in _NEVER and result not in _PHASES:
            raise TemplateError(f"task result '{result}' for task '{name}' is invalid")
    return " ".join(
        _default_condition(token, tasks.get(token)) if token[0].isalnum() and "." not in token else token
        for token in tokens
    )


def names_in(condition: str) -> list[str]:
    """Return the tasks that a condition speaks of, each once, in the order of its text.

    Args:
        condition: From `condition_of`.
    """
    words = (token for token in _tokens(condition) if token[0].isalnum())
    return list(dict.fromkeys(word.partition(".")[0] for word in words))


class _Evaluation:
    """A walk over the tokens: `or` of `and` of `not` of results and brackets."""

    def __init__(self, tokens: list[str], phases: Phases) -> None:
        self._tokens = tokens
        self._phases = phases

    def whole(self) -> bool:
        value = self._any()
        if self._tokens:
            raise TemplateError(f"unable to evaluate expression: unexpected {self._tokens[0]}")
        return value

    def _chain(self, operator: str, part: Callable[[], bool], combine: Callable[[list[bool]], bool]) -> bool:
        values = [part()]
        while self._tokens and self._tokens[0] == operator:
            self._tokens.pop(0)
            values.append(part())
        return combine(values)

    def _any(self) -> bool:
        return self._chain("||", self._all, any)

    def _all(self) -> bool:
        return self._chain("&&", self._one, all)

    def _one(self) -> bool:
        word = self._tokens.pop(0) if self._tokens else ""
        if word == "!":
            return not self._one()
        if word == "(":
            value = self._any()
            if not self._tokens or self._tokens.pop(0) != ")":
                raise TemplateError("unable to evaluate expression: a bracket is not closed")
            return value
        name, _, result = word.partition(".")
        if result in _NEVER:
            return False
        if result not in _PHASES:
            raise TemplateError("unable to evaluate expression: a task's result is missing")
        return self._phases.get(name) == _PHASES[result]


def holds(condition: str, phases: Phases) -> bool:
    """Tell whether a condition holds.

    Args:
        condition: From `condition_of`; not empty.
        phases: How the tasks that it speaks of ended.

    Raises:
        TemplateError: It is not an expression.
    """
    return _Evaluation(_tokens(condition), phases).whole()
