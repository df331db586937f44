"""Times, as the three sides write them.

jupyter-scheduler's columns hold integer milliseconds since 1970, Kubernetes writes RFC 3339 in UTC with whole seconds
(`metav1.Time`), and outcome files hold milliseconds.
"""

import re
from datetime import UTC, datetime
from typing import Final

_RFC3339: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})")


def to_milliseconds(text: str | None) -> int | None:
    """Return the milliseconds since 1970 of an RFC 3339 time, or None if it is absent or not one.

    Args:
        text: A time such as `2026-11-23T08:00:00Z`; `None` and `""` stand for "not set", as in
            Argo's `finishedAt: null`.
    """
    if not text or not _RFC3339.fullmatch(text):
        return None
    normal = re.sub(r"(\.\d{6})\d+", r"\1", text.upper().replace(" ", "T"))
    try:
        return round(datetime.fromisoformat(normal).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def to_rfc3339(milliseconds: int) -> str:
    """Return a time as Kubernetes writes it, in whole seconds UTC.

    Args:
        milliseconds: Since 1970.
    """
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
