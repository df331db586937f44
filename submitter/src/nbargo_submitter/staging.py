"""The staging area: each job's own folder, `<staging>/<job id>/`, that its pod runs in.

All functions block: the scheduler calls them in worker threads. A job's id is checked before it becomes a path, and
nothing is ever reached through a symbolic link that leads out of a job's folder.
"""

import fcntl
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from nbargo_shared import fields as check
from nbargo_shared import labels, outcome
from nbargo_shared.errors import FilesError, InputError, RecordError
from nbargo_shared.outcome import Outcome

_CHECKPOINTS: Final = ".ipynb_checkpoints"
_REMOVE_TRIES: Final = 100
_REMOVE_PAUSE: Final = 0.05  # seconds; five in all: a pod that is being ended may write for a moment more


class Staging:
    """The staging area of one user.

    Args:
        root: Its path; made on first use.
    """

    def __init__(self, root: str) -> None:
        self.root = Path(root)

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

    def stage(self, job_id: str, *, notebook: Path, name: str, with_folder: bool, exclude: tuple[Path, ...]) -> None:
        """Make a job's folder and copy its input there; after an error the folder is gone again.

        Args:
            job_id: The job's id.
            notebook: The notebook that the user chose.
            name: What the notebook is called in the job's folder.
            with_folder: Whether the other files of the notebook's folder come along.
            exclude: Folders that do not come along, such as the one with the outputs of earlier jobs.

        Raises:
            FilesError: A file could not be read or written, or the job's folder is there already.
        """
        self.fill(self.folder(job_id), notebook=notebook, name=name, with_folder=with_folder, exclude=exclude)

    def fill(self, target: Path, *, notebook: Path, name: str, with_folder: bool, exclude: tuple[Path, ...]) -> None:
        """Make a folder of the staging area and copy a job's input there; after an error the folder is gone again.

        Args:
            target: The folder.
            notebook: As for `stage`.
            name: As for `stage`.
            with_folder: As for `stage`.
            exclude: As for `stage`.

        Raises:
            FilesError: A file could not be read or written, or the folder is there already.
        """
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.mkdir()
        except OSError as error:
            raise failed("The job's folder cannot be made", target, error) from error
        try:
            if with_folder:
                _copy_folder(notebook.parent, target, exclude={*map(_real, exclude), _real(self.root)})
            _copy_file(notebook, target / name)
        except BaseException:
            remove_folder(target)
            raise

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


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file so that the target is whole or not there.

    Args:
        source: A regular file; a symbolic link is refused.
        target: Its new path; what is there is replaced.

    Raises:
        FilesError: It could not be read or written.
    """
    part = target.with_name(f".{target.name[:200]}.{os.urandom(4).hex()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as reader, part.open("xb") as writer:
            shutil.copyfileobj(reader, writer)
        part.replace(target)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise failed("A file of the job cannot be copied", target, error) from error


def _copy_folder(source: Path, target: Path, *, exclude: set[str]) -> None:
    try:
        entries = sorted(os.scandir(source), key=lambda entry: entry.name)
    except OSError as error:
        raise failed("The notebook's folder cannot be read", source, error) from error
    for entry in entries:
        if entry.name == _CHECKPOINTS or (entry.is_dir() and _real(Path(entry.path)) in exclude):
            continue
        _copy_entry(entry, target / entry.name, exclude=exclude)


def _copy_entry(entry: os.DirEntry[str], target: Path, *, exclude: set[str]) -> None:
    path = Path(entry.path)
    if entry.is_dir(follow_symlinks=False):
        target.mkdir()
        _copy_folder(path, target, exclude=exclude)
    elif entry.is_symlink() and entry.is_dir():
        target.symlink_to(_real(path))  # a link to a folder stays one: its content may be large, or lead in circles
    elif entry.is_file():
        _copy_file(path, target)


def _copy_file(source: Path, target: Path) -> None:
    if target.name == labels.OUTCOME_FILE:
        raise InputError(
            f"The notebook's folder has a file called {labels.OUTCOME_FILE}, which the job writes itself",
            hint="Rename that file, or run the notebook without its folder",
        )
    try:
        target.unlink(missing_ok=True)  # it may be read-only: the notebook is copied after its folder
        shutil.copy(source, target)  # with its mode: a script stays one that can be run
    except (OSError, shutil.SpecialFileError) as error:
        raise failed("A file cannot be copied for the job", source, error) from error


def _is_same_file(descriptor: int, path: Path) -> bool:
    """Return whether a path still names an open file: its holder before us may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _real(path: Path) -> str:
    return os.path.realpath(path)


def failed(what: str, path: Path, error: OSError) -> FilesError:
    """Return the error that tells what could not be done to a file, and why."""
    return FilesError(
        f"{what}: {path}: {error.strerror or error}", hint="Check that the file is there, and the space and permissions"
    )
