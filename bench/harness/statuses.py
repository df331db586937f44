"""When a job's status is in the database, and when its notebook ended."""

import json
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

POLL = 0.002
PATIENCE = 120.0


def completed(database: Path, job_id: str) -> int:
    """Wait until a job is COMPLETED; return the time at which that was seen, nanoseconds since the epoch.

    The file's change counter is read, without a lock, every POLL seconds, and the row when that has changed.
    """
    deadline, counter, found = time.monotonic() + PATIENCE, b"", None
    with database.open("rb", buffering=0) as file, closing(sqlite3.connect(database, timeout=0)) as rows:
        while time.monotonic() < deadline:
            file.seek(24)
            if (now := file.read(4)) == counter:
                time.sleep(POLL)
                continue
            try:
                found = rows.execute("SELECT status FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
            except sqlite3.OperationalError:  # the commit is under way
                time.sleep(POLL)
                continue
            counter = now
            if found == ("COMPLETED",):
                return time.time_ns()
            if found in {("FAILED",), ("STOPPED",)}:
                break
    sys.exit(f"job {job_id} is not completed but {found}")


def notebook_ended(folder: Path) -> int:
    """Return when the last cell of the notebook ended that a job has left in a folder, nanoseconds since the epoch."""
    for path in folder.rglob("*.ipynb"):
        *_, last = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for output in last["outputs"]:
            return int("".join(output["text"]).split()[-1])
    sys.exit(f"there is no notebook with outputs in {folder}")
