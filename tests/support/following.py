"""Real watchers in this process, on a real database, against the local API over HTTP, under a clock that tests move.

What runs is `daemon`'s session with its supervisor, reflectors, projector and store; only the signal handler and the
search for a kubeconfig are left out. A watcher may be ended in order, or killed between two awaits: what it would have
done in its `finally` blocks is then not done either.
"""

import asyncio
import inspect
import random
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, closing
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import aiosqlite
from aiohttp.typedefs import Middleware
from jupyter_scheduler.orm import create_tables

from nbargo_local.api.server import LocalServer, ServerSettings
from nbargo_watcher import daemon
from nbargo_watcher import store as store_module
from nbargo_watcher.connection import Connection, Credentials
from nbargo_watcher.parts import Ground
from nbargo_watcher.settings import Settings
from nbargo_watcher.source import Timing, new_session
from nbargo_watcher.telemetry import Telemetry
from support.jobs import NAMESPACE, USER, Jobs
from support.oracle import differences
from unit.watcher_reflector.scripted import Clock

SCOPE = f"workflows/{NAMESPACE}"


class Log:
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []

    def bind(self) -> "Log":
        return self

    def __getattr__(self, level: str) -> Callable[..., None]:
        return lambda event, **more: self.said.append((f"{level} {event}", more))

    def lines(self, start: str) -> list[dict[str, Any]]:
        return [more for said, more in self.said if said.startswith(start)]


class Life:
    """The tasks of one watcher, and what happens at one of their awaits.

    Args:
        awaits: After so many awaits of all tasks together it happens; None for never.
        then: What happens: its end, if nothing else is said.
    """

    def __init__(self, awaits: int | None = None, then: Callable[[], object] | None = None) -> None:
        self.left = awaits
        self.then = then or self.end
        self.is_over = False
        self.tasks: set[asyncio.Task[Any]] = set()
        self.connections: list[aiosqlite.Connection] = []

    def count(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                self.then()

    def end(self) -> None:
        self.is_over = True
        for connection in self.connections:
            connection._running = False  # what is with SQLite is done or not; nothing more goes there
            connection.close = _nothing  # type: ignore[method-assign] # a process that is gone closes nothing
        for task in self.tasks:
            task.cancel()  # also the one that counts: what it waits for now will not be told to it

    async def buried(self) -> None:
        """Wait until nothing of it is left."""
        while left := [task for task in self.tasks if not task.done()]:
            await asyncio.wait(left)
        for task in self.tasks:
            if not task.cancelled():
                task.exception()  # what it ended with is of no interest; that it was looked at is
        for connection in self.connections:
            connection.stop()
            if connection._thread.ident is not None:
                await asyncio.to_thread(connection._thread.join)


async def _nothing() -> None:
    pass


_LIFE: ContextVar[Life | None] = ContextVar("life", default=None)


class _Mortal(Coroutine[Any, Any, Any]):
    """A coroutine that ends with its life, wherever it is, and whatever it would still like to await."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], life: Life) -> None:
        self._coroutine = coroutine
        self._life = life

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coroutine, name)

    def __await__(self) -> Any:
        return self._coroutine.__await__()

    def send(self, value: Any) -> Any:
        return self._step(lambda: self._coroutine.send(value))

    def throw(self, *error: Any) -> Any:
        return self._step(lambda: self._coroutine.throw(*error))

    def close(self) -> None:
        self._coroutine.close()

    def _step(self, advance: Callable[[], Any]) -> Any:
        if self._life.is_over:
            # Whatever it awaits now, in a finally block or shielded, is cancelled in the next round of the loop.
            if inspect.getcoroutinestate(self._coroutine) == inspect.CORO_CREATED:
                self._coroutine.send(None)  # up to its first await: coroutines that never began are warned of
            else:
                self._coroutine.throw(asyncio.CancelledError)
            return None
        waited_for = advance()
        self._life.count()
        return waited_for


def _task_factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    life = _LIFE.get()
    if life is None:
        return asyncio.Task(coroutine, loop=loop, **options)
    task = asyncio.Task(_Mortal(coroutine, life), loop=loop, **options)
    life.tasks.add(task)
    if life.is_over:
        task.cancel()
    return task


@cache
def _fresh_database() -> bytes:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "scheduler.sqlite"
        create_tables(f"sqlite:///{path}")
        return path.read_bytes()


def make_database(path: Path) -> None:
    """Make jupyter-scheduler's tables, as it makes them itself."""
    path.write_bytes(_fresh_database())


@dataclass(kw_only=True)
class Follower:
    """One watcher.

    Attributes:
        settings: What it is to do.
        url: Address of the API.
        token: The bearer token, as a list of one, so that a test can change it.
        timing: Deadlines and intervals.
        seed: Of its jitter.
    """

    settings: Settings
    url: str
    token: list[str]
    timing: Timing
    seed: int = 1
    log: Log = field(default_factory=Log)
    telemetry: Telemetry = field(default_factory=Telemetry)
    life: Life | None = None
    task: asyncio.Task[None] | None = None
    _session: aiohttp.ClientSession | None = None

    def start(self, *, awaits: int | None = None) -> None:
        """Start it; it dies after a number of awaits, if one is given."""
        assert self.task is None
        self.life, self.telemetry = Life(awaits), Telemetry()
        self._session = new_session(self.timing)
        ground = self._ground(self._session)
        before = _LIFE.set(self.life)
        try:
            self.task = asyncio.create_task(daemon.supervise("session", lambda: daemon._session(ground), ground))
        finally:
            _LIFE.reset(before)

    @property
    def is_dead(self) -> bool:
        return self.life is not None and self.life.is_over

    async def kill(self) -> None:
        """End it between two awaits, as SIGKILL does, and leave nothing open."""
        if self.life is not None:
            self.life.end()
        await self._gone()

    async def stop(self) -> None:
        """End it in order, as SIGTERM does."""
        if self.task is not None:
            self.task.cancel()
        await self._gone()

    async def _gone(self) -> None:
        if self.life is None or self.task is None:
            return
        await self.life.buried()
        if self._session is not None:
            await self._session.close()
        self.life = self.task = self._session = None

    def _ground(self, session: aiohttp.ClientSession) -> Ground:
        return Ground(
            settings=self.settings,
            connection=Connection(url=self.url, namespace=NAMESPACE, reader=self._read),
            session=session,
            telemetry=self.telemetry,
            timing=self.timing,
            rng=random.Random(self.seed),  # noqa: S311 - jitter, repeatable
            log=self.log,
        )

    def _read(self, *, anew: bool) -> Credentials:
        del anew
        return Credentials(authorization=f"Bearer {self.token[0]}")


@dataclass(kw_only=True)
class Scene:
    """A cluster with jobs in it, a database, and the clock of both."""

    folder: Path
    server: LocalServer
    jobs: Jobs
    clock: Clock
    followers: list[Follower] = field(default_factory=list)

    @property
    def database(self) -> Path:
        return self.folder / "scheduler.sqlite"

    def follower(self, *, url: str = "", timing: Timing | None = None, seed: int = 1) -> Follower:
        """Make a watcher; it is ended with the scene."""
        settings = Settings(namespaces=(NAMESPACE,), user=USER, database=self.database, staging=self.folder / "staging")
        made = Follower(
            settings=settings,
            url=url or self.server.url,
            token=[self.server.token],
            timing=timing or Timing(),
            seed=seed,
        )
        self.followers.append(made)
        return made

    def following(self, **options: Any) -> Follower:
        """Make a watcher and start it."""
        made = self.follower(**options)
        made.start()
        return made

    def differences(self) -> list[str]:
        return differences(self.database, self.jobs)

    async def true(self, *, within: float = 60.0, step: float = 0.25) -> float:
        """Let time pass until the rows are as the oracle says; return the seconds that it took."""
        try:
            return await self.clock.until(lambda: not self.differences(), within=within, step=step)
        except AssertionError:
            raise AssertionError("\n".join([f"not within {within} s:", *self.differences()])) from None

    def sql(self, statement: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    def delete_row(self, job_id: str) -> bool:
        """Delete a row, as the lab does; returns whether there was one."""
        with closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            return connection.execute("DELETE FROM jobs WHERE job_id = ?", (job_id,)).rowcount == 1


@asynccontextmanager
async def scene(*, window: int = 1000, middlewares: Sequence[Middleware] = (), port: int = 0) -> AsyncIterator[Scene]:
    """Set a scene: an API without objects, and a database without rows, in a folder of its own.

    Args:
        window: Events that the API remembers; a watch from before is answered with 410.
        middlewares: Faults.
        port: Of the API; 0 for a free one.
    """
    loop = asyncio.get_running_loop()
    folder = Path(tempfile.mkdtemp())
    make_database(folder / "scheduler.sqlite")
    server = LocalServer(
        folder / "kubeconfig", ServerSettings(window=window, middlewares=middlewares, port=port, namespace=NAMESPACE)
    )
    connect = store_module._connect

    def connected(path: Path) -> aiosqlite.Connection:
        made = connect(path)
        if (life := _LIFE.get()) is not None:
            life.connections.append(made)
        return made

    store_module._connect = connected
    loop.set_task_factory(_task_factory)
    try:
        async with server:
            made = Scene(folder=folder, server=server, jobs=Jobs(server.store, folder / "staging"), clock=Clock(loop))
            try:
                yield made
            finally:
                for follower in made.followers:
                    await follower.kill()
    finally:
        loop.set_task_factory(None)
        store_module._connect = connect
        shutil.rmtree(folder)
