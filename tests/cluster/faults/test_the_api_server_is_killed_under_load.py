from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from cluster.faults.sidecar import STREAMS
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.controlplane import ControlPlane
    from cluster.faults.jobs import Jobs
    from cluster.faults.sidecar import Sidecar

LIVES = (
    ("Pending", "Running", "Succeeded"),
    ("Pending", "Running", "Failed"),
    ("Pending", "Error"),
    ("Pending", "Running"),
    ("Pending",),
)
JOBS = 100
KILLED_AT = (30, 70)


class Load:
    """Writes whole lives of jobs, five at a time and interleaved, whatever becomes of the server meanwhile."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def wait_for(self, count: int) -> None:
        eventually(lambda: self.error or len(self.jobs.expected) >= count, what=f"{count} jobs are created", seconds=60)

    def finish(self) -> None:
        self._thread.join()
        if self.error:
            raise self.error

    def _run(self) -> None:
        try:
            while len(self.jobs.expected) < JOBS:
                write_lives(self.jobs)
        except BaseException as error:  # noqa: BLE001  # raised again in the test's own thread
            self.error = error


def write_lives(jobs: Jobs) -> None:
    steps: list[list[Callable[[], None]]] = []
    for life in LIVES:
        job = jobs.create()
        steps.append([partial(jobs.move, job, phase) for phase in life])
        if life[-1] == "Succeeded":
            steps[-1].append(partial(jobs.delete, job))
    while any(steps):
        for left in steps:
            if left:
                left.pop(0)()


def test_no_event_before_during_and_after_is_lost(control_plane: ControlPlane, sidecar: Sidecar, jobs: Jobs) -> None:
    before = [jobs.live("Pending", "Running") for _ in range(5)]
    sidecar.start()
    sidecar.wait_for_rows(jobs.expected)
    load = Load(jobs)
    for count in KILLED_AT:
        load.wait_for(count)
        control_plane.apiserver.kill()
        control_plane.start_apiserver()
    load.finish()
    for job in before:
        jobs.move(job, "Succeeded")
    sidecar.wait_for_rows(jobs.expected)
    told = sidecar.metrics()
    assert told["lists_total"] + told["watches_total"] <= 20 * STREAMS
    sidecar.wait_until_ready()
