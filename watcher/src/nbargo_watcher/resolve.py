"""Looking further where an object alone does not say what became of a job.

A deletion may only mean that the object left the selector, so it is looked for again; a job that has ended, or whose
Workflow is gone, is asked for at its outcome file and then at Argo's archive. What is found is added to the evidence;
what follows from it is for `reconcile`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from anyio import CapacityLimiter, create_task_group

from nbargo_shared.errors import ClusterError
from nbargo_shared.outcome import State
from nbargo_watcher.evidence import ENDED, Evidence
from nbargo_watcher.model import Cluster, Observed
from nbargo_watcher.outcomes import OutcomeFiles
from nbargo_watcher.reconcile import wants_outcome
from nbargo_watcher.rows import Projected
from nbargo_watcher.store import Known

Archive = Callable[[str, str, str], Awaitable[Observed | None]]
"""Asks Argo's archive by namespace, name and uid; None if it has no such workflow."""

_GETS: Final = 8  # at once


class Resolver:
    """Completes evidence.

    Args:
        files: The outcome files.
        cluster: How to look at one object again.
        archive: Argo's archive, if one is configured.
    """

    def __init__(self, *, files: OutcomeFiles, cluster: Cluster, archive: Archive | None = None) -> None:
        self._files = files
        self._cluster = cluster
        self._archive = archive
        self.unresolved = 0

    async def complete(self, batch: Sequence[Evidence], known: dict[str, Known]) -> list[Evidence]:
        """Return the batch with everything that could matter looked up; what is not gone after all is left out.

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
        there = await self._still_there([item for item in wanting if not item.checked], known)
        gone = [item for item in wanting if id(item) not in there]
        outcomes = await self._files.read({item.job_id for item in gone})
        looked = {}
        for item in gone:
            more = replace(item, checked=True, looked=True, outcome=outcomes.get(item.job_id) or item.outcome)
            looked[id(item)] = await self._archived(more, known[item.job_id][1])
        return [looked.get(id(item), item) for item in batch if id(item) not in there]

    async def _still_there(self, doubtful: Sequence[Evidence], known: dict[str, Known]) -> set[int]:
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
                    self.unresolved += 1
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

    async def _archived(self, item: Evidence, projected: Projected | None) -> Evidence:
        """Return evidence from the archive, if neither the body nor the outcome says how the job ended."""
        place = item.observed or projected
        ended = item.observed is not None and item.observed.phase in ENDED
        told = item.outcome is not None and item.outcome.state in {State.COMPLETED, State.FAILED}
        if self._archive is None or place is None or not item.gone or ended or told:
            return item
        found = await self._archive(place.namespace, place.name, place.uid)
        if found is None or found.uid != place.uid or found.phase not in ENDED:
            return item
        return replace(item, observed=found, uid=found.uid, archived=True)
