"""The container's memory, as its control group has it: version 2's files, or else version 1's."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
NO_LIMIT = 1 << 60  # version 1 has a number of that size where there is no limit


def limit(root: Path = ROOT) -> int | None:
    """Return the limit in bytes; None if there is none, or none to be seen."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        text = _read(root / name).strip()
        if text.isdigit():
            return int(text) if int(text) < NO_LIMIT else None
    return None


def kills(root: Path = ROOT) -> int:
    """Return how many processes the kernel has ended because memory ran out."""
    for name in ("memory.events", "memory/memory.oom_control"):
        found = re.search(r"^oom_kill (\d+)$", _read(root / name), re.MULTILINE)
        if found:
            return int(found.group(1))
    return 0


def shown(size: int) -> str:
    """Return a number of bytes as Kubernetes' people write it: 512 MiB, 4 GiB."""
    return f"{size >> 30} GiB" if size % (1 << 30) == 0 else f"{round(size / (1 << 20))} MiB"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
