"""A bench for the lab's side: a real ArgoScheduler on a real database and a local API, with the watcher's part played.

The part is small: when the API accepts a Workflow, its row is written before the answer goes out, and a rename is
followed. A test that is about the watcher's absence turns it off.
"""

import json
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from aiohttp import web
from jupyter_scheduler.models import CreateJob, CreateJobDefinition
from jupyter_scheduler.orm import Job, JobDefinition, create_session, create_tables
from traitlets.config import Config

from nbargo_local.api.server import LocalServer, ServerSettings
from nbargo_local.api.store import CRONWORKFLOWS, WORKFLOWS
from nbargo_local.controller.cron.family import child_of
from nbargo_shared import definition, labels, record, run
from nbargo_shared.definition import DefinitionRecord
from nbargo_shared.times import to_milliseconds
from nbargo_submitter import ArgoEnvironmentManager, ArgoJobFilesManager, ArgoScheduler, edits
from support.notebooks import write

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
NAMESPACE = "argo"


class Bench:
    """One user's home, and the cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "home"
        self.staging = folder / "data" / "staging"
        self.root.mkdir(parents=True)
        (folder / "data").mkdir()
        self.database = folder / "data" / "scheduler.sqlite"
        self.db_url = f"sqlite:///{self.database}"
        create_tables(self.db_url)
        self.projecting = True
        self.before: Handler | None = None
        self.around: Callable[[web.Request, Handler], Awaitable[web.StreamResponse]] | None = None
        self.after: Callable[[web.Request], None] | None = None
        settings = ServerSettings(namespace=NAMESPACE, middlewares=(self._middleware(),))
        self.server = LocalServer(folder / "kubeconfig", settings)
        self._schedulers: list[ArgoScheduler] = []

    async def close(self) -> None:
        for scheduler in self._schedulers:
            await scheduler.close()

    def scheduler(self, **settings: Any) -> ArgoScheduler:
        """Return a scheduler as a lab server has it: image set, sidecar expected, a short wait for rows."""
        chosen = {"image": "lab:1", "watcher": "sidecar", "wait_seconds": 5.0, "namespace": "", **settings}
        chosen.setdefault("kubeconfig", str(self.folder / "kubeconfig"))
        said = {name: value for name, value in chosen.items() if value is not None}
        config = Config({"ArgoScheduler": {"staging_path": str(self.staging), **said}})
        made = ArgoScheduler(
            root_dir=str(self.root),
            environments_manager=ArgoEnvironmentManager(),
            db_url=self.db_url,
            config=config,
            backend_id="argo",
        )
        self._schedulers.append(made)
        return made

    def files_manager(self, scheduler: ArgoScheduler) -> ArgoJobFilesManager:
        untyped: Any = scheduler
        return ArgoJobFilesManager(scheduler=untyped)

    def notebook(self, name: str = "report.ipynb") -> Path:
        return write(self.root / name, "print(1)")

    def workflows(self) -> list[dict[str, Any]]:
        return list(self.server.store.list(WORKFLOWS, NAMESPACE))

    def workflow(self, job_id: str) -> dict[str, Any] | None:
        return self.server.store.get(WORKFLOWS, NAMESPACE, labels.object_name(job_id))

    def patch(self, job_id: str, change: Mapping[str, Any]) -> None:
        """Change a Workflow as somebody else."""
        name = labels.object_name(job_id)
        self.server.store.patch(WORKFLOWS, NAMESPACE, name, dict(change))

    def remove(self, job_id: str) -> None:
        """Delete a Workflow as somebody else."""
        self.server.store.delete(WORKFLOWS, NAMESPACE, labels.object_name(job_id))

    def staged(self) -> list[str]:
        """Return the relative path of everything in the staging area."""
        return sorted(path.relative_to(self.staging).as_posix() for path in self.staging.rglob("*"))

    def set_row(self, job_id: str, **columns: Any) -> None:
        values: dict[Any, Any] = columns
        with create_session(self.db_url)() as session:
            session.query(Job).filter(Job.job_id == job_id).update(values)
            session.commit()

    def add_row(self, **values: Any) -> None:
        given = {"runtime_environment_name": "default", "input_filename": "a.ipynb", "name": "a", "status": "COMPLETED"}
        with create_session(self.db_url)() as session:
            session.add(Job(**{**given, **values}))
            session.commit()

    def row_ids(self) -> list[str]:
        with create_session(self.db_url)() as session:
            return [row.job_id for row in session.query(Job.job_id)]

    # Definitions

    def crons(self) -> list[dict[str, Any]]:
        return list(self.server.store.list(CRONWORKFLOWS, NAMESPACE))

    def cron(self, definition_id: str) -> dict[str, Any]:
        found = self.server.store.get(CRONWORKFLOWS, NAMESPACE, labels.object_name(definition_id))
        assert found is not None
        return found

    def patch_cron(self, definition_id: str, change: Mapping[str, Any]) -> None:
        """Change a CronWorkflow as somebody else."""
        self.server.store.patch(CRONWORKFLOWS, NAMESPACE, labels.object_name(definition_id), dict(change))

    def noted(self, definition_id: str) -> DefinitionRecord:
        """Return the record in the annotation of a CronWorkflow."""
        return definition.parse(self.cron(definition_id)["metadata"]["annotations"][labels.DEFINITION_ANNOTATION])

    def tick(self, definition_id: str, when: str = "2026-11-23T08:00:00+00:00") -> dict[str, Any]:
        """Start a run as Argo does, and list it."""
        child = child_of(self.cron(definition_id), datetime.fromisoformat(when))
        made = self.server.store.create(WORKFLOWS, NAMESPACE, child)
        self._project_job(made)
        return made

    def written(self, definition_id: str) -> DefinitionRecord:
        """Return the record in the file of a definition without a CronWorkflow."""
        return definition.parse((self.staging / definition_id / labels.DEFINITION_FILE).read_bytes())

    async def once(self) -> bool:
        """Do what `watcher --once` does for the definitions that are files."""
        for path in self.staging.glob(f"*/{labels.DEFINITION_FILE}"):
            self.show_definition(definition.parse(path.read_bytes()))
        return True

    def show_definition(self, made: DefinitionRecord) -> None:
        given = {"url", "version", "definition_id", "files", "input_uri"}
        values = {name: value for name, value in made.to_dict().items() if name not in given}
        row: dict[str, Any] = {"job_definition_id": made.definition_id, "schedule": None, "timezone": None}
        row |= {"tags": [], "parameters": {}, "output_formats": [], **values}
        with create_session(self.db_url)() as session:
            session.merge(JobDefinition(**row))
            session.commit()

    def definition_ids(self) -> list[str]:
        with create_session(self.db_url)() as session:
            return [str(row.job_definition_id) for row in session.query(JobDefinition)]

    def versions(self, definition_id: str) -> list[str]:
        """Return the names of a definition's version folders, the oldest first."""
        return sorted(path.name for path in (self.staging / definition_id).iterdir() if path.is_dir())

    def _middleware(self) -> Any:
        @web.middleware
        async def follow(request: web.Request, handler: Handler) -> web.StreamResponse:
            if self.around:
                answer = await self.around(request, handler)
            else:
                answer = await (self.before(request) if self.before else handler(request))
            if self.projecting and request.method in {"POST", "PATCH"} and answer.status < 300:
                self._project(json.loads(answer.body))  # type: ignore[attr-defined] # the API answers with a whole body
            if self.after:
                self.after(request)
            return answer

        return follow

    def _project(self, made: Mapping[str, Any]) -> None:
        if made["kind"] == "CronWorkflow":
            self.show_definition(edits.of_cron(made, listed=None))
        else:
            self._project_job(made)

    def _project_job(self, workflow: Mapping[str, Any]) -> None:
        metadata = workflow["metadata"]
        noted = metadata["annotations"][labels.JOB_ANNOTATION]
        if labels.JOB_LABEL in metadata["labels"]:
            job = record.parse(noted)
        else:
            created = to_milliseconds(metadata["creationTimestamp"]) or 0
            job = run.run_record(noted, uid=metadata["uid"], created_ms=created)
        stopping = workflow["spec"].get("shutdown")
        if job.job_id in self.row_ids():
            self.set_row(job.job_id, name=job.name, **({"status": "STOPPING"} if stopping else {}))
            return
        values = {name: value for name, value in job.to_dict().items() if name not in {"version", "output_files"}}
        self.add_row(**{**values, "status": "QUEUED", "update_time": job.create_time})


def scheduled(**values: Any) -> CreateJobDefinition:
    """Return what the form sends for a schedule of report.ipynb."""
    given = {
        "input_uri": "report.ipynb",
        "name": "report",
        "runtime_environment_name": "default",
        "output_formats": ["ipynb", "html"],
        "schedule": "0 9 * * 1",
        "timezone": "Europe/Berlin",
    }
    return CreateJobDefinition(**{**given, **values})


def request(**values: Any) -> CreateJob:
    """Return what the form sends for report.ipynb."""
    given = {
        "input_uri": "report.ipynb",
        "name": "report",
        "runtime_environment_name": "default",
        "output_formats": ["ipynb", "html"],
    }
    return CreateJob(**{**given, **values})


@contextmanager
def time_zone(name: str, *, set_zone: Callable[[], None]) -> Iterator[None]:
    """Live in another time zone for a while."""
    old = os.environ.get("TZ")
    os.environ["TZ"] = name
    set_zone()
    try:
        yield
    finally:
        if old is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = old
        set_zone()
