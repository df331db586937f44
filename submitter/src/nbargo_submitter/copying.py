"""Copying: a notebook's folder is counted first and then copied, and whoever waits for it may end it at any file.

All functions block: they are called in worker threads.
"""

import errno
import os
import stat
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nbargo_shared import labels
from nbargo_shared.errors import FilesError, InputError
from nbargo_submitter import sizes

TELL_SECONDS: Final = 3.0
"""Seconds between two lines of the log about one copy."""

WORKERS: Final = 8  # on a network volume a file costs several round trips, whose waits overlap (bench/staging.py)
_CHUNK: Final = 8 * 1024 * 1024  # bytes between two looks at whether the copy is still wanted
_BUFFER: Final = 1024 * 1024
_TRIES: Final = 3  # of a file that is written meanwhile
_CHECKPOINTS: Final = ".ipynb_checkpoints"
_READ: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_NOT_HERE: Final = {errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EIO}
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Inventory:
    """What comes along with a notebook.

    Attributes:
        folders: Paths relative to the folder, parents first.
        links: Symbolic links to folders, and the absolute path that each leads to.
        files: Where each file is, by its relative path.
        size: Bytes of all files together.
    """

    folders: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    size: int = 0


class Course:
    """How far a copy is: it tells the log, and ends the copy once nobody wants it any more.

    Args:
        tell: Writes a line into the log.
        is_unwanted: Whether the copy is to end.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(
        self, tell: Tell, *, is_unwanted: Callable[[], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tell = tell
        self._is_unwanted = is_unwanted
        self._clock = clock
        self._lock = threading.Lock()
        self._begun = self._told = clock()
        self._what = ""
        self._files = self._bytes = self._all_files = self._all_bytes = 0
        self._error: FilesError | None = None

    def begin(self, what: str, *, files: int, size: int) -> None:
        """Take note of what is copied.

        Args:
            what: Its name for the log.
            files: How many files it has.
            size: Their bytes.
        """
        self._what, self._all_files, self._all_bytes = what, files, size

    def check(self) -> None:
        """Raise FilesError if the copy is to end."""
        if self._error:
            raise self._error
        if self._is_unwanted():
            raise FilesError("The copy was given up", hint="Try again")

    def fail(self, error: FilesError) -> None:
        """Let all threads of the copy end with the error of the first that failed."""
        with self._lock:
            self._error = self._error or error

    def went(self, *, files: int = 0, size: int = 0) -> None:
        """Take note of progress, and tell it if the last time was long ago.

        Args:
            files: Files that are done.
            size: Bytes that were copied.
        """
        with self._lock:
            self._files += files
            self._bytes += size
            if self._clock() - self._told < TELL_SECONDS:
                return
            self._told = self._clock()
        of_files = f"{self._files:,} of {sizes.files(self._all_files)}"
        self._tell(f"Copying {self._what}: {of_files}, {sizes.amount(self._bytes)} of {sizes.amount(self._all_bytes)}")

    def end(self) -> None:
        """Tell that all is copied, if it took so long that something was told before."""
        if self._told != self._begun:
            taken = f"{sizes.files(self._files)}, {sizes.amount(self._bytes)} in {self._clock() - self._begun:.0f} s"
            self._tell(f"Copied {self._what}: {taken}")


def inventory(notebook: Path, *, name: str, with_folder: bool, exclude: set[str], course: Course) -> Inventory:
    """Return what has to be copied for a job.

    Args:
        notebook: The notebook.
        name: What it is called in the job's folder.
        with_folder: Whether its folder comes along. Pipes, sockets and links that lead nowhere do not.
        exclude: Real paths of folders that do not come along.
        course: Ends it when nobody waits any more.

    Raises:
        FilesError: A folder or the notebook cannot be read.
        InputError: The folder has a file that the job writes itself.
    """
    found = Inventory()
    size = _scan(notebook.parent, "", found, exclude=exclude, course=course) if with_folder else 0
    if labels.OUTCOME_FILE in found.files:
        raise InputError(
            f"The notebook's folder has a file called {labels.OUTCOME_FILE}, which the job writes itself",
            hint="Rename that file, or run the notebook without its folder",
        )
    if name not in found.files:
        size += _size(notebook)
    return Inventory(found.folders, found.links, {**found.files, name: notebook}, size)


def copy(found: Inventory, target: Path, *, course: Course) -> None:
    """Copy what was found into a new folder.

    Args:
        found: What to copy.
        target: The folder, which is there and empty.
        course: Is told how far it is.

    Raises:
        FilesError: Something could not be copied; what was is still there.
    """
    try:
        for relative in found.folders:
            (target / relative).mkdir()
        for relative, real in found.links.items():
            (target / relative).symlink_to(real)
    except OSError as error:
        raise failed("The folder cannot be copied for the job", target, error) from error

    def one(item: tuple[str, Path]) -> None:
        try:
            _copy_file(item[1], target / item[0], course=course)
        except FilesError as error:
            course.fail(error)
            course.check()

    with ThreadPoolExecutor(WORKERS, thread_name_prefix="nbargo-copy") as pool:
        for _ in pool.map(one, found.files.items()):
            pass
    course.check()


def copy_whole(source: Path, target: Path, *, course: Course) -> None:
    """Copy a file so that the target is whole or not there.

    Args:
        source: A regular file; a symbolic link is refused.
        target: Its new path; what is there is replaced.
        course: Ends it when nobody waits any more.

    Raises:
        FilesError: It could not be read or written.
    """
    part = target.with_name(f".{target.name[:60]}.{os.urandom(4).hex()}.part")  # 60 characters may be 240 bytes
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        reader = os.open(source, _READ | os.O_NOFOLLOW)
        try:
            _write(reader, part, mode=None, course=course)
        finally:
            os.close(reader)
        part.replace(target)
    except BaseException as error:
        with suppress(OSError):
            part.unlink()
        if isinstance(error, OSError):
            raise failed("A file of the job cannot be copied", target, error) from error
        raise


def failed(what: str, path: Path, error: OSError) -> FilesError:
    """Return the error that tells what could not be done to a file, and why."""
    hint = "Check that the file is there, and the space and permissions"
    if error.errno in _FULL:
        hint = "Free some space in your home, for example by deleting old jobs"
    elif error.errno in {errno.EACCES, errno.EPERM}:
        hint = "You may not do that: change the permissions, or move the file to another folder"
    elif error.errno == errno.ENOENT:
        hint = "It was there a moment ago: try again when nothing else writes to the folder"
    return FilesError(f"{what}: {path}: {error.strerror or error}", hint=hint)


def _scan(folder: Path, below: str, found: Inventory, *, exclude: set[str], course: Course) -> int:
    """Add what is in a folder, and return the bytes of its files."""
    size = 0
    course.check()
    try:
        with os.scandir(folder) as entries:
            there = sorted(entries, key=lambda entry: entry.name)
        for entry in there:
            if entry.name == _CHECKPOINTS or (_is_folder(entry) and os.path.realpath(entry.path) in exclude):
                continue
            relative = below + entry.name
            if entry.is_dir(follow_symlinks=False):
                found.folders.append(relative)
                size += _scan(Path(entry.path), f"{relative}/", found, exclude=exclude, course=course)
            elif _is_folder(entry):  # a link to a folder stays one: its content may be large, or lead in circles
                found.links[relative] = os.path.realpath(entry.path)
            elif _is_file(entry):
                found.files[relative] = Path(entry.path)
                size += entry.stat().st_size
    except OSError as error:
        raise failed("The notebook's folder cannot be read", Path(error.filename or folder), error) from error
    return size


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise failed("The notebook cannot be read", path, error) from error


def _copy_file(source: Path, target: Path, *, course: Course) -> None:
    try:
        reader = os.open(source, _READ)
        try:
            for _ in range(_TRIES):
                before = os.fstat(reader)
                if not stat.S_ISREG(before.st_mode):
                    raise OSError(errno.EINVAL, "it is not a file any more")
                # With its mode: a script stays one that can be run.
                written = _write(reader, target, mode=stat.S_IMODE(before.st_mode), course=course)
                after = os.fstat(reader)
                if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
                    course.went(files=1)
                    return
                course.went(size=-written)
                target.unlink()
        finally:
            os.close(reader)
    except OSError as error:
        raise failed("A file cannot be copied for the job", source, error) from error
    raise FilesError(
        f"A file is written while it is copied for the job: {source}",
        hint="Submit the job again when the file is complete, or move it out of the notebook's folder",
    )


def _write(reader: int, target: Path, *, mode: int | None, course: Course) -> int:
    """Write all of an open file into a new one, and return the number of bytes; *mode* None: as new files are."""
    writer = os.open(target, _WRITE, 0o666 if mode is None else 0o600)
    try:
        os.lseek(reader, 0, os.SEEK_SET)
        written = _transfer(reader, writer, size=os.fstat(reader).st_size, course=course)
        if mode is not None:
            os.fchmod(writer, mode)
    finally:
        os.close(writer)  # a network volume may say only now that it is full
    return written


def _transfer(reader: int, writer: int, *, size: int, course: Course) -> int:
    """Copy from one descriptor to another, and return the number of bytes: no more than *size*, should the file grow.

    In the kernel where it can: file systems may then share the blocks, or have the server copy them.
    """
    in_kernel, written = hasattr(os, "copy_file_range"), 0
    while written < size:
        course.check()
        try:
            moved = os.copy_file_range(reader, writer, min(_CHUNK, size - written)) if in_kernel else 0
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
            in_kernel, moved = False, 0
        # Some file systems say that it is the end although it is not.
        moved = moved or _shovel(reader, writer, limit=size - written)
        if not moved:
            break
        written += moved
        course.went(size=moved)
    return written


def _shovel(reader: int, writer: int, *, limit: int) -> int:
    data = os.read(reader, min(_BUFFER, limit))
    left = memoryview(data)
    while left:
        left = left[os.write(writer, left) :]
    return len(data)
