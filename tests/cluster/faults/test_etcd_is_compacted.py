from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.faults.sidecar import READY_SECONDS, STREAMS
from support.waiting import eventually

if TYPE_CHECKING:
    from cluster.controlplane import ControlPlane
    from cluster.faults.jobs import Jobs
    from cluster.faults.relay import Relay
    from cluster.faults.sidecar import Sidecar


def forget_history(control_plane: ControlPlane) -> None:
    """Compact etcd; the API server is started again, or it would answer from the events in its own cache."""
    control_plane.compact()
    control_plane.apiserver.kill()
    control_plane.start_apiserver()


def change_everything(jobs: Jobs) -> None:
    """Write what a watcher that is away misses: ends, deletions before and after an end, new jobs."""
    running = list(jobs.expected)
    jobs.move(running[0], "Succeeded")
    jobs.move(running[1], "Failed")
    jobs.move(running[2], "Succeeded")
    jobs.delete(running[2])
    jobs.delete(running[3])
    jobs.expected[running[3]] = "FAILED"  # deleted while it ran, without a trace: it must not stay IN_PROGRESS
    jobs.live("Pending", "Running")
    jobs.live("Pending", "Running", "Error")


def run_some(jobs: Jobs) -> None:
    for _ in range(6):
        jobs.live("Pending", "Running")


def test_a_watch_that_was_cut_gets_a_410_and_a_list_makes_the_rows_right(
    control_plane: ControlPlane, sidecar: Sidecar, relay: Relay, jobs: Jobs
) -> None:
    run_some(jobs)
    sidecar.start()
    sidecar.wait_for_rows(jobs.expected)
    relay.cut()
    change_everything(jobs)
    forget_history(control_plane)
    assert sidecar.retries("expired") == 0
    relay.mend()
    sidecar.wait_for_rows(jobs.expected)
    eventually(
        lambda: sidecar.metrics()["lists_total"] == 2 * STREAMS, what="the lists are complete", seconds=READY_SECONDS
    )
    assert sidecar.retries("expired") == STREAMS
    jobs.live("Pending", "Running", "Succeeded")
    sidecar.wait_for_rows(jobs.expected)


def test_a_killed_watchers_checkpoint_gets_a_410_and_a_list_makes_the_rows_right(
    control_plane: ControlPlane, sidecar: Sidecar, jobs: Jobs
) -> None:
    run_some(jobs)
    sidecar.start()
    sidecar.wait_for_rows(jobs.expected)
    eventually(lambda: "workflows" in sidecar.checkpoints(), what="it would go on from where it is")
    sidecar.program.kill()
    change_everything(jobs)
    forget_history(control_plane)
    sidecar.start()
    sidecar.wait_for_rows(jobs.expected)
    eventually(
        lambda: sidecar.metrics()["lists_total"] == STREAMS, what="the lists are complete", seconds=READY_SECONDS
    )
    assert sidecar.streams_that_met("expired").count("workflows") == 1
