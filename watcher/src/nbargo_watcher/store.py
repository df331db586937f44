"""The rows in scheduler.sqlite: read by key, written in one short transaction for each batch.

The file is jupyter-scheduler's, and the lab, a second watcher, a user at a prompt or another task of this process may
write it at any time. Nothing is decided on rows that may have changed: `load` says which version of the database it
read, and `commit` writes only if that is still the version once it holds the write lock. No lock is ever held across a
wait for anything but the disk.
"""

import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

import aiosqlite
from anyio import CancelScope, Lock, sleep, to_thread

from nbargo_shared.database import uri
from nbargo_shared.errors import DatabaseError
from nbargo_shared.tables import FRESH_FOR, HEARTBEAT_TABLE, PROJECTED_TABLE
from nbargo_watcher import schema
from nbargo_watcher.dberrors import MissingError, ReplacedError, translated
from nbargo_watcher.definitionrows import DefinitionChange, definition_columns
from nbargo_watcher.evidence import Change
from nbargo_watcher.rows import Projected, columns
from nbargo_watcher.statements import DEFINITIONS, JOBS, TABLES, Known, R, Table, marks

BUSY_TIMEOUT: Final = 1.0
"""Seconds that one statement waits for another program's lock; short, so that SIGTERM ends the watcher within two."""

CACHE: Final = 768
"""KiB of pages that SQLite keeps; its default of 2 MiB makes nothing here faster (bench/memory.py, bench/once.py)."""

Result = TypeVar("Result")
AnyChange = Change | DefinitionChange
Version = tuple[int, int]
"""SQLite's data_version, which other connections' commits change, and a count of this connection's own."""

_REMEMBER: Final = f"INSERT OR REPLACE INTO {PROJECTED_TABLE} VALUES ({marks(Projected._fields)})"  # noqa: S608
_CHECKPOINT: Final = f"INSERT OR REPLACE INTO {schema.CHECKPOINT_TABLE} VALUES (?, ?, ?)"  # noqa: S608
_FORGET: Final = (
    f"DELETE FROM {PROJECTED_TABLE} WHERE "  # noqa: S608 - constants
    + " AND ".join(f"job_id NOT IN (SELECT {table.fields[0]} FROM {table.name})" for table in TABLES),  # noqa: S608
    f"DELETE FROM {schema.CHECKPOINT_TABLE}",  # noqa: S608 - constants
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Up to which resourceVersion the rows are true.

    Attributes:
        scope: The stream.
        identity: Whose resourceVersion it is: the server and the selector.
        resource_version: Opaque.
    """

    scope: str
    identity: str
    resource_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded(Generic[R]):
    """Rows as they were at one version of the database."""

    version: Version
    known: dict[str, Known[R]] = field(default_factory=dict)


class Store:
    """An open scheduler.sqlite; an async context manager.

    Args:
        path: The file. It is never made here: that is jupyter-scheduler's part.
        dry_run: Whether nothing may be written.
        rebuild: Whether to forget what users deleted, so that it comes back.

    Raises:
        MissingError: On entering: the file or one of its tables is not there.
        SchemaError: On entering: the tables are not as this version knows them.
        DatabaseError: From any method: the database cannot be used now; the same call may be repeated.
    """

    def __init__(self, path: Path, *, dry_run: bool = False, rebuild: bool = False) -> None:
        self._path = path
        self._dry_run = dry_run
        self._planned: dict[str, dict[str, Known[Any]]] = {}
        self._rebuild = rebuild
        self._stack = AsyncExitStack()
        self._inode: tuple[int, int] | None = None
        self._lock = Lock(fast_acquire=True)  # each commit's way to the disk is pause enough
        self._commits = 0

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            with translated(self._path):
                self._inode = await _existing(self._path)
                self._connection = await stack.enter_async_context(_connect(self._path))
                await self._connection.execute(f"PRAGMA cache_size = -{CACHE}")
                await schema.check_tables(self._connection)
                await self._prepare()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with CancelScope(shield=True):
            await self._stack.aclose()

    @property
    def dry_run(self) -> bool:
        """Whether nothing may be written."""
        return self._dry_run

    async def load(self, table: Table[R], ids: Iterable[str]) -> Loaded[R]:
        """Return the rows of these jobs or definitions and what is remembered of them.

        Args:
            table: Which of the two.
            ids: Their ids.

        Raises:
            ReplacedError: Another file has taken the database's place.
        """
        wanted = json.dumps(list(ids))

        def work(connection: sqlite3.Connection) -> list[Any]:
            self._check_file()
            return connection.execute(table.load, (wanted,)).fetchall()

        with translated(self._path):
            async with self._lock:
                rows = await self._on_thread(work)
                version = (rows[0][0] if rows else 0, self._commits)
        planned = self._planned.get(table.name, {})
        return Loaded(version=version, known={row[1]: planned.get(row[1]) or table.known(row) for row in rows})

    def plan(self, table: Table[Any], changes: Sequence[AnyChange]) -> None:
        """Let later reads of a dry run see changes that are not written: each is told once."""
        planned = self._planned.setdefault(table.name, {})
        planned |= {change.job_id: (change.row, change.projected) for change in changes}

    async def live(self, table: Table[Any], scope: str, *, after: str, limit: int) -> list[tuple[str, str]]:
        """Return id and uid of rows that have not ended and were last seen in a scope, ordered by id.

        Args:
            table: Jobs or definitions.
            scope: The stream.
            after: The last id of the page before; "" for the first page.
            limit: How many at most.
        """
        with translated(self._path):
            found = await self._connection.execute_fetchall(table.pages, (scope, after, limit))
        return [(row[0], row[1]) for row in found]

    async def checkpoint(self, scope: str) -> Checkpoint | None:
        """Return a scope's checkpoint, whoever wrote it."""
        query = f"SELECT * FROM {schema.CHECKPOINT_TABLE} WHERE scope = ?"  # noqa: S608 - a constant

        def work(connection: sqlite3.Connection) -> Any:
            self._check_file()
            return connection.execute(query, (scope,)).fetchone()

        with translated(self._path):
            row = await self._on_thread(work)
        return Checkpoint(scope=row[0], identity=row[1], resource_version=row[2]) if row else None

    async def commit(
        self, changes: Sequence[AnyChange], checkpoint: Checkpoint | None, *, version: Version | None
    ) -> bool:
        """Write changes and the checkpoint in one transaction.

        Args:
            changes: Of jobs or of definitions, in the order in which they were decided; one may come twice.
            checkpoint: If it moves with them.
            version: That of the `load` they were decided on; None if they rest on nothing.

        Returns:
            Whether they were written: False if somebody else wrote meanwhile, so that they have to be decided again.
        """
        return await self._transact(lambda connection: self._write(connection, changes, checkpoint), version=version)

    async def beat(self, watcher: str, now: int) -> None:
        """Say that a watcher lives, and remove watchers that have not said so for long.

        Args:
            watcher: The watcher's name, one for each process.
            now: Milliseconds since 1970.
        """
        stale = now - int(FRESH_FOR * 1000)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(f"DELETE FROM {HEARTBEAT_TABLE} WHERE beat_at < ?", (stale,))  # noqa: S608
            connection.execute(f"INSERT OR REPLACE INTO {HEARTBEAT_TABLE} VALUES (?, ?)", (watcher, now))  # noqa: S608

        await self._transact(work)

    async def end_beat(self, watcher: str) -> None:
        """Say that a watcher has ended."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(f"DELETE FROM {HEARTBEAT_TABLE} WHERE watcher = ?", (watcher,))  # noqa: S608

        await self._transact(work)

    async def _prepare(self) -> None:
        missing = await schema.missing_tables(self._connection)
        if self._dry_run:
            await self._on_thread(lambda connection: schema.make_tables(connection, missing, temporary=True))
            await self._connection.execute("PRAGMA query_only = ON")
        elif missing or self._rebuild:
            await self._transact(lambda connection: self._make(connection, missing))

    def _make(self, connection: sqlite3.Connection, missing: list[str]) -> None:
        schema.make_tables(connection, missing)
        for statement in _FORGET if self._rebuild else ():
            connection.execute(statement)

    def _write(
        self, connection: sqlite3.Connection, changes: Sequence[AnyChange], checkpoint: Checkpoint | None
    ) -> None:
        _write_jobs(connection, [change for change in changes if isinstance(change, Change)])
        for change in changes:
            if isinstance(change, DefinitionChange) and change.is_visible:
                _write_definition(connection, change)
        connection.executemany(_REMEMBER, [change.projected for change in changes])
        if checkpoint is not None:
            values = (checkpoint.scope, checkpoint.identity, checkpoint.resource_version)
            connection.execute(_CHECKPOINT, values)
        self._commits += 1

    async def _transact(self, work: Callable[[sqlite3.Connection], None], *, version: Version | None = None) -> bool:
        """Do some work while holding the write lock, and commit it.

        It is shielded from cancellation as a whole: it is short, and an abandoned half would hold the lock.

        Returns:
            False, with nothing done, if *version* is not the database's.
        """
        if self._dry_run:
            raise DatabaseError(f"{self._path} is not written in a dry run", transient=False)
        current = False
        async with self._lock:
            with translated(self._path), CancelScope(shield=True):
                current = await self._on_thread(lambda connection: self._locked(connection, work, version))
        return current

    def _locked(
        self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], None], version: Version | None
    ) -> bool:
        self._check_file()
        connection.execute("BEGIN IMMEDIATE")
        try:
            current = version is None or (_data_version(connection), self._commits) == version
            if current:
                work(connection)
                connection.commit()
        finally:
            if connection.in_transaction:
                connection.rollback()
        return current

    async def _on_thread(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do some work on the connection's own thread.

        aiosqlite goes there and back for each statement; a batch has half a dozen of them, and each way takes longer
        than the statement.
        """
        connection = self._connection

        def run() -> Result:
            return work(connection._conn)  # noqa: SLF001 - what aiosqlite's own methods do

        result: Result = await connection._execute(run)  # type: ignore[no-untyped-call]  # noqa: SLF001 - as above
        return result

    def _check_file(self) -> None:
        found = _inode(self._path)
        if found != self._inode:
            raise ReplacedError(f"{self._path} was {'replaced' if found else 'removed'}")


async def wait_for_database(
    path: Path,
    *,
    interval: float = 1.0,
    sleeper: Callable[[float], Awaitable[None]] = sleep,
    on_wait: Callable[[DatabaseError], None] = lambda _: None,
) -> None:
    """Wait until jupyter-scheduler has made its tables, and brought them to the shape this version knows.

    Args:
        path: The database's file.
        interval: Seconds between two looks.
        sleeper: How to wait.
        on_wait: Told once why there is something to wait for, and again when the reason changes.

    Raises:
        SchemaError: The file is there and is not a database.
    """
    told = ""
    while (error := await _obstacle(path)) is not None:
        if str(error) != told:
            on_wait(error)
            told = str(error)
        await sleeper(interval)


async def _obstacle(path: Path) -> DatabaseError | None:
    try:
        await _existing(path)
        with translated(path):
            async with _connect(path) as connection:
                await schema.check_tables(connection)
    except DatabaseError as error:
        return error
    return None


def _data_version(connection: sqlite3.Connection) -> int:
    """Return a number that changes when another connection has written: https://sqlite.org/pragma.html."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def _connect(path: Path) -> aiosqlite.Connection:
    return aiosqlite.connect(uri(path), uri=True, isolation_level=None, timeout=BUSY_TIMEOUT)


async def _existing(path: Path) -> tuple[int, int]:
    found = await to_thread.run_sync(_inode, path)
    if found is None:
        raise MissingError(f"{path} is not there")
    return found


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _write_jobs(connection: sqlite3.Connection, changes: Sequence[Change]) -> None:
    made = [_values(change) for change in changes if change.before is None]
    kept = [(*change.row[1:], change.job_id) for change in changes if change.before and change.is_visible]
    connection.executemany(JOBS.insert, made)
    connection.executemany(JOBS.update, kept)


def _write_definition(connection: sqlite3.Connection, change: DefinitionChange) -> None:
    if change.row is None:
        connection.execute(DEFINITIONS.delete, (change.job_id,))
    elif change.before is None:
        values = definition_columns(change.row, create_time=change.create_time).values()
        connection.execute(DEFINITIONS.insert, tuple(values))
    else:
        connection.execute(DEFINITIONS.update, (*change.row[1:], change.job_id))


def _values(change: Change) -> tuple[Any, ...]:
    if change.record is None:
        raise DatabaseError(f"The row of {change.job_id} cannot be made without its record", transient=False)
    return tuple(columns(change.row, change.record).values())  # the order of JOBS.columns
