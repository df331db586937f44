"""Random histories of definitions: however they are delivered, the rows come to say what the cluster and files say."""

import shutil
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbargo_shared.definition import DefinitionRecord
from nbargo_watcher.model import Event, Observed
from nbargo_watcher.projector import Projector
from nbargo_watcher.store import Store
from unit.watcher_definitions.samples import OBJECT, RECORD, SCOPE, cron_of, leave, rows
from unit.watcher_store.world import World

ACTIONS = ("create", "rename", "pause", "resume", "reschedule", "touch", "remove", "unschedule", "schedule")
IDS = [f"5f0c3c4a-1b1e-4b52-9c3a-{number:012d}" for number in range(2)]
CONFIG = settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Step = tuple[str, int]
Said = tuple[str, str | None, int]


@dataclass
class Server:
    """What the lab, kubectl and the API server do to definitions; a model without their clocks."""

    world: World
    version: int = 9
    log: list[Event] = field(default_factory=list)
    current: dict[int, Observed] = field(default_factory=dict)
    records: dict[int, DefinitionRecord] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)

    async def get(self, namespace: str, name: str) -> Observed | None:
        return next((item for item in self.current.values() if (item.namespace, item.name) == (namespace, name)), None)

    def apply(self, action: str, number: int) -> None:
        getattr(self, f"_{action}")(number)

    def _create(self, number: int) -> None:
        if number not in self.records and number not in self.hidden:
            self._put(number, replace(RECORD, definition_id=IDS[number]))

    def _schedule(self, number: int) -> None:
        """Give a definition that has none a schedule: the object is made, then the file goes."""
        if number in self.records and number not in self.current:
            self._put(number, self._edited(number, schedule="7 * * * *", timezone="UTC"))
            (self.world.staging / IDS[number] / "definition.json").unlink(missing_ok=True)

    def _unschedule(self, number: int) -> None:
        """Take the schedule away: the file is written, then the object goes."""
        if number in self.current:
            record = self._edited(number, schedule=None, timezone=None)
            self.records[number] = record
            leave(self.world, record)
            self._emit(number, self.current.pop(number), deleted=True)

    def _rename(self, number: int) -> None:
        if number in self.current:
            self._put(number, self._edited(number, name=f"name {self.version}"))

    def _pause(self, number: int) -> None:
        self._by_kubectl(number, suspended=True)

    def _resume(self, number: int) -> None:
        self._by_kubectl(number, suspended=False)

    def _reschedule(self, number: int) -> None:
        self._by_kubectl(number, schedule=f"{self.version % 60} * * * *")

    def _touch(self, number: int) -> None:
        self._by_kubectl(number)

    def _remove(self, number: int) -> None:
        """Delete with kubectl."""
        if number in self.current:
            del self.records[number]
            self._emit(number, self.current.pop(number), deleted=True)

    def delete_in_the_lab(self, number: int) -> None:
        """Delete the row, the object and the files of a definition, for good."""
        self.world.sql("DELETE FROM job_definitions WHERE job_definition_id = ?", IDS[number])
        shutil.rmtree(self.world.staging / IDS[number], ignore_errors=True)
        self.hidden.add(number)
        self.records.pop(number, None)
        if number in self.current:
            self._emit(number, self.current.pop(number), deleted=True)

    def _edited(self, number: int, **changes: Any) -> DefinitionRecord:
        return replace(self.records[number], update_time=self.records[number].update_time + 1, **changes)

    def _put(self, number: int, record: DefinitionRecord) -> None:
        self.records[number] = record
        before = self.current.get(number)
        uid = before.uid if before else f"cron-{number}-{self.version}"
        values = {"name": f"nb-{IDS[number]}", "uid": uid, "definition_id": IDS[number], "cron": cron_of(record)}
        self._emit(number, replace(OBJECT, **values))  # type: ignore[arg-type]

    def _by_kubectl(self, number: int, **changes: Any) -> None:
        if found := self.current.get(number):
            assert found.cron is not None
            self._emit(number, replace(found, cron=replace(found.cron, **changes)))

    def _emit(self, number: int, body: Observed, *, deleted: bool = False) -> None:
        self.version += 1
        body = replace(body, resource_version=str(self.version))
        if not deleted:
            self.current[number] = body
        self.log.append(Event(observed=body, deleted=deleted))

    def expected(self) -> dict[str, Said]:
        """Return what each row must say: name, schedule, and whether it is active."""
        said = {}
        for number, record in self.records.items():
            cron = self.current[number].cron if number in self.current else None
            found = (cron.schedule, int(not cron.suspended)) if cron else (record.schedule, int(record.active))
            said[IDS[number]] = (record.name, *found)
        return said


@dataclass
class Play:
    """One history, and what tells the projector of it."""

    world: World
    server: Server
    position: int = 0
    store: Store | None = None
    projector: Projector | None = None

    async def start(self) -> Projector:
        """Return the projector; a new one resumes from its checkpoint, or lists."""
        if self.projector is None:
            self.store = await Store(self.world.database).__aenter__()
            self.projector = self.world.make(self.store)
            checkpoint = await self.projector.checkpoint(SCOPE)
            if checkpoint is None:
                await self._relist(0)
            else:
                self.position = sum(int(item.observed.resource_version) <= int(checkpoint) for item in self.server.log)
        return self.projector

    async def crash(self) -> None:
        if self.store is not None:
            await self.store.__aexit__(None, None, None)
        self.store = self.projector = None

    async def do(self, step: Step) -> None:
        name, number = step
        if name in ACTIONS:
            self.server.apply(name, number)
        else:
            await getattr(self, f"_{name}")(number)

    async def _crash(self, _: int) -> None:
        await self.crash()

    async def _deliver(self, count: int) -> None:
        projector = await self.start()
        batch = self.server.log[self.position : self.position + 1 + count]
        if batch:
            latest = {event.observed.uid: event for event in batch}
            version = batch[-1].observed.resource_version
            await projector.events(SCOPE, list(latest.values()), resource_version=version)
            self.position += len(batch)

    async def _again(self, count: int) -> None:
        projector = await self.start()
        for event in self.server.log[max(0, self.position - count) : self.position]:
            await projector.events(SCOPE, [event], resource_version=event.observed.resource_version)

    async def _relist(self, _: int) -> None:
        projector = await self.start()
        objects = list(self.server.current.values())
        await projector.page(SCOPE, objects)
        uids = frozenset(item.uid for item in objects)
        await projector.listed(SCOPE, uids=uids, resource_version=str(self.server.version))
        self.position = len(self.server.log)

    async def _sweep(self, _: int) -> None:
        projector = await self.start()
        await projector.sweep_definitions()

    async def _user_deletes(self, number: int) -> None:
        shown = any(row["job_definition_id"] == IDS[number] for row in rows(self.world))
        if shown and number in self.server.records:
            self.server.delete_in_the_lab(number)

    async def settle(self) -> None:
        while self.position < len(self.server.log):
            await self._deliver(3)
        await self._relist(0)
        await self._sweep(0)

    def found(self) -> dict[str, Said]:
        return {row["job_definition_id"]: (row["name"], row["schedule"], row["active"]) for row in rows(self.world)}


def play(fresh: Path, scenario: Callable[[Play], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as name:
            world = World(database=Path(shutil.copy(fresh, name)), staging=Path(name) / "staging")
            world.cluster = Server(world)
            history = Play(world=world, server=world.cluster)
            try:
                await scenario(history)
            finally:
                await history.crash()

    anyio.run(run)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            (*ACTIONS, "deliver", "deliver", "again", "relist", "sweep", "crash", "user_deletes"),
        ),
        st.integers(0, 1),
    ),
    max_size=60,
)


@CONFIG
@given(steps=STEPS)
def test_in_order_with_replays_lists_files_and_crashes(fresh_database: Path, steps: list[Step]) -> None:
    async def scenario(history: Play) -> None:
        for step in steps:
            await history.do(step)
        await history.settle()
        assert history.found() == history.server.expected()
        before = history.world.database.read_bytes()
        await history.crash()
        await history.settle()
        latest = {event.observed.uid: event for event in history.server.log}
        for event in latest.values():
            await (await history.start()).events(SCOPE, [event], resource_version=event.observed.resource_version)
        assert history.world.database.read_bytes() == before, "what has been seen is written once"

    play(fresh_database, scenario)


@CONFIG
@given(steps=st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 1)), max_size=40), data=st.data())
def test_shuffled_and_doubled(fresh_database: Path, steps: list[Step], data: st.DataObject) -> None:
    async def scenario(history: Play) -> None:
        projector = await history.start()
        for step in steps:
            await history.do(step)
        log = history.server.log
        for event in data.draw(st.permutations(log + log[::2])):
            await projector.events(SCOPE, [event], resource_version=event.observed.resource_version)
        await history.settle()
        assert history.found() == history.server.expected()

    play(fresh_database, scenario)
