"""The tables: jupyter-scheduler's, which must be as this version knows them, and the watcher's own."""

import sqlite3
from typing import Any, Final

import aiosqlite

from nbargo_shared.errors import SchemaError
from nbargo_shared.tables import HEARTBEAT_TABLE, PROJECTED_TABLE
from nbargo_watcher.dberrors import MissingError
from nbargo_watcher.rows import IS_LIVE, Projected
from nbargo_watcher.statements import TABLES, Table

CHECKPOINT_TABLE: Final = "nbargo_checkpoint"

OWN_TABLES: Final = {
    PROJECTED_TABLE: Projected._fields,
    CHECKPOINT_TABLE: ("scope", "identity", "resource_version"),
    HEARTBEAT_TABLE: ("watcher", "beat_at"),
}

_STATEMENTS: Final = {
    PROJECTED_TABLE: """(
        job_id TEXT PRIMARY KEY,
        scope TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        uid TEXT NOT NULL,
        resource_version TEXT NOT NULL,
        status TEXT NOT NULL,
        started_at INTEGER,
        finished_at INTEGER,
        stop INTEGER NOT NULL,
        gone INTEGER NOT NULL,
        record INTEGER NOT NULL,
        asked_at INTEGER NOT NULL
    ) WITHOUT ROWID""",
    CHECKPOINT_TABLE: "(scope TEXT PRIMARY KEY, identity TEXT NOT NULL, resource_version TEXT NOT NULL) WITHOUT ROWID",
    HEARTBEAT_TABLE: "(watcher TEXT PRIMARY KEY, beat_at INTEGER NOT NULL)",
}

_INDEX: Final = f"CREATE INDEX nbargo_projected_live ON {PROJECTED_TABLE} (scope, job_id) WHERE {IS_LIVE}"


async def check_tables(connection: aiosqlite.Connection) -> None:
    """Check that jupyter-scheduler's tables are ones that this version can fill.

    Raises:
        MissingError: One is not there.
        SchemaError: One lacks a column, or wants one that is not known here.
    """
    for table in TABLES:
        await _check(connection, table)


async def _check(connection: aiosqlite.Connection, table: Table[Any]) -> None:
    found = await connection.execute_fetchall(f"PRAGMA main.table_info({table.name})")
    if not found:
        raise MissingError(f"The database has no table '{table.name}'")
    names = {name for _, name, *_ in found}
    if missing := [name for name in table.columns if name not in names]:
        raise SchemaError(f"The table '{table.name}' has no column {', '.join(missing)}")
    needed = [name for _, name, _, notnull, default, _ in found if notnull and default is None]
    if foreign := [name for name in needed if name not in table.columns]:
        hint = "This version of nbargo is older than the installed jupyter-scheduler: update it"
        raise SchemaError(f"The table '{table.name}' needs a value for {', '.join(foreign)}", hint=hint)


async def missing_tables(connection: aiosqlite.Connection) -> list[str]:
    """Return which of the watcher's own tables have to be made.

    Raises:
        SchemaError: One is there with other columns.
    """
    missing = []
    for table, expected in OWN_TABLES.items():
        found = await connection.execute_fetchall(f"PRAGMA main.table_info({table})")
        names = tuple(name for _, name, *_ in found)
        if not names:
            missing.append(table)
        elif names != expected:
            hint = f"Drop it (DROP TABLE {table}): the watcher makes it anew"
            raise SchemaError(f"The table '{table}' was made by another version of nbargo", hint=hint)
    return missing


def make_tables(connection: sqlite3.Connection, tables: list[str], *, temporary: bool = False) -> None:
    """Make the watcher's own tables, inside the caller's transaction.

    Args:
        connection: To the database.
        tables: Which of them.
        temporary: Whether they vanish with the connection: a dry run writes nothing.
    """
    kind = "CREATE TEMP TABLE" if temporary else "CREATE TABLE IF NOT EXISTS"
    for table in tables:
        connection.execute(f"{kind} {table} {_STATEMENTS[table]}")
    if PROJECTED_TABLE in tables and not temporary:
        connection.execute(_INDEX.replace("INDEX", "INDEX IF NOT EXISTS"))
