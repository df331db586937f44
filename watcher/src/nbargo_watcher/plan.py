"""What is decided about one batch, and by which rules: those of jobs or those of definitions."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic

from nbargo_shared.errors import NbargoError, RecordError
from nbargo_watcher.evidence import Evidence
from nbargo_watcher.model import Observed
from nbargo_watcher.rows import Projected
from nbargo_watcher.statements import Known, R, Table
from nbargo_watcher.store import AnyChange, Loaded
from nbargo_watcher.versions import Order, compare, newest

Rejected = tuple[Observed, NbargoError]
"""An object whose record is not valid, and why."""
_REMEMBERED: Final = 4096  # resourceVersions of objects that changed nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules(Generic[R]):
    """How one kind of rows is made.

    Attributes:
        table: Where they are.
        complete: Looks up what could matter besides the evidence, given the rows and memories.
        reconcile: Returns what to write for one row, given the row, what is remembered, and the evidence.
    """

    table: Table[R]
    complete: Callable[[Sequence[Evidence], dict[str, Known[R]]], Awaitable[list[Evidence]]]
    reconcile: Callable[[R | None, Projected | None, Evidence], Any]


class Plan(Generic[R]):
    """The decisions on one batch, one after the other: a job may come twice, as the original and as its successor.

    Args:
        rules: The rules.
        loaded: The rows, and what is remembered.
        seen: resourceVersions that were not worth a commit, by uid.
    """

    def __init__(self, rules: Rules[R], loaded: Loaded[R], seen: dict[str, str]) -> None:
        self._rules = rules
        self._known = dict(loaded.known)
        self._seen = seen
        self.unchanged: dict[str, str] = {}
        self.rejected: list[Rejected] = []

    def decide(self, batch: Iterable[Evidence]) -> list[AnyChange]:
        """Return what to write, in order."""
        changes: list[AnyChange] = []
        for evidence in batch:
            row, projected = self._current(evidence.job_id)
            try:
                change = self._rules.reconcile(row, projected, evidence)
            except RecordError as error:
                if evidence.observed is not None:
                    self.rejected.append((evidence.observed, error))
                continue
            if change is not None:
                changes.append(change)
                self._known[change.job_id] = (change.row, change.projected)
            elif projected is not None and evidence.uid == projected.uid:
                self._note(evidence, projected.resource_version)
        return changes

    def _current(self, job_id: str) -> Known[R]:
        """Return a row and the memory of it, with the resourceVersion that was not worth a commit."""
        row, projected = self._known[job_id]
        if projected is None or (version := self._seen.get(projected.uid)) is None:
            return row, projected
        return row, projected._replace(resource_version=newest(projected.resource_version, version))

    def _note(self, evidence: Evidence, version: str) -> None:
        if evidence.observed and compare(evidence.resource_version, version) is Order.NEWER:
            self.unchanged[evidence.uid] = evidence.resource_version


def put(memory: dict[str, str], key: str, value: str) -> None:
    """Remember a value, and forget the oldest one when there are many."""
    memory.pop(key, None)
    memory[key] = value
    if len(memory) > _REMEMBERED:
        del memory[next(iter(memory))]
