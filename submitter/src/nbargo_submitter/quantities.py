"""Kubernetes' quantities, such as 500m, 2.5 and 4Gi, as exact numbers."""

import re
from fractions import Fraction
from typing import Final

from nbargo_shared.errors import InputError

_TEXT: Final = re.compile(r"(?P<number>[0-9]+(\.[0-9]*)?|\.[0-9]+)(?P<suffix>[A-Za-z]{0,2}|[eE][+-]?[0-9]{1,2})")
_LENGTH: Final = 40
_SUFFIXES: Final = {
    **{suffix: Fraction(1000) ** power for power, suffix in enumerate(("n", "u", "m", "", "k", "M", "G", "T"), -3)},
    **{suffix: Fraction(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti"), 1)},
}
"""As in apimachinery's `resource.Quantity`, but for P, E and their likes: no machine has so much."""


def amount(text: str) -> Fraction:
    """Return the number that a quantity stands for.

    Args:
        text: The quantity, without a sign.

    Raises:
        InputError: It is none.
    """
    match = _TEXT.fullmatch(text) if len(text) <= _LENGTH else None
    if match is not None:
        suffix = match["suffix"]
        if suffix in _SUFFIXES:
            return Fraction(match["number"]) * _SUFFIXES[suffix]
        if suffix[1:].lstrip("+-").isdigit():
            return Fraction(match["number"]) * Fraction(10) ** int(suffix[1:])
    raise InputError(f"'{text[:_LENGTH]}' is not an amount", hint="Write a number such as 0.5, 500m, 2 or 4Gi")
