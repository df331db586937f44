"""The outcome files that the jobs' own pods leave in `<staging>/<job id>/outcome.json`.

The volume is the user's and may be slow or away: files are read in a worker thread, bounded in size, and a symbolic
link is never followed, neither the directory nor the file. A file that is not valid counts as none; a volume that does
not answer is an error, because "no outcome" would be taken for the job's end.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from anyio import to_thread

from nbargo_shared import fields
from nbargo_shared.errors import FilesError, RecordError
from nbargo_shared.labels import OUTCOME_FILE
from nbargo_shared.outcome import MAX_BYTES, Outcome, parse

STEP: Final = 500
"""Directory entries, or files, for one visit to the worker thread."""
_NOT_THERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENXIO})
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # O_NONBLOCK: a FIFO must not block


class OutcomeFiles:
    """Reads outcome files below the staging directory.

    Args:
        staging: jupyter-scheduler's staging directory; it need not exist.
    """

    def __init__(self, staging: Path) -> None:
        self._staging = staging

    async def read(self, job_ids: Iterable[str]) -> dict[str, Outcome]:
        """Return the valid outcomes of these jobs; jobs without one are left out.

        Raises:
            FilesError: The volume did not answer.
        """
        found: dict[str, Outcome] = {}
        remaining = iter(job_ids)
        while step := list(islice(remaining, STEP)):
            found |= await to_thread.run_sync(self._read_all, step, abandon_on_cancel=True)
        return found

    def scan(self) -> "Scan":
        """Return a walk over the job ids that have a directory."""
        return Scan(self._staging)

    def _read_all(self, job_ids: list[str]) -> dict[str, Outcome]:
        outcomes = ((job_id, read_outcome(self._staging, job_id)) for job_id in job_ids)
        return {job_id: outcome for job_id, outcome in outcomes if outcome is not None}


class Scan:
    """A walk over the staging directory, some hundred names at a time.

    Args:
        staging: The directory.
    """

    def __init__(self, staging: Path) -> None:
        self._staging = staging
        self._names: Iterator[str] | None = None

    async def step(self) -> list[str]:
        """Return the next names; none at the end.

        Raises:
            FilesError: The volume did not answer.
        """
        return await to_thread.run_sync(self._step, abandon_on_cancel=True)

    def _step(self) -> list[str]:
        try:
            if self._names is None:
                self._names = (entry.name for entry in self._staging.iterdir() if _is_job_id(entry.name))
            return list(islice(self._names, STEP))
        except OSError as error:
            if error.errno in _NOT_THERE:
                return []
            raise _unanswered(self._staging, error) from error


def read_outcome(staging: Path, job_id: str) -> Outcome | None:
    """Return a job's outcome, or None if there is no valid one. Blocks.

    Args:
        staging: The staging directory.
        job_id: The job's id; anything that is not one has no outcome.

    Raises:
        FilesError: The volume did not answer.
    """
    raw = read_file(staging, job_id, name=OUTCOME_FILE, limit=MAX_BYTES)
    if raw is None:
        return None
    try:
        outcome = parse(raw)
    except RecordError:
        return None
    return outcome if outcome.job_id == job_id else None


def read_file(staging: Path, job_id: str, *, name: str, limit: int) -> bytes | None:
    """Return what a file in a job's or definition's directory holds, or None if there is none. Blocks.

    Args:
        staging: The staging directory.
        job_id: The id; anything that is not one has no directory.
        name: The file's name.
        limit: Bytes of a valid file; of a longer one a byte more is returned.

    Raises:
        FilesError: The volume did not answer.
    """
    if not _is_job_id(job_id):
        return None
    try:
        return _read(staging / job_id, name, limit=limit)
    except OSError as error:
        if error.errno in _NOT_THERE:
            return None
        raise _unanswered(staging / job_id, error) from error


def _read(directory: Path, name: str, *, limit: int) -> bytes:
    """Return the file's first bytes, one more than are allowed at most; none if it is not a plain file."""
    holder = os.open(directory, _DIRECTORY)
    try:
        descriptor = os.open(name, _FILE, dir_fd=holder)
    finally:
        os.close(holder)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        return file.read(limit + 1)


def _is_job_id(name: str) -> bool:
    try:
        fields.identifier({"job_id": name}, "job_id")
    except RecordError:
        return False
    return True


def _unanswered(path: Path, error: OSError) -> FilesError:
    hint = "Check that the volume is mounted and answers"
    return FilesError(f"{path} could not be read: {error.strerror}", hint=hint, transient=True)
