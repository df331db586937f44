"""Names and values that have broken programs before."""

from typing import Any

NAMES = [
    "with space.ipynb",
    "it's.ipynb",
    "brackets (2) [x] {y}.ipynb",
    "ünïcode 日本語 🚀.ipynb",
    'quo"te$HOME;`id`&.ipynb',
    "folder/below/nested file.ipynb",
]
"""Notebooks, relative to the lab's root folder."""

VALUES: dict[str, tuple[str, Any]] = {
    "integer": ("5", 5),
    "negative": ("-17", -17),
    "number": ("0.5", 0.5),
    "true": ("true", True),
    "python_true": ("True", True),
    "nothing": ("null", None),
    "listed": ('[1, "two", [3.5, null]]', [1, "two", [3.5, None]]),
    "mapped": ('{"a": {"b": [true]}}', {"a": {"b": [True]}}),
    "quoted_number": ('"5"', "5"),
    "plain": ("hello", "hello"),
    "zeros": ("007", "007"),
    "braces": ("{{x}}", "{{x}}"),
    "argo_braces": ("{{workflow.name}} {{= 1 + 1 }}", "{{workflow.name}} {{= 1 + 1 }}"),
    "quotes": ("it's \"so\" '''and''' \\ `so`", "it's \"so\" '''and''' \\ `so`"),
    "lines": ("one\ntwo\r\n\tthree", "one\ntwo\r\n\tthree"),
    "unicode": ("grüße 日本 🚀 \u2028", "grüße 日本 🚀 \u2028"),
    "empty": ("", ""),
    "shell": ("$(id) `id` ; rm -rf $HOME", "$(id) `id` ; rm -rf $HOME"),
}
"""Parameters by name: what the user types, and what the notebook gets."""
