"""How a job's notebook is run, beside what its pod is made of: with which kernel, for how long, how often again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

DEADLINE_MARGIN: Final = 15 * 60
"""Seconds. Kubernetes counts a pod's deadline from before its image is pulled, which on a new node takes minutes, and
the runner counts from when it starts. So a notebook never gets less than its time."""

_INFRASTRUCTURE: Final = (
    "(asInt(lastRetry.exitCode) > 2 || asInt(lastRetry.exitCode) < 0)"
    " && !(lastRetry.message contains 'OOMKilled') && !(lastRetry.message contains 'deadline')"
)
"""Up to 2 the runner ended by itself; no exit code (-1) means that the pod was lost. A notebook that needs too much
memory or time needs it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How a job's notebook is run.

    Attributes:
        kernel: Name of the kernel; None for the notebook's own.
        command: What runs the runner's text.
        timeout: Seconds until the notebook is ended; None for no limit.
        retries: How often it is tried again.
        retry_failures: Whether a notebook that failed is, too.
        notify: Who is told of the end, as the runner reads it; None for nobody.
    """

    kernel: str | None = None
    command: tuple[str, ...] = ("python",)
    timeout: int | None = None
    retries: int = 0
    retry_failures: bool = False
    notify: Mapping[str, Any] | None = None

    @property
    def deadline(self) -> int | None:
        """When Kubernetes ends an attempt whose runner does not; seconds."""
        return None if self.timeout is None else self.timeout + DEADLINE_MARGIN

    def job(self) -> dict[str, Any]:
        """Return the members of NBARGO_JOB that say so; those that are not wanted are absent."""
        attempts = self.retries + 1 if self.retries else None
        optional = {
            "timeout": self.timeout,
            "attempts": attempts,
            "retry_failures": bool(attempts) and self.retry_failures,
            "notify": self.notify and dict(self.notify),
        }
        return {"kernel": self.kernel, **{name: value for name, value in optional.items() if value}}

    def retry_strategy(self) -> dict[str, Any] | None:
        """Return Argo's retryStrategy in Kubernetes' form; None if nothing is tried again."""
        if not self.retries:
            return None
        strategy = {"limit": str(self.retries), "retryPolicy": "Always"}
        return strategy if self.retry_failures else {**strategy, "expression": _INFRASTRUCTURE}
