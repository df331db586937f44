"""What the projector's tests stand on: objects, outcome files, a cluster in a dict, and the database's rows."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nbargo_shared.errors import ClusterError, NbargoError
from nbargo_shared.outcome import Outcome, RunError, State
from nbargo_shared.record import JobRecord
from nbargo_watcher.definitionfiles import DefinitionFiles, DefinitionResolver
from nbargo_watcher.definitionrows import DefinitionChange
from nbargo_watcher.evidence import Change
from nbargo_watcher.model import Event, Observed
from nbargo_watcher.outcomes import OutcomeFiles
from nbargo_watcher.projector import Clocks, Projector
from nbargo_watcher.reports import Reports
from nbargo_watcher.resolve import Archive, Resolver
from nbargo_watcher.store import Store

SCOPE = "workflows/argo"
USER = "ada"
JOB = "0b5cf0f4-9d45-4a1e-8b57-000000000001"
UID = "uid-1"
ASKED = 1_000_000
START = 2_000_000
END = 3_000_000

RECORD = JobRecord(
    job_id=JOB,
    name="numbers",
    input_filename="numbers.ipynb",
    runtime_environment_name="python3",
    runtime_environment_parameters={"cores": 2},
    create_time=ASKED,
    output_formats=("ipynb", "html"),
    output_files={"ipynb": "numbers-1.ipynb"},
    parameters={"n": "3"},
    tags=("a",),
    output_filename_template="{{input_filename}}",
    idempotency_token="t",
)

OBJECT = Observed(
    namespace="argo",
    name=f"nb-{JOB}",
    uid=UID,
    resource_version="10",
    user=USER,
    job_id=JOB,
    created_at=ASKED,
    job_json=RECORD.to_json(),
)
RUNNING = replace(OBJECT, phase="Running", started_at=START, resource_version="20")
SUCCEEDED = replace(RUNNING, phase="Succeeded", finished_at=END, completed=True, ran=True, resource_version="30")
FAILED = replace(SUCCEEDED, phase="Failed", message="exit code 1")
STOPPED = replace(SUCCEEDED, phase="Failed", message="Stopped with strategy 'Terminate'", shutdown="Terminate")

OUTCOME = Outcome(
    job_id=JOB, workflow_uid=UID, state=State.COMPLETED, started_at=START + 123, ended_at=END - 321, job=RECORD
)
FAILURE = replace(OUTCOME, state=State.FAILED, error=RunError(name="ZeroDivisionError", message="division", cell=3))


def job(number: int) -> str:
    return f"0b5cf0f4-9d45-4a1e-8b57-{number:012d}"


def of_job(observed: Observed, number: int, **changes: Any) -> Observed:
    """Return the same object for another job."""
    record = replace(RECORD, job_id=job(number))
    values = {"job_id": job(number), "name": f"nb-{job(number)}", "uid": f"uid-{number}", "job_json": record.to_json()}
    return replace(observed, **values | changes)


class FakeCluster:
    """A cluster whose objects are in a dict, and which can refuse to answer."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Observed] = {}
        self.error: ClusterError | None = None
        self.asked: list[str] = []

    def put(self, observed: Observed) -> None:
        self.objects[observed.namespace, observed.name] = observed

    async def get(self, namespace: str, name: str) -> Observed | None:
        self.asked.append(name)
        if self.error:
            raise self.error
        found = (item for (place, called), item in self.objects.items() if called == name and namespace in {"", place})
        return next(found, None)


@dataclass
class World:
    database: Path
    staging: Path
    cluster: Any = field(default_factory=FakeCluster)  # a FakeCluster, or a model of a server
    archive: Archive | None = None
    changes: list[Change] = field(default_factory=list)
    definition_changes: list[DefinitionChange] = field(default_factory=list)
    quarantined: list[tuple[Observed, NbargoError]] = field(default_factory=list)
    monotonic: float = 0.0
    wall: float = 10_000.0

    @asynccontextmanager
    async def projector(
        self, *, dry_run: bool = False, rebuild: bool = False, once: bool = False, server: str = "s"
    ) -> AsyncIterator[Projector]:
        async with (
            Store(self.database, dry_run=dry_run, rebuild=rebuild) as store,
            self.make(store, once=once, server=server) as projector,
        ):
            yield projector

    def make(self, store: Store, *, once: bool = False, server: str = "s") -> Projector:
        files = OutcomeFiles(self.staging)
        return Projector(
            store=store,
            user=USER,
            server=server,
            resolver=Resolver(user=USER, files=files, cluster=self.cluster, archive=self.archive),
            definitions=DefinitionResolver(
                files=DefinitionFiles(self.staging), objects=Resolver(user=USER, files=files, cluster=self.cluster)
            ),
            files=files,
            once=once,
            reports=Reports(
                change=self.changes.append,
                definition=self.definition_changes.append,
                quarantined=lambda *found: self.quarantined.append(found),
            ),
            clocks=Clocks(monotonic=lambda: self.monotonic, wall=lambda: self.wall),
        )

    def leave(self, outcome: Outcome, text: str | None = None) -> Path:
        """Write an outcome file."""
        directory = self.staging / outcome.job_id
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "outcome.json"
        path.write_text(outcome.to_json() if text is None else text)
        return path

    def sql(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(statement, values).fetchall()

    def row(self, job_id: str = JOB) -> dict[str, Any] | None:
        found = self.sql("SELECT * FROM jobs WHERE job_id = ?", job_id)
        return dict(found[0]) if found else None

    def status(self, job_id: str = JOB) -> str | None:
        found = self.row(job_id)
        return found["status"] if found else None

    def rows(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self.sql("SELECT * FROM jobs ORDER BY job_id")]


async def see(projector: Projector, *objects: Observed) -> None:
    """Give watch events, one batch for each."""
    for observed in objects:
        version = observed.resource_version
        await projector.events(SCOPE, [Event(observed=observed)], resource_version=version)


async def delete(projector: Projector, observed: Observed, version: str | None = None) -> None:
    """Give the deletion of an object."""
    body = observed if version is None else replace(observed, resource_version=version)
    await projector.events(SCOPE, [Event(observed=body, deleted=True)], resource_version=body.resource_version)
