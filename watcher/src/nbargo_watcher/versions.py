"""The order of resourceVersions.

Kubernetes sanctions comparing them within one resource since 1.35 (KEP-5504): a decimal number without a leading zero,
of any length, so that the longer one is the newer, and among equally long ones the order is that of the texts.
Anything else cannot be compared, and what carries it is always looked at.
"""

from enum import Enum


class Order(Enum):
    """How one resourceVersion stands to another."""

    OLDER = "older"
    SAME = "same"
    NEWER = "newer"
    UNKNOWN = "unknown"


def compare(version: str, other: str) -> Order:
    """Return how *version* stands to *other*.

    Args:
        version: The resourceVersion in question.
        other: What it is held against.
    """
    if version == other and version:
        return Order.SAME
    if not (is_comparable(version) and is_comparable(other)):
        return Order.UNKNOWN
    return Order.NEWER if (len(version), version) > (len(other), other) else Order.OLDER


def is_comparable(version: str) -> bool:
    """Return whether a resourceVersion is one that can be compared."""
    return version.isascii() and version.isdecimal() and version[0] != "0"


def newest(version: str, other: str) -> str:
    """Return the newer of two, and *version* if that cannot be told."""
    return other if compare(version, other) is Order.OLDER else version
