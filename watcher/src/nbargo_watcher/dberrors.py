"""What SQLite's errors mean for the watcher: wait and repeat, or say what is wrong."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from nbargo_shared.errors import DatabaseError, SchemaError


class MissingError(DatabaseError):
    """The database, or a table of it, is not there yet."""

    default_hint = "Start JupyterLab with jupyter-scheduler once: it creates the database"


class ReplacedError(DatabaseError):
    """Another file has taken the database's place: open it again, and read the checkpoint again."""

    default_hint = "The watcher opens the new file by itself"


_PRIMARY: Final = 0xFF  # the low byte of an extended result code: https://sqlite.org/rescode.html

_MEANINGS: Final = {
    sqlite3.SQLITE_BUSY: ("is locked by another program", "It is tried again; close programs that hold it open"),
    sqlite3.SQLITE_LOCKED: ("is locked by another program", "It is tried again; close programs that hold it open"),
    sqlite3.SQLITE_READONLY: ("is read-only", "Check the permissions of the file and its directory, and the mount"),
    sqlite3.SQLITE_FULL: ("cannot grow: the disk is full", "Free space on the volume, or raise its quota"),
    sqlite3.SQLITE_IOERR: ("cannot be read or written", "Check the volume that holds it"),
    sqlite3.SQLITE_PERM: ("may not be opened", "Check the permissions of the file and its directory"),
    sqlite3.SQLITE_PROTOCOL: ("is locked by another program", "It is tried again; check the volume's file locks"),
}

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours.

    Args:
        path: The database's file, for the sentence.

    Raises:
        MissingError: The file or a table is not there.
        SchemaError: A table is not as it should be, or the file is no database.
        ReplacedError: The file was moved while it was open.
        DatabaseError: Locked, read-only, full, or not readable now.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _error(path, error) from error


def _error(path: Path, error: sqlite3.Error) -> DatabaseError:
    extended = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    code = extended & _PRIMARY
    if extended == sqlite3.SQLITE_READONLY_DBMOVED:
        return ReplacedError(f"{path} was moved")
    if code == sqlite3.SQLITE_CANTOPEN:
        return MissingError(f"{path} cannot be opened")
    if code in _DAMAGED:
        hint = "Move the file away and restart JupyterLab: the watcher brings the rows back from the cluster"
        return SchemaError(f"{path} is damaged or not a database", hint=hint)
    if code == sqlite3.SQLITE_ERROR and str(error).startswith("no such table"):
        return MissingError(f"{path} has {error}")
    if code in _MEANINGS:
        text, hint = _MEANINGS[code]
        return DatabaseError(f"{path} {text}", hint=hint)
    return SchemaError(f"{path} refused a statement: {error}")
