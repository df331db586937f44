"""Opening scheduler.sqlite beside the programs that write it."""

import sqlite3
from pathlib import Path


def uri(path: Path) -> str:
    """Return how a database that must be there is opened, also by whoever only reads it.

    A program that is killed in the middle of a commit leaves SQLite's journal of what the file said before. Who opens
    the file next has to take that half of a commit back, and a connection with `mode=ro` cannot: each statement fails
    with SQLITE_READONLY_ROLLBACK (https://sqlite.org/rescode.html#readonly_rollback) until another program has come.
    A file that may not be written is opened for reading with `mode=rw`, too (https://sqlite.org/uri.html).

    Args:
        path: The file. It is not made here.
    """
    return f"{path.absolute().as_uri()}?mode=rw"


def open_to_read(path: Path, *, timeout: float = 5.0) -> sqlite3.Connection:
    """Return a connection whose statements can change nothing. The caller closes it.

    Args:
        path: The database's file.
        timeout: Seconds to wait for another program's lock.

    Raises:
        sqlite3.OperationalError: There is no such file, or it cannot be opened.
    """
    connection = sqlite3.connect(uri(path), uri=True, timeout=timeout)
    connection.execute("PRAGMA query_only = ON")
    return connection
