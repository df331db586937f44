"""ArgoScheduler: jupyter-scheduler's jobs as Argo Workflows.

It only submits, stops and deletes. What becomes of a job is written into the database by the watcher; here the
database is read, and a row is removed when its user deletes it. No state is kept between requests.
"""

# jupyter-scheduler's handlers await what a scheduler returns, though its own methods are not async.
# pyright: reportIncompatibleMethodOverride=false

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from jupyter_core.utils import ensure_async
from jupyter_scheduler.environments import EnvironmentRetrievalError
from jupyter_scheduler.models import (
    CountJobsQuery,
    CreateJob,
    CreateJobDefinition,
    CreateJobFromDefinition,
    DescribeJob,
    DescribeJobDefinition,
    ListJobDefinitionsQuery,
    ListJobDefinitionsResponse,
    ListJobsQuery,
    ListJobsResponse,
    RuntimeEnvironment,
    UpdateJob,
    UpdateJobDefinition,
)
from sqlalchemy import make_url
from traitlets import Any as AnyTrait
from traitlets import Type

from nbargo_shared.errors import ConfigError, InputError
from nbargo_shared.identity import user_label
from nbargo_shared.record import JobRecord
from nbargo_shared.status import Status
from nbargo_submitter import checks, environments, manifest
from nbargo_submitter.actions import Actions
from nbargo_submitter.client import Cluster, Settings
from nbargo_submitter.describing import ArgoFiles
from nbargo_submitter.environments import ArgoEnvironmentManager
from nbargo_submitter.rows import Rows, next_token
from nbargo_submitter.settings import ArgoSettings
from nbargo_submitter.staging import Staging
from nbargo_submitter.submission import Submission, Submitter, job_id_for
from nbargo_submitter.supervisor import Mode, Supervisor, watcher_command
from nbargo_submitter.telling import told


class ArgoScheduler(ArgoSettings, ArgoFiles):
    """The scheduler that jupyter-scheduler loads."""

    # The original traits name classes whose modules import nbconvert and the local task runner.
    execution_manager_class = Type(
        default_value="nbargo_submitter.execution.ArgoExecutionManager",
        klass=object,
        config=True,
        help="The class that says whether a notebook can be run.",
    )
    task_runner_class = Type(
        default_value=None, klass=object, allow_none=True, config=True, help="Unused: Argo runs what is scheduled."
    )
    task_runner = AnyTrait(allow_none=True)

    def __init__(
        self,
        root_dir: str,
        environments_manager: Any,  # an EnvironmentManager: the base names its type wrongly
        db_url: str,
        config: Any = None,
        **kwargs: Any,
    ) -> None:
        known = {name: value for name, value in kwargs.items() if name in type(self).class_trait_names()}
        super().__init__(
            root_dir=root_dir, environments_manager=environments_manager, db_url=db_url, config=config, **known
        )
        self.user = user_label(os.environ)
        self.rows = Rows(db_url)
        self.staging = Staging(os.path.abspath(self.staging_path))  # noqa: PTH100 - lexical: a link stays one
        settings = Settings(namespace=self.namespace, kubeconfig=self.kubeconfig, context=self.context)
        self.cluster = Cluster(settings)
        self.supervisor = self._supervisor()
        self._submitter = Submitter(cluster=self.cluster, staging=self.staging, rows=self.rows)
        self._actions = Actions(
            cluster=self.cluster,
            staging=self.staging,
            rows=self.rows,
            supervisor=self.supervisor,
            wait_seconds=self.wait_seconds,
            log=self.log,
        )
        self._offer_environments()

    def start(self) -> None:
        """Begin to look after the watcher; called when the server's event loop runs."""
        self.supervisor.start()

    async def close(self) -> None:
        """End the child watcher and close the connections; called when the server stops."""
        await self.supervisor.stop()
        await self.cluster.close()

    @told
    async def create_job(self, model: CreateJob) -> str:
        """Submit a job and return its id.

        Args:
            model: What the user asked for.

        Raises:
            InputUriError: There is no such notebook.
            IdempotencyTokenError: A job with this token was submitted before.
            SchedulerError: It could not be submitted. Nothing is left behind.
        """
        environment = checks.choose_environment(await self._environments(), model.runtime_environment_name)
        submission = await asyncio.to_thread(self._prepare, model, environment)
        self.supervisor.check_now()
        await self._submitter.submit(submission)
        await self._actions.listed(submission.record.job_id)
        return submission.record.job_id

    @told
    async def update_job(self, job_id: str, model: UpdateJob) -> None:
        """Rename a job, or stop it.

        Args:
            job_id: The job's id.
            model: The new name, or status STOPPED.

        Raises:
            SchedulerError: It could not be done.
        """
        if model.compute_type:
            raise InputError("The size of a job cannot be changed after it was submitted", hint="Submit it again")
        if model.status == Status.STOPPED:
            await self._actions.stop(job_id)
        if model.name:
            await self._actions.rename(job_id, str(model.name))

    @told
    async def list_jobs(self, query: ListJobsQuery) -> ListJobsResponse:
        """Return one page of jobs."""
        return await asyncio.to_thread(self._list, query)

    @told
    async def count_jobs(self, query: CountJobsQuery) -> int:
        """Return how many jobs have a status."""
        return await asyncio.to_thread(self.rows.count, str(query.status))

    @told
    async def get_job(self, job_id: str, job_files: bool | None = True) -> DescribeJob:  # noqa: FBT001, FBT002 - theirs
        """Return one job.

        Args:
            job_id: The job's id.
            job_files: Whether to look which of its files are in the lab's folder.

        Raises:
            SchedulerError: There is no such job.
        """
        job = await self._actions.row(job_id)
        if job_files:
            await asyncio.to_thread(self.add_job_files, job)
        return job

    @told
    async def stop_job(self, job_id: str) -> None:
        """Stop a job; one that has ended stays as it is.

        Raises:
            SchedulerError: It could not be stopped.
        """
        await self._actions.stop(job_id)

    @told
    async def delete_job(self, job_id: str) -> None:
        """Delete a job: its Workflow, its files in the staging area, its row, in this order.

        Raises:
            SchedulerError: It could not be deleted; if the cluster is not in reach, nothing was.
        """
        await self._actions.delete(job_id)

    @told
    async def create_job_definition(self, model: CreateJobDefinition) -> str:  # noqa: ARG002 - their signature
        """Refuse: schedules are not supported yet."""
        raise InputError("Schedules are not supported yet", hint="Create the job with 'Run now'")

    @told
    async def update_job_definition(self, job_definition_id: str, model: UpdateJobDefinition) -> None:  # noqa: ARG002 - their signature
        """Refuse: schedules are not supported yet."""
        raise InputError("Schedules are not supported yet", hint="Create the job with 'Run now'")

    @told
    async def create_job_from_definition(self, job_definition_id: str, model: CreateJobFromDefinition) -> str:  # noqa: ARG002 - their signature
        """Refuse: schedules are not supported yet."""
        raise InputError("Schedules are not supported yet", hint="Create the job with 'Run now'")

    @told
    async def list_job_definitions(self, query: ListJobDefinitionsQuery) -> ListJobDefinitionsResponse:
        """Return one page of job definitions."""
        found, total = await asyncio.to_thread(self.rows.list_definitions, query)
        token = next_token(query, found=len(found), total=total)
        return ListJobDefinitionsResponse(job_definitions=found, total_count=total, next_token=token)

    @told
    async def get_job_definition(self, job_definition_id: str) -> DescribeJobDefinition:
        """Return one job definition.

        Raises:
            SchedulerError: There is none of this id.
        """
        return await self._definition(job_definition_id)

    @told
    async def delete_job_definition(self, job_definition_id: str) -> None:
        """Delete a job definition and its jobs.

        Raises:
            SchedulerError: There is none of this id, or one of its jobs could not be deleted.
        """
        await self._definition(job_definition_id)
        for job_id in await asyncio.to_thread(self.rows.job_ids_of, job_definition_id):
            await self._actions.delete(job_id)
        await asyncio.to_thread(self.rows.delete_definition, job_definition_id)

    def _supervisor(self) -> Supervisor:
        url = make_url(self.db_url)
        mode = Mode(self.watcher)
        database = url.database or ""
        if url.get_backend_name() != "sqlite" or database in {"", ":memory:"}:
            self.log.error("The watcher needs a SQLite file, which %s is not: jobs will not be listed", url)
            mode = Mode.SIDECAR
        command = watcher_command(
            database=os.path.abspath(database),  # noqa: PTH100 - as above
            staging=str(self.staging.root),
            user=self.user,
            cluster={
                # The variable, which the watcher reads itself, may name several.
                "namespace": "" if self.namespace == self._default_namespace() else self.namespace,
                "kubeconfig": self.kubeconfig,
                "context": self.context,
            },
        )
        return Supervisor(mode, command=command, is_alive=self.rows.watcher_is_alive, log=self.log)

    def _offer_environments(self) -> None:
        manager = self.environments_manager
        if not (self.environments and isinstance(manager, ArgoEnvironmentManager)):
            return
        try:
            manager.environments = environments.from_settings(self.environments)
        except ConfigError as error:
            manager.environments = ()  # none rather than one that the operator did not mean
            self.log.error("No environment can be offered: %s", error)  # noqa: TRY400 - the sentence says it

    async def _environments(self) -> list[RuntimeEnvironment]:
        try:
            found = await ensure_async(await asyncio.to_thread(self.environments_manager.list_environments))
        except EnvironmentRetrievalError as error:
            raise ConfigError(f"The environments cannot be listed: {error}") from error
        return list(found)

    def _prepare(self, model: CreateJob, environment: RuntimeEnvironment) -> Submission:
        path = checks.notebook_path(self.root_dir, model.input_uri)
        checks.check_notebook(self.execution_manager_class, path)
        made = checks.job_record(
            model,
            job_id=job_id_for(self.user, model.idempotency_token),
            create_time=time.time_ns() // 1_000_000,
            output_formats=checks.check_formats(list(model.output_formats or ()), environment),
        )
        exclude = (Path(self.root_dir, self.output_directory),)
        return Submission(record=made, notebook=path, exclude=exclude, manifest=self._manifest(made, environment))

    def _manifest(self, made: JobRecord, environment: RuntimeEnvironment) -> dict[str, Any]:
        settings = self.pod_settings((environment.metadata or {}).get("image", ""))
        directory = str(self.staging.folder(made.job_id))
        return manifest.build_workflow(record=made, user=self.user, directory=directory, settings=settings)

    def _list(self, query: ListJobsQuery) -> ListJobsResponse:
        jobs, total = self.rows.list_jobs(query)
        for job in jobs:
            self.add_job_files(job)
        token = next_token(query, found=len(jobs), total=total)
        return ListJobsResponse(jobs=jobs, total_count=total, next_token=token)

    async def _definition(self, definition_id: str) -> DescribeJobDefinition:
        definition = await asyncio.to_thread(self.rows.definition, definition_id)
        if definition is None:
            raise InputError(f"There is no job definition '{definition_id[:80]}'", hint="Reload the list")
        return definition
