"""A model of what the API server, Argo and the jobs' pods do to one another's objects, and the oracle on top of it.

The oracle is written from the status table alone: it folds the final state of the server into what the rows must say.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from nbargo_shared.outcome import Outcome, RunError, State
from nbargo_shared.record import JobRecord
from nbargo_shared.status import DISAPPEARED
from nbargo_watcher.model import Event, Observed
from unit.watcher_store.world import RECORD, USER, job

Expected = tuple[str, str | None, int | None, int | None]

ENDED = {"Succeeded", "Failed"}


@dataclass
class Workflow:
    body: Observed
    outcome: Outcome | None = None
    gone: bool = False


@dataclass
class Server:
    staging: Path
    version: int = 8
    now: int = 1_000_000_000
    log: list[Event] = field(default_factory=list)
    current: dict[int, Workflow] = field(default_factory=dict)
    copies: dict[str, Observed] = field(default_factory=dict)
    deleted_by_user: set[int] = field(default_factory=set)

    def get_objects(self) -> Iterator[Observed]:
        yield from (item.body for item in self.current.values() if not item.gone)
        yield from self.copies.values()

    async def get(self, namespace: str, name: str) -> Observed | None:
        found = (item for item in self.get_objects() if item.name == name and namespace in {"", item.namespace})
        return next(found, None)

    def apply(self, action: str, number: int) -> None:
        """Do something to a job, if it can be done to it now."""
        self.now += 10_000
        workflow = self.current.get(number)
        if action == "create":
            if workflow is None:
                self._create(number, started=None)
        elif workflow is not None:
            getattr(self, f"_{action}")(number, workflow)

    def _create(self, number: int, *, started: int | None) -> None:
        body = Observed(
            namespace="argo",
            name=f"nb-{job(number)}",
            uid=f"uid-{number}-{self.version}",
            resource_version="",
            user=USER,
            job_id=job(number),
            started_at=started,
            created_at=self.now,
            job_json=self._record(number).to_json(),
        )
        self.current[number] = Workflow(body)
        self._emit(number, body)

    def _run(self, number: int, workflow: Workflow) -> None:
        if workflow.gone or workflow.body.phase not in {"", "Pending"}:
            return
        body = replace(workflow.body, phase="Running", started_at=workflow.body.started_at or self.now)
        workflow.outcome = Outcome(
            job_id=job(number),
            workflow_uid=body.uid,
            state=State.RUNNING,
            started_at=self.now + 123,
            job=self._record(number),
        )
        self._leave(workflow.outcome)
        self._emit(number, body)

    def _succeed(self, number: int, workflow: Workflow) -> None:
        self._end(number, workflow, State.COMPLETED, phase="Succeeded")

    def _fail(self, number: int, workflow: Workflow) -> None:
        self._end(number, workflow, State.FAILED, phase="Failed")

    def _kill(self, number: int, workflow: Workflow) -> None:
        """End as a pod does that ran out of memory: its outcome file still says running."""
        self._end(number, workflow, None, phase="Failed")

    def _stop(self, number: int, workflow: Workflow) -> None:
        if not workflow.gone and workflow.body.phase == "Running":
            self._emit(number, replace(workflow.body, shutdown="Terminate", stop_requested=True))

    def _touch(self, number: int, workflow: Workflow) -> None:
        if not workflow.gone:
            self._emit(number, workflow.body)

    def _retry(self, number: int, workflow: Workflow) -> None:
        if not workflow.gone and workflow.body.phase in ENDED:
            workflow.outcome = None
            fresh = replace(workflow.body, phase="", message="", shutdown="", stop_requested=False, completed=False)
            self._emit(number, replace(fresh, started_at=self.now, finished_at=None))

    def _delete(self, number: int, workflow: Workflow) -> None:
        if not workflow.gone:
            workflow.gone = True
            self._emit(number, workflow.body, deleted=True)

    def _collect(self, number: int, workflow: Workflow) -> None:
        if workflow.body.phase in ENDED:
            self._delete(number, workflow)

    def _succeeded_by(self, number: int, workflow: Workflow) -> None:
        """Retry from the archive: the same name, another uid."""
        if workflow.gone and workflow.body.phase in ENDED:
            self._create(number, started=self.now)

    def _resubmit(self, number: int, workflow: Workflow) -> None:
        self.version += 1
        uid = f"copy-{number}-{self.version}"
        copy = replace(workflow.body, name=uid, uid=uid, resubmitted=True, phase="Failed", message="the copy's")
        self.copies[uid] = replace(copy, resource_version=str(self.version), completed=True)
        self.log.append(Event(observed=self.copies[uid]))

    def _end(self, number: int, workflow: Workflow, state: State | None, *, phase: str) -> None:
        if workflow.gone or workflow.body.phase != "Running" or workflow.outcome is None:
            return
        stopped = bool(workflow.body.shutdown)
        if state is not None:
            error = RunError(name="ValueError", message=f"at {self.now}", cell=1) if state is State.FAILED else None
            workflow.outcome = replace(
                workflow.outcome, state=state, ended_at=self.now + 77, error=None if stopped else error
            )
            self._leave(workflow.outcome)
        body = replace(
            workflow.body,
            phase="Failed" if stopped else phase,
            message="Stopped with strategy 'Terminate'" if stopped else f"ended {phase}",
            finished_at=self.now + 1000,
            completed=True,
            ran=True,
            outcome_json=workflow.outcome.to_json() if state is not None else workflow.body.outcome_json,
        )
        self._emit(number, body)

    def _emit(self, number: int, body: Observed, *, deleted: bool = False) -> None:
        self.version += 1
        body = replace(body, resource_version=str(self.version))
        self.current[number].body = body
        self.log.append(Event(observed=body, deleted=deleted))

    def _leave(self, outcome: Outcome) -> None:
        directory = self.staging / outcome.job_id
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "outcome.json").write_text(outcome.to_json())

    def _record(self, number: int) -> JobRecord:
        return replace(RECORD, job_id=job(number))

    def expected(self) -> dict[str, Expected]:
        """Return what each job's row must say: status, message, start and end."""
        kept = {number: item for number, item in self.current.items() if number not in self.deleted_by_user}
        return {job(number): fold(item) for number, item in kept.items()}


def fold(workflow: Workflow) -> Expected:
    body, outcome = workflow.body, workflow.outcome
    start = outcome.started_at if outcome else body.started_at
    if body.phase in ENDED:
        end = outcome.ended_at if outcome and outcome.ended_at else body.finished_at
        if body.phase == "Succeeded":
            return "COMPLETED", None, start, end
        if body.shutdown:
            return "STOPPED", None, start, body.finished_at
        error = str(outcome.error) if outcome and outcome.error else body.message
        return "FAILED", error, start, end
    if workflow.gone:
        return ("STOPPED", None, start, None) if body.shutdown else ("FAILED", DISAPPEARED, start, None)
    if body.phase == "Running":
        return "STOPPING" if body.shutdown else "IN_PROGRESS", None, body.started_at, None
    return "QUEUED", None, body.started_at, None
