"""What a projector has done so far, for the summary and the metrics."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from nbargo_watcher.definitionrows import DefinitionChange
from nbargo_watcher.evidence import Change, Source


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts since the start.

    Attributes:
        added: Rows of jobs that were made.
        changed: Rows of jobs that were changed.
        unchanged: Observations that changed nothing.
        ignored: Objects of other users, without a job or definition, or copies that `argo resubmit` made.
        quarantined: Objects whose record is not valid.
        unresolved: Absences that could not be looked into; they are come back to.
        commits: Transactions that were written.
        resolved: How many jobs were seen to have ended, by where that was read.
        definitions: How many rows of definitions were `added`, `changed` and `removed`.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    ignored: int = 0
    quarantined: int = 0
    unresolved: int = 0
    commits: int = 0
    resolved: Counter[Source] = field(default_factory=Counter)
    definitions: Counter[str] = field(default_factory=Counter)

    def count(self, changes: Sequence[Change | DefinitionChange], *, looked_at: int) -> None:
        """Count a batch that was decided and written.

        Args:
            changes: What was written.
            looked_at: How many observations were looked at.
        """
        visible = [change for change in changes if change.is_visible]
        self.unchanged += looked_at - len(visible)
        self.definitions.update(change.kind for change in visible if isinstance(change, DefinitionChange))
        self._count_jobs([change for change in visible if isinstance(change, Change)])

    def _count_jobs(self, visible: Sequence[Change]) -> None:
        added = sum(change.before is None for change in visible)
        self.added += added
        self.changed += len(visible) - added
        self.resolved.update(change.source for change in visible if change.ends)
