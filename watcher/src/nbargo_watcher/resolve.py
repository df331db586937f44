"""Looking further where an object alone does not say what became of a job.

A deletion may only mean that the object left the selector, so it is looked for again; a job that has ended, or whose
Workflow is gone, is asked for at its outcome file and then at Argo's archive. What is found is added to the evidence;
what follows from it is for `reconcile`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from anyio import CapacityLimiter, create_task_group

from nbargo_shared.errors import ClusterError
from nbargo_shared.outcome import State
from nbargo_watcher.evidence import ENDED, Evidence
from nbargo_watcher.model import Cluster, Observed
from nbargo_watcher.outcomes import OutcomeFiles
from nbargo_watcher.reconcile import wants_outcome
from nbargo_watcher.rows import Projected, Row
from nbargo_watcher.statements import Known

Archive = Callable[[str], Awaitable[Observed | None]]
"""Asks Argo's archive by uid; None if it has no such workflow, a ClusterError if it does not answer."""

_GETS: Final = 8  # at once
_ASKS: Final = 10
"""Questions to the archive for one batch, after which the others wait: rows of other jobs must not."""


class Resolver:
    """Completes evidence.

    Args:
        files: The outcome files.
        cluster: How to look at one object again.
        archive: Argo's archive, if one is configured.

    Attributes:
        postponed: What the archive has still to be asked about, by job id.
    """

    def __init__(self, *, files: OutcomeFiles, cluster: Cluster, archive: Archive | None = None) -> None:
        self._files = files
        self._cluster = cluster
        self._archive = archive
        self._doubtful = 0
        self.postponed: dict[str, Evidence] = {}

    @property
    def unresolved(self) -> int:
        """How many absences could not be looked into."""
        return self._doubtful + len(self.postponed)

    async def complete(self, batch: Sequence[Evidence], known: dict[str, Known[Row]]) -> list[Evidence]:
        """Return the batch with everything that could matter looked up.

        What is not gone after all is left out, and so is what the archive could not be asked about (`postponed`).

        Args:
            batch: The evidence so far.
            known: The rows, and what is remembered, by job id.

        Raises:
            ClusterError: The API server could not be asked for a while about a deletion.
            FilesError: The volume did not answer.
        """
        wanting = [item for item in batch if not item.looked and wants_outcome(*known[item.job_id], item)]
        if not wanting:
            return list(batch)
        there = await self.still_there([item for item in wanting if not item.checked], known)
        gone = [item for item in wanting if id(item) not in there]
        outcomes = await self._files.read({item.job_id for item in gone})
        looked = {
            id(item): replace(item, checked=True, looked=True, outcome=outcomes.get(item.job_id) or item.outcome)
            for item in gone
        }
        later = await self._ask_archive(looked, known) if self._archive else set[int]()
        self.postponed |= {item.job_id: item for item in gone if id(item) in later}
        return [looked.get(id(item), item) for item in batch if id(item) not in there | later]

    async def still_there(self, doubtful: Sequence[Evidence], known: Mapping[str, Known[Any]]) -> set[int]:
        """Return the ids of the evidence whose object is there after all, or could not be asked about."""
        there: set[int] = set()
        failures: list[ClusterError] = []
        limiter = CapacityLimiter(_GETS)

        async def look(item: Evidence) -> None:
            async with limiter:
                try:
                    if await self._is_there(item, known[item.job_id][1]):
                        there.add(id(item))
                except ClusterError as error:
                    there.add(id(item))
                    self._doubtful += 1
                    if error.transient and item.observed is not None:
                        failures.append(error)

        async with create_task_group() as group:
            for item in doubtful:
                group.start_soon(look, item)
        if failures:
            raise failures[0]
        return there

    async def _is_there(self, item: Evidence, projected: Projected | None) -> bool:
        place = item.observed or projected
        if place is None or not place.name:
            return False
        found = await self._cluster.get(place.namespace, place.name)
        return found is not None and found.uid == item.uid

    async def _ask_archive(self, looked: dict[int, Evidence], known: dict[str, Known[Row]]) -> set[int]:
        """Complete evidence from the archive, in place, and return the keys of what has to wait."""
        later: set[int] = set()
        wanting = [(key, item) for key, item in looked.items() if _wants_archive(item)]
        for count, (key, item) in enumerate(wanting):
            try:
                if later or count >= _ASKS:
                    later.add(key)
                else:
                    looked[key] = await self._archived(item, known[item.job_id][1])
            except ClusterError:
                later.add(key)
        return later

    async def _archived(self, item: Evidence, projected: Projected | None) -> Evidence:
        """Return evidence with the archived body in place of the last one, if that is the end of the same attempt."""
        uid = item.uid or (projected.uid if projected else "")
        found = await self._archive(uid) if self._archive and uid else None
        if found is None or (found.uid, found.job_id) != (uid, item.job_id) or found.phase not in ENDED:
            return item
        if (found.started_at or 0) < _last_start(item, projected):
            return item  # it was archived, retried, and deleted while it ran
        return replace(item, observed=found, uid=uid, archived=True)


def _wants_archive(item: Evidence) -> bool:
    """Return whether neither the last body nor the outcome file says how a job ended whose Workflow is gone."""
    ended = item.observed is not None and item.observed.phase in ENDED
    told = item.outcome is not None and item.outcome.state in {State.COMPLETED, State.FAILED}
    return item.gone and not ended and not told


def _last_start(item: Evidence, projected: Projected | None) -> int:
    body = item.observed.started_at if item.observed else None
    return max(body or 0, (projected.started_at if projected else None) or 0)
