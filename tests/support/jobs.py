"""A model of what submitter, Argo, pods and users do to jobs: it writes real objects and real outcome files.

It writes to the local API's store as Argo's controller there does, in process, so that faults of the HTTP side hit the
watcher alone. It keeps what `support.oracle` needs to say what the rows must be in the end. Its clock is its own, far
in the past: each action takes ten seconds, and nothing depends on how long a test runs.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from nbargo_local.api.store import WORKFLOWS, Store
from nbargo_shared import labels
from nbargo_shared.outcome import Outcome, RunError, State
from nbargo_shared.record import JobRecord

Json = dict[str, Any]

NAMESPACE: Final = "argo"
USER: Final = "ada"
STEP: Final = 10_000
"""Milliseconds of the model's clock for each action."""
PHASE_LABEL: Final = "workflows.argoproj.io/phase"
ENDED: Final = frozenset({"Succeeded", "Failed"})

LOSSLESS: Final = ("create", "run", "succeed", "fail", "touch", "delete", "collect", "resubmit", "retry")
"""What leaves its end in an outcome file, or in an object that is still there: no event is needed to know of it."""
ACTIONS: Final = (*LOSSLESS, "kill", "stop", "succeeded_by", "somebody_else")
"""Everything that happens to a job; `Jobs.do` passes over what cannot be done to it now."""


@dataclass(kw_only=True)
class Attempt:
    """One run of a job.

    Attributes:
        body: The Workflow as it was last; of a deleted one, its last body.
        outcome: What the run's own pod left on the volume.
    """

    body: Json
    outcome: Outcome | None = None

    @property
    def phase(self) -> str:
        return str(self.body.get("status", {}).get("phase", ""))


@dataclass(kw_only=True)
class Job:
    """A job with all of its runs, the first one first."""

    record: JobRecord
    attempts: list[Attempt] = field(default_factory=list)
    gone: bool = False
    deleted_by_user: bool = False

    @property
    def last(self) -> Attempt:
        return self.attempts[-1]


def job_id(number: int) -> str:
    return f"0b5cf0f4-9d45-4a1e-8b57-{number:012d}"


def stamp(milliseconds: int) -> str:
    """Return a time as Kubernetes writes it: whole seconds."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Jobs:
    """Jobs by number, in a store and a staging directory.

    Args:
        store: The local API's.
        staging: The staging directory.
    """

    def __init__(self, store: Store, staging: Path) -> None:
        self.jobs: dict[int, Job] = {}
        self.now = 1_000_000_000
        self._store = store
        self._staging = staging
        self._others = 0

    def do(self, action: str, number: int) -> bool:
        """Do something to a job; returns whether it could be done to it now."""
        self.now += STEP
        job = self.jobs.get(number)
        if action == "create":
            return job is None and self._create(number)
        if action == "somebody_else":
            return self._somebody_else()
        return job is not None and not job.deleted_by_user and self._act(action, job)

    def user_deletes(self, number: int, delete_row: Callable[[str], bool]) -> bool:
        """Delete a job as the lab does: its row, its Workflow, its files.

        Args:
            number: The job's.
            delete_row: Deletes a row, and returns whether there was one: what is not listed cannot be deleted.
        """
        job = self.jobs.get(number)
        if job is None or job.deleted_by_user or not delete_row(job.record.job_id):
            return False
        self.now += STEP
        job.deleted_by_user = True
        if not job.gone:
            self._delete(job)
        shutil.rmtree(self._staging / job.record.job_id, ignore_errors=True)
        return True

    def _act(self, action: str, job: Job) -> bool:
        phase = "gone" if job.gone else job.last.phase
        wanted: dict[str, tuple[frozenset[str], Callable[[Job], None]]] = {
            "run": (frozenset({"", "Pending"}), self._run),
            "succeed": (frozenset({"Running"}), lambda job: self._end(job, State.COMPLETED)),
            "fail": (frozenset({"Running"}), lambda job: self._end(job, State.FAILED)),
            "kill": (frozenset({"Running"}), lambda job: self._end(job, None)),
            "stop": (frozenset({"Running"}), self._stop),
            "retry": (frozenset({"Failed"}), self._retry),
            "collect": (ENDED, self._delete),
            "touch": (frozenset({"", "Pending", "Running", *ENDED}), self._touch),
            "delete": (frozenset({"", "Pending", "Running", *ENDED}), self._delete),
            "resubmit": (ENDED, self._resubmit),
            "succeeded_by": (frozenset({"gone"}), self._succeeded_by),
        }
        phases, act = wanted[action]
        if phase not in phases:
            return False
        act(job)
        return True

    def _create(self, number: int) -> bool:
        record = JobRecord(
            job_id=job_id(number),
            name=f"job {number}",
            input_filename=f"n{number}.ipynb",
            runtime_environment_name="python3",
            create_time=self.now,
            parameters={"n": str(number)},
        )
        self.jobs[number] = Job(record=record)
        self._make(self.jobs[number], {})
        return True

    def _make(self, job: Job, status: Json) -> None:
        name = labels.object_name(job.record.job_id)
        body = self._store.create(
            WORKFLOWS, NAMESPACE, self._manifest(job, name) | ({"status": status} if status else {})
        )
        job.attempts.append(Attempt(body=body))

    def _manifest(self, job: Job, name: str, **more: str) -> Json:
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {
                "name": name,
                "labels": {labels.USER_LABEL: USER, labels.JOB_LABEL: job.record.job_id, **more},
                "annotations": {labels.JOB_ANNOTATION: job.record.to_json()},
            },
            "spec": {"entrypoint": "main"},
        }

    def _run(self, job: Job) -> None:
        attempt = job.last
        started = attempt.body.get("status", {}).get("startedAt") or stamp(self.now)
        attempt.outcome = Outcome(
            job_id=job.record.job_id,
            workflow_uid=attempt.body["metadata"]["uid"],
            state=State.RUNNING,
            started_at=self.now + 2123,
            job=job.record,
        )
        self._leave(attempt.outcome)
        self._patch(job, {"status": {"phase": "Running", "startedAt": started, "progress": "0/1"}})

    def _end(self, job: Job, state: State | None) -> None:
        """End a run; without a state as a pod does that ran out of memory: its file still says that it runs."""
        attempt, outputs = job.last, {}
        stopped = bool(attempt.body["spec"].get("shutdown"))
        assert attempt.outcome is not None
        if state is not None:
            error = RunError(name="ValueError", message=f"at {self.now}", cell=1) if state is State.FAILED else None
            attempt.outcome = replace(attempt.outcome, state=state, ended_at=self.now + 77, error=error)
            self._leave(attempt.outcome)
            outputs = {
                "outputs": {"parameters": [{"name": labels.OUTCOME_PARAMETER, "value": attempt.outcome.to_json()}]}
            }
        phase = "Succeeded" if state is State.COMPLETED and not stopped else "Failed"
        message = "Stopped with strategy 'Terminate'" if stopped else f"exit code of {self.now}"
        status = {
            "phase": phase,
            "message": message,
            "finishedAt": stamp(self.now + 1000),
            "progress": "1/1",
            **outputs,
        }
        self._patch(
            job, {"metadata": {"labels": {labels.COMPLETED_LABEL: "true", PHASE_LABEL: phase}}, "status": status}
        )

    def _stop(self, job: Job) -> None:
        note = {"annotations": {labels.STOP_ANNOTATION: stamp(self.now)}}
        self._patch(job, {"metadata": note, "spec": {"shutdown": "Terminate"}})

    def _retry(self, job: Job) -> None:
        """As `argo retry` writes it: a new start, no phase, no completed label; outputs and the phase label stay."""
        job.attempts.append(Attempt(body=job.last.body))
        status = {"phase": None, "message": None, "startedAt": stamp(self.now), "finishedAt": None, "progress": None}
        completed = {"labels": {labels.COMPLETED_LABEL: None}}
        self._patch(job, {"metadata": completed, "spec": {"shutdown": None}, "status": status})

    def _succeeded_by(self, job: Job) -> None:
        """Retry from the archive: the same name, another uid. Argo retries what has failed alone."""
        if job.last.phase == "Failed":
            job.gone = False
            self._make(job, {"startedAt": stamp(self.now)})

    def _resubmit(self, job: Job) -> None:
        more = {labels.RESUBMITTED_LABEL: labels.object_name(job.record.job_id), labels.COMPLETED_LABEL: "true"}
        self._others += 1
        status = {"phase": "Failed", "message": "the copy's", "startedAt": stamp(self.now)}
        self._store.create(
            WORKFLOWS, NAMESPACE, self._manifest(job, f"copy-{self._others}", **more) | {"status": status}
        )

    def _somebody_else(self) -> bool:
        """Write an object of another user: the server's resourceVersion moves, and nobody is told."""
        self._others += 1
        metadata = {"name": f"other-{self._others}", "labels": {labels.USER_LABEL: "somebody"}}
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": metadata,
            "spec": {"entrypoint": "main"},
        }
        self._store.create(WORKFLOWS, NAMESPACE, body)
        return True

    def _touch(self, job: Job) -> None:
        self._patch(job, {"metadata": {"annotations": {"example.com/touched": str(self.now)}}})

    def _patch(self, job: Job, patch: Json) -> None:
        name = labels.object_name(job.record.job_id)
        job.last.body = self._store.patch(WORKFLOWS, NAMESPACE, name, patch)

    def _delete(self, job: Job) -> None:
        self._store.delete(WORKFLOWS, NAMESPACE, labels.object_name(job.record.job_id))
        job.gone = True

    def _leave(self, outcome: Outcome) -> None:
        folder = self._staging / outcome.job_id
        folder.mkdir(parents=True, exist_ok=True)
        made = folder / "outcome.json.new"
        made.write_text(outcome.to_json())
        made.rename(folder / labels.OUTCOME_FILE)
