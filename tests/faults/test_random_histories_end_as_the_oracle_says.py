"""Random histories on the full path: server, HTTP, reflector, projector, SQLite, with faults and crashes anywhere.

Jobs are created, changed, retried, resubmitted, deleted and collected; requests are refused, reset and cut off; what a
watch says is doubled, split and played again; the database is locked; a user deletes jobs; one or two watchers die at
any of their awaits and start again. In the end the rows are what the oracle says. tests/unit/watcher_store holds the
projector alone to histories of its own.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbargo_local.faults.answers import EXPIRED, expired, refuse, reset, status, truncated
from nbargo_local.faults.plan import Fault, Verb
from nbargo_local.faults.streams import Shape, cut_at, line, reshaped, says
from nbargo_watcher import store as store_module
from support.faulty import SELDOM, Faulty, faulty
from support.jobs import ACTIONS

pytestmark = pytest.mark.timeout(300)

HISTORIES = int(os.environ.get("NBARGO_HISTORIES", "60"))
STEPS = 40
WINDOW = 6
"""Events that the API remembers: a watcher that was away is told 410 more often than not."""
HEALED = 60.0
"""Seconds of the loop's clock: the longest backoff, and a list with a watch after it."""
LIVES = 60
"""Awaits that the fixed history certainly has; of the last ones a watcher may not come to all."""
FIXED = ("create", "run", "touch", "fail", "retry", "run", "succeed", "collect")
GONE = line("ERROR", status(410, "Expired", EXPIRED))


def again() -> Shape:
    """Send each line of a watch twice, and the one before it once more: doubled and out of order."""
    before: list[bytes] = []

    def shape(right: bytes) -> Iterator[bytes]:
        yield from (right, *before, right)
        before[:] = [right]

    return shape


FAULTS: dict[str, tuple[Verb, Callable[[], Fault]]] = {
    "list 410": ("list", expired),
    "list cut": ("list", truncated),
    "list reset": ("list", reset),
    "list 429": ("list", lambda: refuse(429, retry_after=2)),
    "list 500": ("list", lambda: refuse(500)),
    "get 500": ("get", lambda: refuse(500)),
    "get reset": ("get", reset),
    "watch 410": ("watch", expired),
    "watch 410 said": ("watch", lambda: says(GONE)),
    "watch 403": ("watch", lambda: refuse(403)),
    "watch reset": ("watch", reset),
    "watch closed": ("watch", says),
    "watch cut": ("watch", lambda: cut_at(100)),
    "watch doubled": ("watch", lambda: reshaped(again())),
}

PEOPLE = st.integers(0, 2)
STEP = st.one_of(
    st.tuples(st.sampled_from(ACTIONS), PEOPLE),
    st.tuples(st.sampled_from(ACTIONS), PEOPLE),
    st.tuples(st.sampled_from(sorted(FAULTS)), st.integers(1, 3)),
    st.tuples(st.just("crash"), st.integers(0, 60)),
    st.tuples(st.just("wait"), st.integers(0, 5)),
    st.tuples(st.just("cut"), st.just(0)),
    st.tuples(st.just("lock"), st.integers(1, 5)),
    st.tuples(st.just("user deletes"), PEOPLE),
)


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    # SQLite waits for a lock in real time, a second for each try.
    monkeypatch.setattr(store_module, "BUSY_TIMEOUT", 0.01)


class History:
    """One history as it is played."""

    def __init__(self, it: Faulty, watchers: int) -> None:
        self.it = it
        self.followers = [it.scene.follower(timing=SELDOM, seed=seed) for seed in range(watchers)]

    async def do(self, name: str, number: int) -> None:
        if name in FAULTS:
            verb, fault = FAULTS[name]
            for _ in range(number):
                self.it.plan.add(verb, fault(), times=1)
        elif name in ACTIONS:
            self.it.jobs.do(name, number)
        else:
            await getattr(self, f"_{name.replace(' ', '_')}")(number)

    async def start(self) -> None:
        """Start every watcher that does not run."""
        for follower in self.followers:
            if follower.life is None or follower.is_dead:
                await follower.kill()
                follower.start()

    async def finish(self) -> None:
        for follower in self.followers:
            if follower.life is not None:
                follower.life.left = None
        self.it.plan.heal()
        await self.start()
        self.it.plan.cut()
        await self.it.true(within=HEALED)
        # A job that left nothing may be right with no row, before its events come again.
        await self.it.clock.run(HEALED)
        await self.it.true(within=HEALED)

    async def _crash(self, awaits: int) -> None:
        """Let the watcher whose turn it is die at one of its next awaits; the dead ones are started again."""
        await self.start()
        follower = self.followers[awaits % len(self.followers)]
        assert follower.life is not None
        follower.life.left = awaits + 1

    async def _wait(self, seconds: int) -> None:
        await self.it.clock.run(seconds or 0.01)

    async def _cut(self, _: int) -> None:
        self.it.plan.cut()

    async def _lock(self, seconds: int) -> None:
        with closing(sqlite3.connect(self.it.scene.database, isolation_level=None, timeout=5)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            await self.it.clock.run(seconds)
            connection.execute("ROLLBACK")

    async def _user_deletes(self, number: int) -> None:
        self.it.jobs.user_deletes(number, self.it.scene.delete_row)


@asynccontextmanager
async def history(watchers: int = 1) -> AsyncIterator[History]:
    async with faulty(window=WINDOW) as it:
        yield History(it, watchers)


@settings(
    max_examples=HISTORIES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEP, min_size=5, max_size=STEPS), watchers=st.integers(1, 2))
def test_random_histories_end_as_the_oracle_says(steps: list[tuple[str, int]], watchers: int) -> None:
    async def play() -> None:
        async with history(watchers) as played:
            await played.start()
            for name, number in steps:
                await played.do(name, number)
            await played.finish()

    asyncio.run(play())


@pytest.mark.parametrize("first", range(8))
async def test_a_crash_at_any_await_of_a_history_loses_nothing(first: int) -> None:
    async with history() as played:
        (follower,) = played.followers
        for awaits in range(first + 1, 80, 8):
            follower.start(awaits=awaits)
            for action in FIXED:
                played.it.jobs.do(action, awaits)
                await played.it.clock.run(0.3)
            assert awaits > LIVES or follower.is_dead
            await played.finish()
            await follower.kill()
