"""A CronWorkflow in the cron engine: the object as it was when it was put there, and when it is due."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from nbargo_local.controller.cron.schedule import Interval, Schedule
from nbargo_local.controller.cron.spec import CronSpec
from nbargo_local.controller.names import Object


@dataclass(slots=True)
class Entry:
    """One schedule of a job.

    Args:
        schedule: The schedule.
        next: When it is due next; None for never.
    """

    schedule: Schedule
    next: datetime | None


@dataclass(slots=True)
class Job:
    """A CronWorkflow in the cron engine.

    Args:
        cron: The object that a run is made from. Argo puts a new one there after most changes, but not after all.
        stamp: Its schedules and time zone.
        entries: One for each of its schedules.
    """

    cron: Object
    stamp: str
    entries: list[Entry] = field(default_factory=list[Entry])

    @classmethod
    def of(cls, cron: Object, spec: CronSpec, now: datetime) -> Self:
        """Return the job of a CronWorkflow whose intervals begin now.

        Args:
            cron: The CronWorkflow.
            spec: What was read from it.
            now: The present time.

        Raises:
            ScheduleError: The time zone is unknown.
        """
        return cls(cron, spec.stamp, [Entry(each, each.next(now)) for each in spec.parsed()])

    @property
    def next(self) -> datetime | None:
        """When it is due next; None for never."""
        return min((each.next for each in self.entries if each.next is not None), default=None)

    @property
    def has_intervals(self) -> bool:
        """Whether one of the schedules is an `@every`."""
        return any(isinstance(each.schedule, Interval) for each in self.entries)

    def is_due(self, now: datetime) -> bool:
        """Tell whether a run is due."""
        return self.next is not None and self.next <= now

    def take_due(self, now: datetime) -> datetime | None:
        """Return the time for which a run is due, and go on to the times after the present one.

        Several times that have come since the last look, as on a machine that slept, are one run; of several schedules
        the one that was due last names it.

        Args:
            now: The present time.
        """
        due = [each for each in self.entries if each.next is not None and each.next <= now]
        times = [each.next for each in due if each.next is not None]
        for entry in due:
            entry.next = entry.schedule.next(now)
        return max(times, default=None)
