"""What passes between the reflector (which reads the cluster) and the projector (which writes the rows).

An observed object is small on purpose: it holds what the status table and a row need, never `status.nodes`, so that
memory does not grow with the size of workflows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """What a CronWorkflow has and a Workflow has not.

    Attributes:
        schedule: The first of its schedules; None if it names none.
        timezone: Its time zone; None if it names none.
        suspended: Whether it is paused.
        definition_json: The definition annotation, unchecked.
        conditions: Type and message of each condition that holds: SpecError, SubmissionError.
        last_run_at: `status.lastScheduledTime`, milliseconds: which ticks a condition can be about.
    """

    schedule: str | None = None
    timezone: str | None = None
    suspended: bool = False
    definition_json: str | None = None
    conditions: tuple[tuple[str, str], ...] = ()
    last_run_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A Workflow or a CronWorkflow as the watcher saw it.

    Attributes:
        namespace: Its namespace.
        name: Its name; never used as an identity.
        uid: Its uid: together with the job id its identity.
        resource_version: Opaque; decimal on every known server (KEP-5504).
        user: Value of the user label; "" if absent.
        job_id: Value of the job-id label; of a run that a CronWorkflow started the Workflow's own uid; "" if it is
            neither.
        definition_id: Value of the definition-id label; "" if absent.
        scheduled: Whether a CronWorkflow started it, so that its job annotation is the template of all its runs.
        phase: `status.phase`, "" if absent.
        message: `status.message` with what `details` adds, "" if there is none.
        shutdown: `spec.shutdown`, "" if absent.
        stop_requested: Whether the stop annotation is there, and younger than `status.startedAt`.
        completed: Whether Argo's completed label is "true".
        resubmitted: Whether it is a copy that `argo resubmit` made.
        deleting: Whether deletionTimestamp is set.
        ran: Whether anything is known to have run (progress above 0, or an outcome).
        created_at: creationTimestamp, milliseconds.
        started_at: `status.startedAt`, milliseconds; None while it is not set.
        finished_at: `status.finishedAt`, milliseconds; None while it is not set.
        job_json: The job annotation, unchecked; of a CronWorkflow the one that its runs get.
        outcome_json: The outcome parameter, unchecked.
        cron: What a CronWorkflow has besides; None for a Workflow.
    """

    namespace: str
    name: str
    uid: str
    resource_version: str
    user: str = ""
    job_id: str = ""
    definition_id: str = ""
    scheduled: bool = False
    phase: str = ""
    message: str = ""
    shutdown: str = ""
    stop_requested: bool = False
    completed: bool = False
    resubmitted: bool = False
    deleting: bool = False
    ran: bool = False
    created_at: int | None = None
    started_at: int | None = None
    finished_at: int | None = None
    job_json: str | None = None
    outcome_json: str | None = None
    cron: Cron | None = None

    @property
    def key(self) -> str:
        """The id of the job or definition that it stands for; "" if it stands for none."""
        return self.job_id if self.cron is None else self.definition_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change that a watch reported.

    Attributes:
        observed: The object; for a deletion its last body, with the deletion's resourceVersion.
        deleted: Whether the event's type was DELETED, which may also mean that the object left the selector.
    """

    observed: Observed
    deleted: bool = False


class Sink(Protocol):
    """Where the reflector puts what it reads: everything it is given is committed when the call returns.

    A *scope* is one stream: a resource in a namespace, such as `workflows/argo`.
    """

    async def checkpoint(self, scope: str) -> str | None:
        """Return the resourceVersion up to which the rows are true, or None if that is not known."""
        ...

    async def page(self, scope: str, objects: Sequence[Observed]) -> None:
        """Take one page of a list that is under way: these objects are there; absence means nothing yet."""
        ...

    async def listed(self, scope: str, *, uids: frozenset[str], resource_version: str, unread: int = 0) -> None:
        """Take the end of a complete list: whatever is not among *uids* is gone. Moves the checkpoint.

        Of *unread* objects nothing is known but that they are there; their uids are in *uids* as far as they have one.
        """
        ...

    async def events(self, scope: str, events: Sequence[Event], *, resource_version: str) -> None:
        """Take a batch of watch events, at most one for each object, and move the checkpoint in the same commit."""
        ...


class Cluster(Protocol):
    """How the projector looks at one object again."""

    async def get(self, namespace: str, name: str) -> Observed | None:
        """Return the object as it is now, or None if it is gone; in any namespace if *namespace* is "".

        Raises:
            ClusterError: The question could not be answered, which says nothing about the object.
        """
        ...
