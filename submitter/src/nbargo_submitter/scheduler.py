"""ArgoScheduler: jupyter-scheduler's jobs as Argo Workflows.

It only submits, stops and deletes. What becomes of a job is written into the database by the watcher; here the
database is read, and a row is removed when its user deletes it. No state is kept between requests.
"""

# jupyter-scheduler's handlers await what a scheduler returns, though its own methods are not async.
# pyright: reportIncompatibleMethodOverride=false

import asyncio
import os
import time
from typing import Any

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
    UpdateJob,
    UpdateJobDefinition,
)
from sqlalchemy import make_url
from traitlets import Any as AnyTrait
from traitlets import Type

from nbargo_shared.errors import ConfigError, InputError
from nbargo_shared.identity import user_label
from nbargo_shared.status import Status
from nbargo_submitter import checks, compute_types, environments
from nbargo_submitter.actions import Actions
from nbargo_submitter.client import Cluster, Settings
from nbargo_submitter.definitions import Definitions, missing
from nbargo_submitter.describing import ArgoFiles
from nbargo_submitter.environments import ArgoEnvironmentManager, Environment
from nbargo_submitter.intake import Intake
from nbargo_submitter.projection import Projection
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
        root = os.path.abspath(self.staging_path)  # noqa: PTH100 - lexical: a link stays one
        self.staging = Staging(root, limits=self.submission_limits(), tell=self.log.info)
        settings = Settings(namespace=self.namespace, kubeconfig=self.kubeconfig, context=self.context)
        self.cluster = Cluster(settings)
        self.supervisor = self._supervisor()
        self._intake = Intake(self)
        self._submitter = Submitter(cluster=self.cluster, staging=self.staging, rows=self.rows)
        projection = Projection(supervisor=self.supervisor, wait_seconds=self.wait_seconds, log=self.log)
        self._actions = Actions(
            user=self.user, cluster=self.cluster, staging=self.staging, rows=self.rows, projection=projection
        )
        self._definitions = Definitions(
            user=self.user,
            cluster=self.cluster,
            staging=self.staging,
            rows=self.rows,
            intake=self._intake,
            submitter=self._submitter,
            actions=self._actions,
            projection=projection,
        )
        self._offer_environments()
        self.warn_of_misspelt_names()

    def start(self) -> None:
        """Begin to look after the watcher; called when the server's event loop runs."""
        self.supervisor.start()

    def knows_kernels(self, manager: Any) -> None:
        """Take the server's manager of kernels, which knows what the lab's notebooks may run with."""
        if isinstance(self.environments_manager, ArgoEnvironmentManager):
            self.environments_manager.lab.kernel_specs = manager

    async def close(self) -> None:
        """End the child watcher and close the connections; called when the server stops."""
        self.staging.close()
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
        environment = await self._intake.environment(model.runtime_environment_name)
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
    async def create_job_definition(self, model: CreateJobDefinition) -> str:
        """Make a job definition and return its id.

        Args:
            model: What the user asked for.

        Raises:
            InputUriError: There is no such notebook.
            SchedulerError: It could not be made. Nothing is left behind.
        """
        return await self._definitions.create(model)

    @told
    async def update_job_definition(self, job_definition_id: str, model: UpdateJobDefinition) -> None:
        """Change a job definition; the runs that have begun stay as they are.

        Args:
            job_definition_id: The definition's id.
            model: What changes; what is not set or None stays, and an empty schedule takes the schedule away.

        Raises:
            InputUriError: There is no such notebook.
            SchedulerError: It could not be changed; it is as it was.
        """
        await self._definitions.update(job_definition_id, model)

    @told
    async def create_job_from_definition(self, job_definition_id: str, model: CreateJobFromDefinition) -> str:
        """Run a job definition now and return the job's id.

        Args:
            job_definition_id: The definition's id.
            model: Parameters in place of the definition's own.

        Raises:
            SchedulerError: It could not be submitted. Nothing is left behind.
        """
        job_id = await self._definitions.run(job_definition_id, model)
        await self._actions.listed(job_id)
        return job_id

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
        definition = await asyncio.to_thread(self.rows.definition, job_definition_id)
        if definition is None:
            raise missing(job_definition_id)
        return definition

    @told
    async def delete_job_definition(self, job_definition_id: str) -> None:
        """Delete a job definition and its jobs, which are stopped first.

        Raises:
            SchedulerError: There is none of this id, or something could not be deleted; it can be tried again.
        """
        await self._definitions.delete(job_definition_id)

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
        if not isinstance(manager, ArgoEnvironmentManager):
            return
        try:
            sizes = compute_types.from_settings(self.compute_types, default=self.default_compute_type)
            manager.compute_types = tuple(sizes)
            manager.environments = environments.from_settings(self.environments, sizes=sizes)
            manager.offers_lab = self.offers_lab
            manager.lab.place = self.place()
        except ConfigError as error:
            manager.environments, manager.offers_lab = (), False  # none rather than one that was not meant
            self.log.error("No environment can be offered: %s", error)  # noqa: TRY400 - the sentence says it

    def _prepare(self, model: CreateJob, environment: Environment) -> Submission:
        path = self._intake.notebook(model.input_uri)
        made = checks.job_record(
            model,
            job_id=job_id_for(self.user, model.idempotency_token),
            create_time=time.time_ns() // 1_000_000,
            output_formats=checks.check_formats(list(model.output_formats or ()), environment),
        )
        workflow = self._intake.workflow(made, environment=environment, notebook=path)
        return Submission(record=made, notebook=path, exclude=self._intake.exclude, manifest=workflow)

    def _list(self, query: ListJobsQuery) -> ListJobsResponse:
        jobs, total = self.rows.list_jobs(query)
        for job in jobs:
            self.add_job_files(job)
        token = next_token(query, found=len(jobs), total=total)
        return ListJobsResponse(jobs=jobs, total_count=total, next_token=token)
