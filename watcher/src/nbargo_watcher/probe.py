"""`watcher --check`: ask the watcher that runs beside whether it does its work. Standard library alone: it is quick."""

import http.client
import json
import sqlite3
import time
from contextlib import closing
from typing import Final

from nbargo_shared.database import open_to_read
from nbargo_shared.tables import FRESH_FOR, HEARTBEAT_TABLE
from nbargo_watcher.settings import Settings

TIMEOUT: Final = 5.0
"""Seconds."""
_OK: Final = 200


def check(settings: Settings) -> tuple[bool, str]:
    """Return whether a watcher does its work, and a sentence.

    Args:
        settings: With a health port the watcher is asked there; otherwise its heartbeat in the database is read.
    """
    return _ask(settings.health_port) if settings.health_port else _beats(settings)


def _ask(port: int) -> tuple[bool, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        told = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return False, f"No watcher answers on port {port} ({error})"
    finally:
        connection.close()
    if answer.status == _OK:
        return True, f"The watcher follows {', '.join(told['streams'])}"
    reasons = [f"{part}: {why}" for part, why in told["degraded"].items()] + [
        f"{part} is stuck" for part in told["stuck"]
    ]
    return False, "The watcher does not do its work: " + ("; ".join(reasons) or "the first list is not complete yet")


def _beats(settings: Settings) -> tuple[bool, str]:
    try:
        with closing(open_to_read(settings.database, timeout=TIMEOUT)) as connection:
            rows = connection.execute(f"SELECT MAX(beat_at) FROM {HEARTBEAT_TABLE}")  # noqa: S608 - a constant
            latest = rows.fetchone()[0]
    except sqlite3.Error as error:
        return False, f"No watcher has left a heartbeat in {settings.database} ({error})"
    if latest is None:
        return False, f"No watcher runs: there is no heartbeat in {settings.database}"
    age = time.time() - latest / 1000
    return age <= FRESH_FOR, f"The last heartbeat in {settings.database} is {age:.0f} s old"
