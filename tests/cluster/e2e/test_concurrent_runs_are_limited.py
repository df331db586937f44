"""A user's limit of runs on Argo's own controller: its messages, its order, and what a stop does to one that waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nbargo_shared.identity import user_label
from support import notebooks as make
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cluster.access import Cluster
    from support.stack import MakeStack, Stack

WAITS = "Waiting for a free place: 2 of your runs may run at a time"
SOON = 60.0


CONFIG_MAP = "notebook-limits"  # as values.yaml says


class Limits:
    """The administrator's ConfigMap, and the folder where it is mounted in the labs.

    Args:
        cluster: Where the ConfigMap is.
        folder: The folder.
    """

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.folder = folder
        self._api = cluster.api
        self._collection = cluster.collection("configmaps")
        self._data: dict[str, str] = {}
        self._api.create(self._collection, {"metadata": {"name": CONFIG_MAP}, "data": {}})

    def set(self, key: str, value: str) -> None:
        self._data[key] = value
        self._api.merge(f"{self._collection}/{CONFIG_MAP}", {"data": self._data})
        (self.folder / key).write_text(value)

    def remove(self) -> None:
        self._api.delete(f"{self._collection}/{CONFIG_MAP}")
        for key in self._data:
            (self.folder / key).unlink()


@pytest.fixture
def limits(cluster: Cluster, limits_folder: Path) -> Iterator[Limits]:
    made = Limits(cluster, limits_folder)
    yield made
    made.remove()


@pytest.fixture
def limited(make_stack: MakeStack, limits: Limits) -> Stack:
    """A stack whose user may run two jobs at a time."""
    stack = make_stack()
    limits.set(user_label(stack.environment), "2")
    make.write(stack.place.notebooks / "patient.ipynb", make.PID_AND_WAIT)
    make.write(stack.place.notebooks / "short.ipynb", "pass")
    return stack


def running(stack: Stack) -> str:
    job_id = stack.rest.create("patient.ipynb", output_formats=["ipynb"])
    stack.rest.wait_for(job_id, "IN_PROGRESS")
    return job_id


def waiting(stack: Stack) -> str:
    job_id = stack.rest.create("short.ipynb", output_formats=["ipynb"])
    what = "the user reads why it waits"
    eventually(lambda: WAITS in str(stack.rest.job(job_id)["status_message"]), what=what, every=0.1)
    assert stack.rest.job(job_id)["status"] == "QUEUED"
    return job_id


def status_of(stack: Stack, job_id: str) -> dict[str, Any]:
    status: dict[str, Any] = stack.workflows()[job_id]["status"]
    return status


def test_the_third_of_two_waits_and_runs_when_one_ends(limited: Stack) -> None:
    first, second = running(limited), running(limited)
    third = waiting(limited)
    lock = f"{limited.access.namespace}/ConfigMap/{CONFIG_MAP}/{user_label(limited.environment)}"
    assert status_of(limited, third)["message"] == f"Waiting for {lock} lock. Lock status: 0/2"
    limited.rest.stop(first)
    ended = limited.rest.wait_for(third, "COMPLETED")
    assert ended["status_message"] is None
    assert limited.rest.job(second)["status"] == "IN_PROGRESS"


def test_a_stop_and_a_delete_of_those_that_wait_are_heeded_at_once(limited: Stack) -> None:
    running(limited)
    running(limited)
    stopped, deleted, last = waiting(limited), waiting(limited), waiting(limited)
    limited.rest.stop(stopped)
    assert limited.rest.wait_for(stopped, "STOPPED", seconds=SOON)["status_message"] is None
    assert status_of(limited, stopped)["phase"] == "Succeeded"  # which is Argo's way until 4.0
    limited.rest.delete(deleted)
    assert deleted not in limited.workflows()
    assert "this job is next" in limited.rest.job(last)["status_message"]


def test_a_raised_limit_lets_those_go_who_wait(limited: Stack, limits: Limits) -> None:
    running(limited)
    running(limited)
    third = waiting(limited)
    limits.set(user_label(limited.environment), "3")
    limited.rest.wait_for(third, "COMPLETED")


@pytest.mark.usefixtures("limits")
def test_a_user_without_a_key_is_not_failed_by_argo(make_stack: MakeStack) -> None:
    stack = make_stack("--ArgoScheduler.one_at_a_time=True")
    make.write(stack.place.notebooks / "short.ipynb", "pass")
    job_id = stack.rest.create("short.ipynb", output_formats=["ipynb"])
    stack.rest.wait_for(job_id, "COMPLETED")
    mutex = {"name": f"nbargo-{user_label(stack.environment)}"}
    assert stack.workflows()[job_id]["spec"]["synchronization"] == {"mutexes": [mutex]}
