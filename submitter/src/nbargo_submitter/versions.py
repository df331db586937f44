"""The files of a job definition: `<staging>/<definition id>/`, with one folder for each version of its input.

Runs copy their input when they start, so a version is never changed: an edit with a new notebook makes a new one, and
the CronWorkflow names the one that its runs take. A definition without a CronWorkflow has its record here too.

What is not async blocks: it is called in worker threads.
"""

import os
import stat
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from nbargo_shared import definition as definition_record
from nbargo_shared import labels
from nbargo_shared.definition import DefinitionRecord
from nbargo_shared.errors import FilesError
from nbargo_submitter.copying import failed
from nbargo_submitter.staging import Input, Staging, remove_folder
from nbargo_submitter.threads import cancellable

KEEP_SECONDS: Final = 24 * 60 * 60
"""How long a version stays after another has taken its place. A run that was started before that copies it when its pod
begins, which on a full cluster, or at the end of the starting deadline, may be hours later."""

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Versions:
    """The files of one user's definitions.

    Args:
        staging: The staging area.
    """

    def __init__(self, staging: Staging) -> None:
        self._staging = staging

    async def add(self, record: DefinitionRecord, *, notebook: Path, exclude: tuple[Path, ...]) -> None:
        """Copy a definition's input into the version folder that its record names; cancelled, it is not there then.

        Args:
            record: The definition.
            notebook: The notebook that the user chose.
            exclude: Folders that do not come along with the notebook's folder.

        Raises:
            InputError: It is larger than the limits allow. The version is not there then.
            FilesError: A file could not be read or written. The version is not there then.
        """
        with_folder = record.package_input_folder
        given = Input(notebook=notebook, name=record.input_filename, with_folder=with_folder, exclude=exclude)
        folder = self._staging.folder(record.definition_id) / record.files
        await cancellable(partial(self._staging.fill, folder, given), undo=partial(self.remove, record))

    def notebook(self, record: DefinitionRecord) -> Path:
        """Return the path of a definition's notebook."""
        return self._staging.folder(record.definition_id) / record.files / record.input_filename

    def remove(self, record: DefinitionRecord) -> None:
        """Remove the version that a record names, because nothing else does, and the folder if that was all.

        Raises:
            FilesError: Something in it could not be removed.
        """
        folder = self._staging.folder(record.definition_id)
        remove_folder(folder / record.files)
        with suppress(OSError):
            folder.rmdir()

    def supersede(self, record: DefinitionRecord) -> None:
        """Note on a version that another is about to take its place; its time to stay begins now."""
        with suppress(OSError):  # it is gone: nothing to keep
            os.utime(self._staging.folder(record.definition_id) / record.files)

    def prune(self, record: DefinitionRecord) -> None:
        """Remove the versions that no run can still copy from.

        Args:
            record: The definition, which names the version in use. Another goes when its place was taken KEEP_SECONDS
                ago.

        Raises:
            FilesError: A version could not be removed.
        """
        folder, oldest = self._staging.folder(record.definition_id), time.time() - KEEP_SECONDS
        with suppress(FileNotFoundError):
            for entry in [*os.scandir(folder)]:
                is_old = entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < oldest
                if is_old and entry.name != record.files:
                    remove_folder(Path(entry.path))

    def write(self, record: DefinitionRecord) -> None:
        """Write the record of a definition that has no CronWorkflow; a reader finds the old one or the new one whole.

        Raises:
            FilesError: It could not be written.
        """
        path = self._file(record.definition_id)
        part = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
        try:
            with os.fdopen(os.open(part, _NEW, 0o600), "wb") as file:
                file.write(record.to_json().encode())
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise failed("The job definition cannot be written", path, error) from error

    def read(self, definition_id: str) -> DefinitionRecord | None:
        """Return the record of a definition that has no CronWorkflow; None if there is no such file.

        Raises:
            FilesError: It cannot be read.
            RecordError: It is not a valid record, or another definition's.
        """
        path = self._file(definition_id)
        try:
            with os.fdopen(os.open(path, _READ), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return None
                raw = file.read(definition_record.MAX_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise failed("The job definition cannot be read", path, error) from error
        record = definition_record.parse(raw)
        return record if record.definition_id == definition_id else None

    def forget(self, definition_id: str) -> None:
        """Remove the record, because the definition has a CronWorkflow now; no file is all right.

        Raises:
            FilesError: It could not be removed.
        """
        path = self._file(definition_id)
        try:
            path.unlink(missing_ok=True)
        except NotADirectoryError:
            pass
        except OSError as error:
            raise failed("The old form of the job definition cannot be removed", path, error) from error

    def _file(self, definition_id: str) -> Path:
        return self._staging.folder(definition_id) / labels.DEFINITION_FILE


def new_version() -> str:
    """Return the name of a version folder that no other has."""
    return f"v{time.time_ns() // 1_000_000}-{os.urandom(4).hex()}"


def same_bytes(first: Path, second: Path) -> bool:
    """Return whether two files are the same, byte by byte; one that is not there is like no other.

    Raises:
        FilesError: One of them cannot be read.
    """
    try:
        return first.read_bytes() == second.read_bytes()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FilesError(f"The notebook cannot be read: {error.strerror or error}") from error
