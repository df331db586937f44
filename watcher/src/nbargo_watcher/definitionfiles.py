"""The definitions that have no CronWorkflow: `<staging>/<definition id>/definition.json`, as the lab wrote it.

They are read as outcome files are: in a worker thread, bounded in size, and never through a symbolic link.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from anyio import to_thread

from nbargo_shared.definition import MAX_BYTES, DefinitionRecord, parse
from nbargo_shared.errors import RecordError
from nbargo_shared.labels import DEFINITION_FILE
from nbargo_watcher.definitionrows import DefinitionRow
from nbargo_watcher.evidence import Evidence
from nbargo_watcher.outcomes import STEP, Scan, read_file
from nbargo_watcher.resolve import Resolver
from nbargo_watcher.statements import Known


class DefinitionFiles:
    """Reads definition files below the staging directory.

    Args:
        staging: jupyter-scheduler's staging directory; it need not exist.
    """

    def __init__(self, staging: Path) -> None:
        self._staging = staging

    def scan(self) -> Scan:
        """Return a walk over the ids that have a directory."""
        return Scan(self._staging)

    async def read(self, ids: Iterable[str]) -> dict[str, DefinitionRecord]:
        """Return the valid definitions of these ids; ids without one are left out.

        Raises:
            FilesError: The volume did not answer.
        """
        found: dict[str, DefinitionRecord] = {}
        remaining = iter(ids)
        while step := list(islice(remaining, STEP)):
            found |= await to_thread.run_sync(self._read_all, step, abandon_on_cancel=True)
        return found

    def _read_all(self, ids: list[str]) -> dict[str, DefinitionRecord]:
        records = ((each, read_definition(self._staging, each)) for each in ids)
        return {each: record for each, record in records if record is not None}


def read_definition(staging: Path, definition_id: str) -> DefinitionRecord | None:
    """Return the definition in a file, or None if there is no valid one. Blocks.

    Args:
        staging: The staging directory.
        definition_id: The definition's id; anything that is not one has no file.

    Raises:
        FilesError: The volume did not answer.
    """
    raw = read_file(staging, definition_id, name=DEFINITION_FILE, limit=MAX_BYTES)
    if raw is None:
        return None
    try:
        record = parse(raw)
    except RecordError:
        return None
    return record if record.definition_id == definition_id else None


class DefinitionResolver:
    """Completes evidence on definitions: a deletion is looked into, and a file may have taken the object's place.

    Args:
        files: The definition files.
        objects: Looks at CronWorkflows again.
    """

    def __init__(self, *, files: DefinitionFiles, objects: Resolver) -> None:
        self.files = files
        self._objects = objects

    @property
    def unresolved(self) -> int:
        """How many deletions could not be looked into."""
        return self._objects.unresolved

    @property
    def unanswered(self) -> int:
        """How often the API server did not answer whether an object is there."""
        return self._objects.unanswered

    async def complete(self, batch: Sequence[Evidence], known: Mapping[str, Known[DefinitionRow]]) -> list[Evidence]:
        """Return the batch with everything that could matter looked up; what could not be asked about is left out.

        Args:
            batch: The evidence so far.
            known: The rows, and what is remembered, by definition id.

        Raises:
            ClusterError: The API server could not be asked for a while about a deletion.
            FilesError: The volume did not answer.
        """
        gone = [item for item in batch if item.gone and not item.looked and known[item.job_id][0] is not None]
        if not gone:
            return list(batch)
        there = await self._objects.still_there([item for item in gone if not item.checked], known)
        records = await self.files.read({item.job_id for item in gone if id(item) not in there})
        looked = {
            id(item): replace(item, checked=True, looked=True, definition=records.get(item.job_id)) for item in gone
        }
        every = [there[id(item)] if id(item) in there else looked.get(id(item), item) for item in batch]
        return [item for item in every if item is not None]
