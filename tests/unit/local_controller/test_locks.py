"""Semaphores and mutexes: who runs, who waits, and who is next."""

from pathlib import Path
from typing import Any

import pytest

from nbargo_local.api.store import WORKFLOWS
from nbargo_local.controller import Controller, Settings
from support.controller_bench import Bench, Object, phase_of, waiting

SEMAPHORE = {"semaphores": [{"configMapKeyRef": {"name": "limits", "key": "jane"}}]}
MUTEX = {"mutexes": [{"name": "jane"}]}
FULL = "Waiting for default/ConfigMap/limits/jane lock. Lock status: 0/2"


class Queue:
    """Workflows of one lock, each of which runs until it is let go.

    Args:
        bench: Where they run.
        folder: Has their files, and the ConfigMaps.
    """

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench = bench
        self._folder = folder

    def limit(self, text: str) -> None:
        path = self._folder / "configmaps" / "limits" / "jane"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def controller(self) -> Controller:
        settings = Settings(places=8, config_maps=self._folder / "configmaps")
        return Controller(self.bench.store, workdir=self.bench.workdir, clock=self.bench.clock, settings=settings)

    def submit(self, name: str, synchronization: Object = SEMAPHORE, **spec: Any) -> None:
        template = waiting(self._folder / name)
        self.bench.submit(template, name=name, synchronization=synchronization, **spec)

    def let_go(self, name: str) -> None:
        (self._folder / name).touch()

    async def running(self, name: str) -> None:
        await self.bench.until(lambda workflow: phase_of(workflow) == "Running", name)

    async def pending(self, name: str) -> Object:
        return await self.bench.until(lambda workflow: phase_of(workflow) == "Pending", name)

    def phase(self, name: str) -> str:
        return phase_of(self.bench.get(name))


@pytest.fixture
def queue(idle_bench: Bench, tmp_path: Path) -> Queue:
    queue = Queue(idle_bench, tmp_path)
    queue.limit("2")
    return queue


async def test_no_more_run_at_once_than_the_limit_says_and_the_next_one_follows(queue: Queue) -> None:
    async with queue.controller():
        for name in ("a", "b"):
            queue.submit(name)
            await queue.running(name)
        queue.submit("c")
        workflow = await queue.pending("c")
        assert workflow["status"]["message"] == FULL
        assert workflow["status"]["startedAt"] is None
        queue.let_go("b")
        await queue.running("c")
        assert queue.phase("a") == "Running"
        assert "message" not in queue.bench.get("c")["status"]


async def test_those_who_wait_go_on_by_priority_and_then_by_age(queue: Queue) -> None:
    queue.limit("1")
    async with queue.controller():
        queue.submit("first")
        await queue.running("first")
        for name, priority in (("old", 0), ("young", 0), ("urgent", 3)):
            queue.submit(name, priority=priority)
            await queue.pending(name)
            await queue.bench.advance(1)
        begun = []
        for before, name in (("first", "urgent"), ("urgent", "old"), ("old", "young")):
            queue.let_go(before)
            await queue.running(name)
            begun.append([other for other in ("urgent", "old", "young") if queue.phase(other) == "Pending"])
        assert begun == [["old", "young"], ["young"], []]


async def test_a_mutex_lets_one_run(queue: Queue) -> None:
    async with queue.controller():
        queue.submit("a", MUTEX)
        await queue.running("a")
        queue.submit("b", {"mutex": {"name": "jane"}})
        assert (await queue.pending("b"))["status"][
            "message"
        ] == "Waiting for default/Mutex/jane lock. Lock status: 0/1"
        queue.bench.store.delete(WORKFLOWS, "default", "a")
        await queue.running("b")


async def test_both_locks_or_none(queue: Queue) -> None:
    queue.limit("1")
    async with queue.controller():
        queue.submit("a", MUTEX)
        await queue.running("a")
        queue.submit("b", {**SEMAPHORE, **MUTEX})
        await queue.pending("b")
        queue.submit("c")
        await queue.bench.quiet()
        assert queue.phase("c") == "Pending"  # its turn is after b's, though the semaphore is free
        queue.let_go("a")
        await queue.running("b")


@pytest.mark.parametrize("lock", [SEMAPHORE, MUTEX], ids=["semaphore", "mutex"])
async def test_who_holds_a_lock_holds_it_after_a_restart(queue: Queue, lock: Object) -> None:
    queue.limit("1")
    async with queue.controller():
        queue.submit("z", lock)
        await queue.running("z")
        queue.submit("a", lock)
        await queue.pending("a")
    queue.bench.patch({"spec": {"suspend": True}}, "z")  # it stays, though its process went with the controller
    async with queue.controller():
        await queue.bench.quiet()
        assert queue.phase("a") == "Pending"
        queue.bench.store.delete(WORKFLOWS, "default", "z")
        await queue.running("a")


async def test_a_raised_limit_is_seen(queue: Queue) -> None:
    queue.limit("1")
    async with queue.controller():
        queue.submit("a")
        await queue.running("a")
        queue.submit("b")
        await queue.pending("b")
        queue.limit("2")
        await queue.bench.advance(1)
        await queue.running("b")
        queue.limit("1")
        queue.submit("c")
        assert "-1/1" in (await queue.pending("c"))["status"]["message"]
        queue.let_go("a")
        await queue.bench.ended("a")
        await queue.bench.advance(1)
        assert queue.phase("c") == "Pending"


@pytest.mark.parametrize("text", ["0", "", "2\n", "two"])
async def test_without_a_limit_it_fails_as_with_argo(queue: Queue, text: str) -> None:
    queue.limit(text)
    async with queue.controller():
        queue.submit("a")
        status = (await queue.bench.ended("a"))["status"]
    why = "failed to initialize semaphore default/ConfigMap/limits/jane with limit"
    assert status["phase"] == "Failed"
    assert status["message"] == f"Failed to acquire the synchronization lock. {why}"


@pytest.mark.parametrize(("how", "phase"), [("Stop", "Failed"), ("Terminate", "Succeeded")])
async def test_who_is_told_to_end_while_waiting(queue: Queue, how: str, phase: str) -> None:
    queue.limit("1")
    async with queue.controller():
        queue.submit("a")
        await queue.running("a")
        queue.submit("b")
        await queue.pending("b")
        queue.bench.patch({"spec": {"shutdown": how}}, "b")
        await queue.bench.quiet()
        assert queue.phase("b") == ("Pending" if how == "Stop" else "Succeeded")  # which is Argo's way
        queue.let_go("a")
        status = (await queue.bench.ended("b"))["status"]
    assert status["phase"] == phase
    assert status["progress"] == "0/1"
    assert "synchronization" not in status
