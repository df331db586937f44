"""A CronWorkflow's status, and the merge patches by which Argo writes it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Self

from nbargo_local.controller.durations import read_stamp, stamp
from nbargo_local.controller.names import Object

SPEC_ERROR: Final = "SpecError"
SUBMISSION_ERROR: Final = "SubmissionError"
STOPPED: Final = "Stopped"
_ACTIVE: Final = "Active"


@dataclass(frozen=True, slots=True)
class CronStatus:
    """The status.

    Args:
        active: References to the Workflows that have not ended, or have ended since the last look at them.
        last: When the last Workflow was due that was made.
        conditions: SpecError and SubmissionError; None if there never was one.
        succeeded: How many Workflows have succeeded.
        failed: How many have not, or could not be made.
        phase: Active once a Workflow was made; empty before.
    """

    active: tuple[Object, ...]
    last: datetime | None
    conditions: tuple[Object, ...] | None
    succeeded: int
    failed: int
    phase: str

    @classmethod
    def of(cls, cron: Object) -> Self:
        """Read the status of a CronWorkflow."""
        status = cron.get("status") or {}
        conditions = status.get("conditions")
        return cls(
            active=tuple(status.get("active") or ()),
            last=read_stamp(status.get("lastScheduledTime")),
            conditions=None if conditions is None else tuple(conditions),
            succeeded=status.get("succeeded") or 0,
            failed=status.get("failed") or 0,
            phase=status.get("phase") or "",
        )

    def started(self, reference: Object, scheduled: datetime) -> Self:
        """Return the status after a Workflow was made.

        Args:
            reference: The reference to it.
            scheduled: When it was due.
        """
        done = replace(self, active=(*self.active, reference), phase=_ACTIVE, last=scheduled)
        return done.without(SUBMISSION_ERROR)

    def ended(self, phase: str) -> Self:
        """Return the status with one more Workflow that has ended counted.

        Args:
            phase: The phase that it ended in.
        """
        if phase == "Succeeded":
            return replace(self, succeeded=self.succeeded + 1)
        return replace(self, failed=self.failed + 1)

    def with_error(self, kind: str, message: str) -> Self:
        """Return the status with a condition set, in its old place if it was set before.

        Args:
            kind: SpecError or SubmissionError; the latter counts as a failure.
            message: What is wrong.
        """
        condition = {"type": kind, "status": "True", "message": message}
        known = self.conditions or ()
        if any(each.get("type") == kind for each in known):
            known = tuple(condition if each.get("type") == kind else each for each in known)
        else:
            known = (*known, condition)
        return replace(self, conditions=known, failed=self.failed + (kind == SUBMISSION_ERROR))

    def without(self, kind: str) -> Self:
        """Return the status with a condition removed."""
        if self.conditions is None:
            return self
        return replace(self, conditions=tuple(each for each in self.conditions if each.get("type") != kind))

    def whole(self) -> Object:
        """Return the patch for all fields; what is empty is removed, but for conditions that once were there."""
        return self.counts() | {
            "lastScheduledTime": None if self.last is None else stamp(self.last),
            "conditions": None if self.conditions is None else list(self.conditions),
        }

    def counts(self) -> Object:
        """Return the patch for what changes when Workflows end."""
        return {
            "active": list(self.active) or None,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "phase": self.phase,
        }
