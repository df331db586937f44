"""Jobs that come, change and go by the thousand, while two real watchers are killed and everything else goes wrong."""

import asyncio
import itertools
import random
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nbargo_local.api.server import LocalServer, ServerSettings
from nbargo_local.faults.answers import EXPIRED, emptied, expired, refuse, reset, status, truncated
from nbargo_local.faults.plan import Fault, Plan, Verb
from nbargo_local.faults.streams import Shape, cut_at, line, reshaped, says
from support.following import make_database
from support.jobs import ACTIONS, ENDED, NAMESPACE, USER, Jobs
from support.oracle import differences
from support.programs import Program

ACTIVE: Final = 16
"""Jobs that something happens to at a time; fewer than the watcher's brake on mass disappearance looks at."""
KEPT: Final = 100
"""Objects of ended jobs that are left in the cluster; beyond that the oldest are collected."""
WINDOW: Final = 150
"""Events that the API remembers: a watcher that was away for two seconds is told 410."""
_WEIGHTS: Final[Mapping[str, int]] = {
    "run": 8, "succeed": 6, "fail": 6, "touch": 3, "collect": 3, "retry": 3,
    "delete": 1, "kill": 2, "stop": 2, "resubmit": 1, "succeeded_by": 1, "somebody_else": 2,
}  # fmt: skip


@dataclass(kw_only=True)
class Tally:
    """What has happened so far."""

    histories: int = 0
    actions: int = 0
    kills: int = 0
    faults: int = 0
    user_deletes: int = 0
    locks: int = 0


@dataclass(kw_only=True)
class Churn:
    """The scene of a soak.

    Attributes:
        folder: Everything is in there.
        server: The local API.
        plan: Its faults.
        jobs: What happens to jobs.
        rng: All randomness; the processes' timing is not part of it.
    """

    folder: Path
    server: LocalServer
    plan: Plan
    jobs: Jobs
    rng: random.Random
    tally: Tally = field(default_factory=Tally)
    watchers: list[Program] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _active: list[int] = field(default_factory=list)
    _kept: list[int] = field(default_factory=list)

    @property
    def database(self) -> Path:
        return self.folder / "scheduler.sqlite"

    def differences(self) -> list[str]:
        return differences(self.database, self.jobs)

    def start(self, *, port: int = 0) -> Program:
        """Start a watcher.

        Args:
            port: Of the API as the watcher is to see it; 0 for the API's own.
        """
        kubeconfig = self.folder / f"kubeconfig-{next(self._numbers)}"
        text = self.server.kubeconfig.read_text()
        kubeconfig.write_text(text.replace(f":{self.server.port}", f":{port or self.server.port}"))
        where = ("--db", str(self.database), "--staging", str(self.folder / "staging"), "--kubeconfig", str(kubeconfig))
        who = ("--user", USER, "--namespace", NAMESPACE, "--start-jitter", "0", "--log-level", "warning")
        environment = {"HOME": str(self.folder), "PYTHONPATH": ":".join(sys.path)}
        command = [sys.executable, "-m", "nbargo_watcher", *where, *who]
        program = Program(command, environment=environment, log=self.folder / "watchers.log")
        self.watchers.append(program)
        return program

    async def churn(self, *, rate: float) -> None:
        """Let things happen to jobs, for ever.

        Args:
            rate: How many a second.
        """
        while True:
            await asyncio.sleep(self.rng.expovariate(rate))
            self._act()

    def _act(self) -> None:
        if len(self._active) < ACTIVE:
            number = self.tally.histories
            self.tally.histories += 1
            self._active.append(number)
            self.jobs.do("create", number)
            return
        number = self.rng.choice(self._active)
        (action,) = self.rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
        assert action in ACTIONS
        self.tally.actions += self.jobs.do(action, number)
        self._retire(number)

    def _retire(self, number: int) -> None:
        job = self.jobs.jobs[number]
        ended = job.deleted_by_user or job.gone or job.last.phase in ENDED
        if not ended or self.rng.random() > 1 / 8:
            return
        self._active.remove(number)
        if not job.gone and not job.deleted_by_user:
            self._kept.append(number)
        if len(self._kept) > KEPT:
            self.jobs.do("collect", self._kept.pop(0))

    async def kill(self, *, every: tuple[float, float]) -> None:
        """Kill a watcher with SIGKILL now and then, and start another one in its place, for ever."""
        while True:
            await asyncio.sleep(self.rng.uniform(*every))
            victim = self.rng.choice(self.watchers)
            victim.check_alive()
            victim.kill()
            self.watchers.remove(victim)
            self.tally.kills += 1
            await asyncio.sleep(self.rng.uniform(0, 1))
            self.start()

    async def disturb(self, *, every: tuple[float, float]) -> None:
        """Let something go wrong with the API now and then, for ever."""
        while True:
            await asyncio.sleep(self.rng.uniform(*every))
            self.plan.heal()
            verb, fault = self.rng.choice(self._faults())
            for _ in range(self.rng.randint(1, 3)):
                self.plan.add(verb, fault(), times=1)
            self.tally.faults += 1
            if self.rng.random() < 1 / 2:
                self.plan.cut()

    def _faults(self) -> list[tuple[Verb, Callable[[], Fault]]]:
        rng = self.rng
        gone = line("ERROR", status(410, "Expired", EXPIRED))
        return [
            ("list", expired),
            ("list", truncated),
            ("list", emptied),
            ("list", reset),
            ("list", lambda: refuse(503)),
            ("list", lambda: refuse(429, retry_after=1)),
            ("get", lambda: refuse(500)),
            ("get", reset),
            ("watch", expired),
            ("watch", reset),
            ("watch", lambda: refuse(500)),
            ("watch", lambda: refuse(429, retry_after=1)),
            ("watch", lambda: says(gone)),
            ("watch", says),
            ("watch", lambda: cut_at(rng.randrange(400))),
            ("watch", lambda: reshaped(lambda right: (right, right))),
            ("watch", lambda: reshaped(_halves)),
            ("watch", lambda: reshaped(_again(rng))),
        ]

    async def lock(self, *, every: tuple[float, float], held: tuple[float, float]) -> None:
        """Hold the database's lock as another program now and then, for ever."""
        while True:
            await asyncio.sleep(self.rng.uniform(*every))
            with closing(sqlite3.connect(self.database, timeout=0, isolation_level=None)) as connection:
                try:
                    connection.execute("BEGIN EXCLUSIVE")
                except sqlite3.OperationalError:
                    continue  # a watcher is writing
                self.tally.locks += 1
                await asyncio.sleep(self.rng.uniform(*held))
                connection.execute("ROLLBACK")

    async def use(self, *, every: tuple[float, float]) -> None:
        """Delete a job as a user now and then, for ever."""
        while True:
            await asyncio.sleep(self.rng.uniform(*every))
            if self._active:
                number = self.rng.choice(self._active)
                self.tally.user_deletes += self.jobs.user_deletes(number, self._delete_row)

    def _delete_row(self, job_id: str) -> bool:
        try:
            with closing(sqlite3.connect(self.database, timeout=0.1)) as connection, connection:
                return connection.execute("DELETE FROM jobs WHERE job_id = ?", (job_id,)).rowcount == 1
        except sqlite3.OperationalError:
            return False  # locked: the user tries again another time

    async def settle(self, *, within: float) -> list[str]:
        """Let nothing more go wrong, and return what the rows are still wrong about after a while, if anything.

        Args:
            within: Seconds: the longest backoff, with the time of a list.
        """
        self.plan.heal()
        self.plan.cut()
        end = asyncio.get_running_loop().time() + within
        while (wrong := self.differences()) and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 - other processes write, and they tell nobody
            await asyncio.sleep(0.2)
        return wrong


def _again(rng: random.Random) -> Shape:
    """Return a shape that sends, after each line of one watch, one of those before it once more."""
    lines: list[bytes] = []

    def shape(right: bytes) -> tuple[bytes, bytes]:
        lines.append(right)
        return right, rng.choice(lines[-20:])

    return shape


def _halves(right: bytes) -> tuple[bytes, bytes]:
    middle = len(right) // 2
    return right[:middle], right[middle:]


@asynccontextmanager
async def churning(seed: int) -> AsyncIterator[Churn]:
    """Set the scene: an API without objects, a database without rows, no watcher yet.

    Args:
        seed: Of all randomness.
    """
    plan = Plan()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        make_database(folder / "scheduler.sqlite")
        settings = ServerSettings(window=WINDOW, middlewares=[plan.middleware], namespace=NAMESPACE)
        server = await stack.enter_async_context(LocalServer(folder / "kubeconfig", settings))
        made = Churn(
            folder=folder,
            server=server,
            plan=plan,
            jobs=Jobs(server.store, folder / "staging"),
            rng=random.Random(seed),  # noqa: S311 - repeatable
        )
        try:
            yield made
        finally:
            for watcher in made.watchers:
                watcher.kill()
