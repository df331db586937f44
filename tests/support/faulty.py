"""A scene in which things go wrong as planned, and in which time flies."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from nbargo_local.faults.plan import Plan
from nbargo_watcher.source import Timing
from support.following import Follower, Scene, scene
from support.jobs import Jobs
from support.virtualtime import VirtualTime, virtual_time

SELDOM: Final = Timing(relist=(100_000.0, 100_000.0))
"""Without anti-entropy lists, so that what a test shows is not their work."""


@dataclass(kw_only=True)
class Faulty:
    """A scene, and what is to go wrong in it."""

    scene: Scene
    plan: Plan
    clock: VirtualTime

    @property
    def jobs(self) -> Jobs:
        return self.scene.jobs

    @property
    def lists(self) -> int:
        """How many lists of workflows have been asked for."""
        return len(self.plan.of("list", "workflows"))

    @property
    def watches(self) -> int:
        """How many watches of workflows have been asked for."""
        return len(self.plan.of("watch", "workflows"))

    def run(self, *numbers: int) -> None:
        """Create jobs, and let them run."""
        for number in numbers:
            self.jobs.do("create", number)
            self.jobs.do("run", number)

    async def following(self, *, timing: Timing = SELDOM, url: str = "", seed: int = 1) -> Follower:
        """Start a watcher, and wait until it has listed, and watches."""
        follower = self.scene.following(timing=timing, url=url, seed=seed)
        before = self.watches
        await self.clock.until(lambda: self.watches > before, within=60)
        await self.true(within=10)
        return follower

    async def true(self, *, within: float) -> float:
        """Let time pass until the rows are as the oracle says; return the seconds that it took."""
        return await self.scene.true(within=within)

    def status(self, number: int) -> str | None:
        """Return what the row of a job says."""
        found = self.scene.sql("SELECT status FROM jobs WHERE job_id = ?", self.jobs.jobs[number].record.job_id)
        return str(found[0][0]) if found else None


@asynccontextmanager
async def faulty(*, window: int = 1000) -> AsyncIterator[Faulty]:
    """Set a scene.

    Args:
        window: Events that the API remembers; a watch from before is answered with 410.
    """
    plan = Plan()
    async with scene(window=window, middlewares=[plan.middleware]) as made:
        with virtual_time() as clock:
            made.clock = clock
            try:
                yield Faulty(scene=made, plan=plan, clock=clock)
            finally:
                for follower in made.followers:
                    await follower.kill()
