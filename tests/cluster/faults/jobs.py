"""Jobs whose Workflows the test writes itself, as Argo's controller would, and the statuses that their rows must have.

Their namespace is none that a controller watches, so every write is the test's, at its own pace.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx

from cluster.kube import ApiError
from nbargo_shared import labels
from nbargo_shared.outcome import Outcome, State
from nbargo_shared.record import JobRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cluster.access import Cluster, Json

USER = "alice"
STARTED, ENDED = "2026-01-01T00:00:01Z", "2026-01-01T00:01:00Z"
STATUS = {
    "": "QUEUED",
    "Pending": "QUEUED",
    "Running": "IN_PROGRESS",
    "Succeeded": "COMPLETED",
    "Failed": "FAILED",
    "Error": "FAILED",
}
OUTAGE_SECONDS = 60.0
RETRY_SECONDS = 0.05
# What the server answers while it comes up, besides 5xx.
COMING_UP = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}


@dataclass(slots=True)
class Jobs:
    """All jobs of one test.

    Args:
        cluster: Where their Workflows are.
        staging: jupyter-scheduler's staging directory.
        expected: The status that each job's row must come to, by job id.
    """

    cluster: Cluster
    staging: Path
    expected: dict[str, str] = field(default_factory=dict)
    uids: dict[str, str] = field(default_factory=dict)

    def create(self, *, padding: int = 0) -> str:
        """Create a job's Workflow and return the job's id.

        Args:
            padding: Bytes by which the Workflow is larger.
        """
        job = str(uuid.uuid4())
        metadata: Json = {
            "name": labels.object_name(job),
            "labels": {labels.USER_LABEL: USER, labels.JOB_LABEL: job},
            "annotations": {labels.JOB_ANNOTATION: record(job).to_json()},
        }
        template = {"name": "main", "script": {"image": "none", "command": ["sh"], "source": "#" * padding}}
        spec = {"entrypoint": "main", "templates": [template]}
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata, "spec": spec}
        collection = self.cluster.collection("workflows")
        insist(lambda: self.cluster.api.create(collection, body), done=HTTPStatus.CONFLICT)
        insist(lambda: self.uids.update({job: self.cluster.api.get(self.path(job))["metadata"]["uid"]}))
        self.expected[job] = STATUS[""]
        return job

    def path(self, job: str) -> str:
        """Return the path of a job's Workflow."""
        return f"{self.cluster.collection('workflows')}/{labels.object_name(job)}"

    def move(self, job: str, phase: str) -> None:
        """Write a phase, with what Argo writes beside it; an end leaves an outcome file first."""
        body: Json = {"status": {"phase": phase, "startedAt": None if phase == "Pending" else STARTED}}
        if phase in {"Succeeded", "Failed", "Error"}:
            self._leave_outcome(job, State.COMPLETED if phase == "Succeeded" else State.FAILED)
            body["status"]["finishedAt"] = ENDED
            body["metadata"] = {"labels": {labels.COMPLETED_LABEL: "true"}}
        insist(lambda: self.cluster.api.merge(self.path(job), body))
        self.expected[job] = STATUS[phase]

    def delete(self, job: str) -> None:
        """Delete a Workflow, as its TTL does."""
        insist(lambda: self.cluster.api.delete(self.path(job)), done=HTTPStatus.NOT_FOUND)

    def live(self, *phases: str) -> str:
        """Create a job's Workflow, write its phases one after the other, and return the job's id."""
        job = self.create()
        for phase in phases:
            self.move(job, phase)
        return job

    def _leave_outcome(self, job: str, state: State) -> None:
        folder = self.staging / job
        folder.mkdir(parents=True, exist_ok=True)
        outcome = Outcome(
            job_id=job,
            workflow_uid=self.uids[job],
            state=state,
            started_at=1767225602500,
            ended_at=1767225659500,
            job=record(job),
        )
        (folder / labels.OUTCOME_FILE).write_text(outcome.to_json(), encoding="utf-8")


def record(job: str) -> JobRecord:
    """Return a job's record."""
    return JobRecord(
        job_id=job,
        name="numbers",
        input_filename="numbers.ipynb",
        runtime_environment_name="python3",
        create_time=1767225600000,
    )


def insist(ask: Callable[[], object], *, done: HTTPStatus | None = None) -> None:
    """Ask the API server, again and again while it is away.

    Args:
        ask: The request. It may have been carried out although no answer came.
        done: The answer to a request that has been carried out before.

    Raises:
        ApiError: The server refused it.
    """
    deadline = time.monotonic() + OUTAGE_SECONDS
    repeated = False
    while True:
        try:
            ask()
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        except ApiError as error:
            if repeated and error.status == done:
                return
            if not (error.status in COMING_UP or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR):
                raise
        else:
            return
        repeated = True
        time.sleep(RETRY_SECONDS)
