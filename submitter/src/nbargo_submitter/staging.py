"""The staging area: each job's own folder, `<staging>/<job id>/`, that its pod runs in.

All functions block: the scheduler calls them in worker threads. A job's id is checked before it becomes a path, and
nothing is ever reached through a symbolic link that leads out of a job's folder.
"""

import fcntl
import os
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nbargo_shared import fields as check
from nbargo_shared import labels, outcome
from nbargo_shared.errors import InputError, RecordError
from nbargo_shared.outcome import Outcome
from nbargo_submitter import copying
from nbargo_submitter.copying import Course, Tell, failed
from nbargo_submitter.limits import Limits

_REMOVE_TRIES: Final = 100
_REMOVE_PAUSE: Final = 0.05  # seconds; five in all: a pod that is being ended may write for a moment more


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What a job or a job definition is to have in its folder.

    Attributes:
        notebook: The notebook that the user chose.
        name: What it is called in the folder.
        with_folder: Whether the other files of the notebook's folder come along.
        exclude: Folders that do not come along, such as the one with the outputs of earlier jobs.
    """

    notebook: Path
    name: str
    with_folder: bool
    exclude: tuple[Path, ...] = ()

    def __str__(self) -> str:
        """Return what is copied, for a sentence about it."""
        return f"the folder of '{self.notebook.name}'" if self.with_folder else f"'{self.notebook.name}'"


class Staging:
    """The staging area of one user.

    Args:
        root: Its path; made on first use.
        limits: How much one job may bring along.
        tell: Writes a line into the log.
    """

    def __init__(self, root: str, *, limits: Limits | None = None, tell: Tell = lambda _: None) -> None:
        self.root = Path(root)
        self._limits = limits or Limits()
        self._tell = tell
        self._closed = threading.Event()

    def close(self) -> None:
        """Let every copy that is under way end with an error: the server stops, and waits for its threads."""
        self._closed.set()

    def course(self, cancelled: threading.Event | None = None) -> Course:
        """Return what a new copy reports to.

        Args:
            cancelled: Set when nobody waits for it any more.
        """
        events = [event for event in (self._closed, cancelled) if event]
        return Course(self._tell, is_unwanted=lambda: any(event.is_set() for event in events))

    def folder(self, job_id: str) -> Path:
        """Return the path of a job's folder.

        Args:
            job_id: The job's id.

        Raises:
            InputError: It is not an id: it would lead elsewhere.
        """
        try:
            return self.root / check.identifier({"job": job_id}, "job")
        except RecordError as error:
            raise InputError(f"'{job_id[:80]}' is not the id of a job") from error

    def is_taken(self, job_id: str) -> bool:
        """Return whether a job's folder is there."""
        return os.path.lexists(self.folder(job_id))

    def has_outcome(self, job_id: str) -> bool:
        """Return whether a job's pod has written its outcome file: the job ran."""
        return os.path.lexists(self.folder(job_id) / labels.OUTCOME_FILE)

    def runs_of(self, definition_id: str, *, known: frozenset[str]) -> set[str]:
        """Return the ids of the jobs whose outcome file says that they are a definition's runs.

        Args:
            definition_id: The definition's id.
            known: Ids that need not be looked at.

        Raises:
            FilesError: The staging area cannot be read.
        """
        try:
            names = {entry.name for entry in self.root.iterdir()} if self.root.is_dir() else set()
        except OSError as error:
            raise failed("The staging area cannot be read", self.root, error) from error
        left = [
            found.job for name in names - known if (found := read_outcome(self.root / name)) and found.job_id == name
        ]
        return {job.job_id for job in left if job.job_definition_id == definition_id}

    def fill(self, target: Path, given: Input, *, cancelled: threading.Event | None = None) -> None:
        """Make a folder of the staging area and copy its input there; after an error the folder is gone again.

        Args:
            target: The folder.
            given: What is copied.
            cancelled: Set when nobody waits for it any more.

        Raises:
            InputError: It is more than the limits allow; nothing was copied.
            FilesError: A file could not be read or written, the folder is there already, or the copy was given up.
        """
        course = self.course(cancelled)
        exclude = {os.path.realpath(path) for path in (*given.exclude, self.root)}
        found = copying.inventory(
            given.notebook, name=given.name, with_folder=given.with_folder, exclude=exclude, course=course
        )
        files, what = len(found.files), str(given)
        subject = what[:1].upper() + what[1:]
        self._limits.check_input(subject, files=files, size=found.size, with_folder=given.with_folder)
        course.begin(what, files=files, size=found.size)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.mkdir()
        except OSError as error:
            raise failed("The job's folder cannot be made", target, error) from error
        try:
            copying.copy(found, target, course=course)
        except BaseException:
            remove_folder(target)
            raise
        course.end()

    def remove(self, job_id: str) -> None:
        """Remove a job's folder with everything in it; no folder is all right.

        Args:
            job_id: The job's id.

        Raises:
            FilesError: Something in it could not be removed.
        """
        target = self.folder(job_id)
        remove_folder(target)
        remove_folder(target.with_name(f".{target.name}.part"))  # a scheduled run that was ended while it began

    def try_claim(self, job_id: str) -> int | None:
        """Take the right to submit a job's id, without waiting.

        The claim is a lock on a file of its own, so it ends with the process that holds it, however that ends, and it
        holds against other lab servers on the same home.

        Args:
            job_id: The job's id.

        Returns:
            What `release` takes, or None if another submission holds the claim.

        Raises:
            FilesError: The file system has no locks, or is full.
        """
        path = self._claim_file(job_id)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise failed("The submission cannot be guarded by a lock", path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_same_file(descriptor, path):
                return descriptor
        except BlockingIOError:
            pass
        except OSError as error:
            os.close(descriptor)
            raise failed("The submission cannot be guarded by a lock", path, error) from error
        os.close(descriptor)
        return None

    def release(self, job_id: str, claim: int) -> None:
        """Give a claim back, leaving no file.

        Args:
            job_id: The job's id.
            claim: What `try_claim` returned.
        """
        with suppress(FileNotFoundError):
            self._claim_file(job_id).unlink()  # before the lock ends, so that nobody locks a file without a name
        os.close(claim)

    def _claim_file(self, job_id: str) -> Path:
        folder = self.folder(job_id)
        return folder.with_name(f".{folder.name}.lock")


def read_outcome(folder: Path) -> Outcome | None:
    """Return what a job's pod has written of itself; None if there is no such file, or it is not valid.

    Args:
        folder: The job's folder.
    """
    path = folder / labels.OUTCOME_FILE
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return outcome.parse(file.read(outcome.MAX_BYTES + 1))
    except (OSError, RecordError):
        return None


def remove_folder(target: Path) -> None:
    """Remove a folder with everything in it; no folder is all right.

    Raises:
        FilesError: Something in it could not be removed.
    """
    for attempt in range(_REMOVE_TRIES):
        try:
            if target.is_symlink():
                target.unlink()
            else:
                shutil.rmtree(target)
        except FileNotFoundError:
            if not os.path.lexists(target):
                return
        except OSError as error:
            if attempt + 1 == _REMOVE_TRIES:
                raise failed("The job's files cannot be removed", target, error) from error
            time.sleep(_REMOVE_PAUSE)
        else:
            return


def side_files(folder: Path) -> Iterator[str]:
    """Yield the relative path of every regular file below a job's folder, links and the outcome file left out.

    Args:
        folder: The job's folder.

    Raises:
        FilesError: A folder cannot be read.
    """

    def fail(error: OSError) -> None:
        raise failed("The job's files cannot be listed", folder, error) from error

    for parent, folders, names in os.walk(folder, onerror=fail, followlinks=False):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            relative = path.relative_to(folder)
            if relative.as_posix() != labels.OUTCOME_FILE and stat.S_ISREG(path.lstat().st_mode):
                yield relative.as_posix()


def _is_same_file(descriptor: int, path: Path) -> bool:
    """Return whether a path still names an open file: its holder before us may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
