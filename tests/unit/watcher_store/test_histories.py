"""Random histories of jobs: however they are delivered, the rows come to say what the server's final state means."""

import shutil
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbargo_watcher.projector import Projector
from nbargo_watcher.store import Store
from unit.watcher_store.server import Expected, Server
from unit.watcher_store.world import SCOPE, World, job

ACTIONS = (
    "create", "run", "succeed", "fail", "kill", "stop", "touch", "retry", "delete", "collect", "succeeded_by",
    "resubmit",
)  # fmt: skip
LOSSLESS = ("create", "run", "succeed", "fail", "touch", "delete", "collect", "resubmit")
"""Actions whose end can be told from the outcome file, so that no event is needed for it."""

JOBS = st.integers(0, 2)
CONFIG = settings(
    max_examples=75,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

Step = tuple[str, int]


def actions(names: tuple[str, ...]) -> st.SearchStrategy[Step]:
    return st.tuples(st.sampled_from(names), JOBS)


def deliveries(*names: str) -> st.SearchStrategy[Step]:
    return st.tuples(st.sampled_from(names), st.integers(0, 5))


@dataclass
class Play:
    """One history, and the reflector that tells the projector of it."""

    world: World
    server: Server
    position: int = 0
    store: Store | None = None
    projector: Projector | None = None

    async def do(self, step: Step) -> None:
        name, number = step
        if hasattr(self, f"_{name}"):
            await getattr(self, f"_{name}")(number)
        else:
            self.server.apply(name, number)

    async def crash(self) -> None:
        """Drop the projector without closing it, as SIGKILL does."""
        if self.store is not None:
            await self.store.__aexit__(None, None, None)
        self.store = self.projector = None

    async def start(self) -> Projector:
        """Return the projector; a new one resumes from its checkpoint, or lists."""
        if self.projector is None:
            self.store = await Store(self.world.database).__aenter__()
            self.projector = self.world.make(self.store)
            checkpoint = await self.projector.checkpoint(SCOPE)
            if checkpoint is None:
                await self._relist(0)
            else:
                self.position = sum(
                    int(event.observed.resource_version) <= int(checkpoint) for event in self.server.log
                )
        return self.projector

    async def _crash(self, _: int) -> None:
        await self.crash()

    async def _deliver(self, count: int) -> None:
        projector = await self.start()
        batch = self.server.log[self.position : self.position + 1 + count]
        if batch:
            latest = {event.observed.uid: event for event in batch}
            await projector.events(SCOPE, list(latest.values()), resource_version=batch[-1].observed.resource_version)
            self.position += len(batch)

    async def _again(self, count: int) -> None:
        """Deliver some of the last events once more."""
        projector = await self.start()
        for event in self.server.log[max(0, self.position - count) : self.position]:
            await projector.events(SCOPE, [event], resource_version=event.observed.resource_version)

    async def _relist(self, _: int) -> None:
        projector = await self.start()
        objects = list(self.server.get_objects())
        await projector.page(SCOPE, objects[:2])
        await projector.page(SCOPE, objects[2:])
        uids = frozenset(item.uid for item in objects)
        await projector.listed(SCOPE, uids=uids, resource_version=str(self.server.version))
        self.position = len(self.server.log)

    async def _sweep(self, _: int) -> None:
        await (await self.start()).sweep()

    async def _half_list(self, _: int) -> None:
        """Deliver the first page of a list, then crash."""
        projector = await self.start()
        await projector.page(SCOPE, list(self.server.get_objects())[:2])
        await self.crash()

    async def _user_deletes(self, number: int) -> None:
        """Delete a job as the lab does: its row, its Workflow, its files."""
        if self.world.row(job(number)) is not None:
            self.world.sql("DELETE FROM jobs WHERE job_id = ?", job(number))
            self.server.apply("delete", number)
            shutil.rmtree(self.server.staging / job(number), ignore_errors=True)
            self.server.deleted_by_user.add(number)

    async def finish(self) -> None:
        while self.position < len(self.server.log):
            await self._deliver(5)

    def found(self) -> dict[str, Expected]:
        names = ("status", "status_message", "start_time", "end_time")
        return {row["job_id"]: tuple(row[name] for name in names) for row in self.world.rows()}


def play(fresh: Path, scenario: Callable[[Play], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            server = Server(staging=directory / "staging")
            world = World(
                database=Path(shutil.copy(fresh, directory)),
                staging=server.staging,
                cluster=server,
            )
            history = Play(world=world, server=server)
            try:
                await scenario(history)
            finally:
                await history.crash()

    anyio.run(run)


def follow(fresh: Path, steps: list[Step]) -> None:
    """Play a history from an empty cluster on, deliver every event in the end, and hold the rows to the oracle."""

    async def scenario(history: Play) -> None:
        projector = await history.start()
        await projector.sweep()
        await projector.close()  # with a checkpoint in the file, nothing goes by unseen
        for step in steps:
            await history.do(step)
        await history.finish()
        assert history.found() == history.server.expected()

    play(fresh, scenario)


@CONFIG
@given(
    steps=st.lists(
        actions(ACTIONS)
        | deliveries("deliver", "deliver", "again", "crash", "sweep")
        | st.tuples(st.just("user_deletes"), JOBS),
        max_size=60,
    )
)
def test_events_in_order_with_replays_and_crashes(fresh_database: Path, steps: list[Step]) -> None:
    follow(fresh_database, steps)


@CONFIG
@given(
    steps=st.lists(
        st.tuples(st.sampled_from((*LOSSLESS, "stop", "retry")), st.just(0)) | deliveries("sweep"), max_size=20
    )
)
def test_files_that_are_read_before_the_events_are(fresh_database: Path, steps: list[Step]) -> None:
    follow(fresh_database, steps)


@CONFIG
@given(
    steps=st.lists(
        actions(LOSSLESS) | deliveries("deliver", "again", "crash", "relist", "half_list", "sweep"),
        max_size=60,
    )
)
def test_lists_that_skip_events(fresh_database: Path, steps: list[Step]) -> None:
    async def scenario(history: Play) -> None:
        for step in steps:
            await history.do(step)
        await history.do(("relist", 0))
        history.world.wall = history.server.now / 1000 + 1000
        await history.do(("relist", 0))
        assert history.projector is not None
        await history.projector.sweep()
        expected = history.server.expected()
        found = history.found()
        unseen = {
            job(number)
            for number, item in history.server.current.items()
            if item.gone and item.outcome is None and job(number) not in found
        }
        assert found == {job_id: row for job_id, row in expected.items() if job_id not in unseen}

    play(fresh_database, scenario)


@CONFIG
@given(steps=st.lists(actions(ACTIONS), min_size=10, max_size=40), data=st.data())
def test_events_shuffled_and_doubled(fresh_database: Path, steps: list[Step], data: st.DataObject) -> None:
    async def scenario(history: Play) -> None:
        projector = await history.start()
        for step in steps:
            await history.do(step)
        log = history.server.log
        order = data.draw(st.permutations(log + log[::2]))
        for event in order:
            await projector.events(SCOPE, [event], resource_version=event.observed.resource_version)
        assert history.found() == history.server.expected()

    play(fresh_database, scenario)


@CONFIG
@given(steps=st.lists(actions(ACTIONS), max_size=40))
def test_a_replay_of_everything_leaves_the_file_as_it_is(fresh_database: Path, steps: list[Step]) -> None:
    async def scenario(history: Play) -> None:
        await history.start()
        for step in steps:
            await history.do(step)
        await history.finish()
        before = history.world.database.read_bytes()
        reported = len(history.world.changes)
        await history.crash()
        projector = await history.start()
        for event in history.server.log:
            await projector.events(SCOPE, [event], resource_version=event.observed.resource_version)
        await history.do(("relist", 0))
        await projector.sweep()
        assert history.world.database.read_bytes() == before
        assert len(history.world.changes) == reported

    play(fresh_database, scenario)
