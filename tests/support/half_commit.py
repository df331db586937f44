"""A program that is killed in the middle of a commit: half of it is in the file, and SQLite's way back beside it."""

import subprocess
import sys
from pathlib import Path
from typing import Final

_KILLED: Final = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA cache_size = 1")
connection.execute("DELETE FROM jobs")
connection.execute("CREATE TABLE half (text)")
connection.executemany("INSERT INTO half VALUES (?)", [("half a commit " * 100,)] * 100)
os.kill(os.getpid(), signal.SIGKILL)
"""
"""With a cache of one page SQLite writes pages into the file before the commit, as the commit does before its end."""


def leave_half_a_commit(database: Path) -> Path:
    """Return the journal that has to be played back before the database can be read."""
    ended = subprocess.run([sys.executable, "-c", _KILLED, database], check=False, timeout=60)
    assert ended.returncode == -9
    journal = Path(f"{database}-journal")
    assert journal.stat().st_size
    assert b"half a commit" in database.read_bytes()
    return journal
