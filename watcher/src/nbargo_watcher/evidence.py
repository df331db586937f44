"""What reconcile is given and what it returns: the evidence on one job, and the change that follows."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nbargo_shared.definition import DefinitionRecord
from nbargo_shared.outcome import Outcome
from nbargo_shared.record import JobRecord
from nbargo_watcher.model import Observed
from nbargo_watcher.rows import Projected, Row

ENDED: Final = frozenset({"Succeeded", "Failed", "Error"})
"""Argo's phases of a workflow that has ended."""


class Source(StrEnum):
    """Where a row's state was read from."""

    OBJECT = "object"
    OUTCOME_FILE = "outcome file"
    ARCHIVE = "archive"
    MISSING = "missing"
    """Nothing was left to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known of one job or definition outside the database.

    Attributes:
        job_id: The job's id, or the definition's.
        scope: The stream by which its Workflow is followed; "" if it was never seen.
        observed: The Workflow, or its last body; None if there is none.
        gone: Whether the Workflow is known not to be there any more.
        uid: Of the Workflow that this is about; "" if not known.
        resource_version: Up to which this is true: the object's, its deletion's, or the list's; "" if not known.
        outcome: The outcome file's content; whose run it tells of is for reconcile to judge.
        archived: Whether `observed` comes from Argo's archive.
        checked: Whether a deletion or absence was looked into; a deletion may mean that the object left the selector.
        looked: Whether the outcome file and the archive were asked, or the definition file.
        definition: The definition file's content.
    """

    job_id: str
    scope: str = ""
    observed: Observed | None = None
    gone: bool = False
    uid: str = ""
    resource_version: str = ""
    outcome: Outcome | None = None
    archived: bool = False
    checked: bool = True
    looked: bool = False
    definition: DefinitionRecord | None = None


def of_object(scope: str, observed: Observed, *, deleted: bool = False) -> Evidence:
    """Return the evidence that an object is.

    Args:
        scope: The stream that it came by.
        observed: The object; for a deletion its last body.
        deleted: Whether its deletion was reported.
    """
    return Evidence(
        job_id=observed.key,
        scope=scope,
        observed=observed,
        gone=deleted,
        uid=observed.uid,
        resource_version=observed.resource_version,
        checked=not deleted or observed.deleting or observed.phase in ENDED,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What to write for one job.

    Attributes:
        before: The row as reconcile saw it; None if it has to be made.
        row: The row as it should be; equal to `before` if only what is remembered changes.
        projected: What to remember.
        record: The job as the user asked for it; there whenever the row has to be made.
        source: Where the row's state was read from.
        why: One phrase for the log.
    """

    before: Row | None
    row: Row
    projected: Projected
    record: JobRecord | None = None
    source: Source = Source.OBJECT
    why: str = ""

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self.row.job_id

    @property
    def is_visible(self) -> bool:
        """Whether the row itself changes."""
        return self.before != self.row

    @property
    def ends(self) -> bool:
        """Whether the job is seen to have ended by this."""
        return self.is_visible and self.row.is_terminal and not (self.before and self.before.is_terminal)
