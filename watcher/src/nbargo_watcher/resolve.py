"""Looking further where an object alone does not say what became of a job.

A deletion may only mean that the object left the selector, and a list may lack what is there, so the object is looked
for again: what it says then takes the place of its absence. A job that has ended, or whose Workflow is gone, is asked
for at its outcome file and then at Argo's archive. What is found is added to the evidence; what follows from it is for
`reconcile`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from anyio import CapacityLimiter, create_task_group

from nbargo_shared.errors import ClusterError
from nbargo_shared.labels import object_name
from nbargo_shared.outcome import State
from nbargo_watcher.evidence import ENDED, Evidence, of_object
from nbargo_watcher.model import Cluster, Observed
from nbargo_watcher.outcomes import OutcomeFiles
from nbargo_watcher.reconcile import wants_outcome
from nbargo_watcher.resources import WORKFLOWS
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
        user: Value of the user label: what has another one is nobody's job here.
        files: The outcome files.
        cluster: How to look at one object again.
        archive: Argo's archive, if one is configured.

    Attributes:
        postponed: What the archive has still to be asked about, by job id.
        unanswered: How often the API server did not answer whether an object is there.
    """

    def __init__(self, *, user: str, files: OutcomeFiles, cluster: Cluster, archive: Archive | None = None) -> None:
        self._user = user
        self._files = files
        self._cluster = cluster
        self._archive = archive
        self._doubtful: set[str] = set()
        self.postponed: dict[str, Evidence] = {}
        self.unanswered = 0

    @property
    def unresolved(self) -> int:
        """How many absences could not be looked into."""
        return len(self._doubtful | self.postponed.keys())

    async def complete(self, batch: Sequence[Evidence], known: dict[str, Known[Row]]) -> list[Evidence]:
        """Return the batch with everything that could matter looked up.

        What could not be asked about is left out, and what the archive could not be asked about is `postponed`.

        Args:
            batch: The evidence so far.
            known: The rows, and what is remembered, by job id.

        Raises:
            ClusterError: The API server could not be asked for a while about anything but what a list lacks.
            FilesError: The volume did not answer.
        """
        if doubtful := [item for item in batch if not item.checked and _wants_file(item, known)]:
            found = await self.still_there(doubtful, known)
            batch = [seen for item in batch if (seen := found.get(id(item), item)) is not None]
        wanting = [item for item in batch if _wants_file(item, known)]
        if not wanting:
            return list(batch)
        outcomes = await self._files.read({item.job_id for item in wanting})
        looked = {
            id(item): replace(item, checked=True, looked=True, outcome=outcomes.get(item.job_id) or item.outcome)
            for item in wanting
        }
        later = await self._ask_archive(looked, known) if self._archive else set[int]()
        self.postponed |= {item.job_id: item for item in wanting if id(item) in later}
        return [looked.get(id(item), item) for item in batch if id(item) not in later]

    async def still_there(
        self, doubtful: Sequence[Evidence], known: Mapping[str, Known[Any]]
    ) -> dict[int, Evidence | None]:
        """Look for objects that are said to be gone.

        Args:
            doubtful: What says so.
            known: The rows, and what is remembered.

        Returns:
            By the ids of the evidence that is not right: the evidence that the object itself is, or None if it could
            not be asked about or is somebody else's now.

        Raises:
            ClusterError: The API server could not be asked for a while about anything but what a list lacks.
        """
        there: dict[int, Evidence | None] = {}
        failures: list[ClusterError] = []
        limiter = CapacityLimiter(_GETS)

        async def look(item: Evidence) -> None:
            async with limiter:
                try:
                    found = await self._find(item, known[item.job_id][1])
                except ClusterError as error:
                    there[id(item)] = None
                    self._doubtful.add(item.job_id)
                    self.unanswered += error.transient
                    if error.transient and not _is_absence(item):
                        failures.append(error)
                else:
                    self._doubtful.discard(item.job_id)
                    if found is not None:
                        there[id(item)] = self._evidence(item, found)

        async with create_task_group() as group:
            for item in doubtful:
                group.start_soon(look, item)
        if failures:
            raise failures[0]
        return there

    async def _find(self, item: Evidence, projected: Projected | None) -> Observed | None:
        """Return the object that is said to be gone; one that nobody has seen yet is looked for by a job's own name."""
        place = item.observed or projected
        if place is None or not place.name:
            return await self._cluster.get("", object_name(item.job_id))
        found = await self._cluster.get(place.namespace, place.name)
        return found if found is not None and found.uid == item.uid else None

    def _evidence(self, item: Evidence, found: Observed) -> Evidence | None:
        if (found.key, found.user) != (item.job_id, self._user):
            return None
        return of_object(item.scope or WORKFLOWS.scope(found.namespace), found)

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


def _is_absence(item: Evidence) -> bool:
    """Return whether a list lacks it: another list asks again. What an event or a file says comes but once."""
    return item.observed is None and bool(item.scope)


def _wants_file(item: Evidence, known: Mapping[str, Known[Row]]) -> bool:
    return not item.looked and wants_outcome(*known[item.job_id], item)


def _wants_archive(item: Evidence) -> bool:
    """Return whether neither the last body nor the outcome file says how a job ended whose Workflow is gone."""
    ended = item.observed is not None and item.observed.phase in ENDED
    told = item.outcome is not None and item.outcome.state in {State.COMPLETED, State.FAILED}
    return item.gone and not ended and not told


def _last_start(item: Evidence, projected: Projected | None) -> int:
    body = item.observed.started_at if item.observed else None
    return max(body or 0, (projected.started_at if projected else None) or 0)
