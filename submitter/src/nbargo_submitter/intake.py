"""What the scheduler's settings make of a request: which notebook it means, which environment, which kind of pod."""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jupyter_core.utils import ensure_async
from jupyter_scheduler.environments import EnvironmentRetrievalError

from nbargo_shared.definition import DefinitionRecord
from nbargo_shared.errors import ConfigError
from nbargo_shared.record import JobRecord
from nbargo_submitter import checks, compute_types, environments, hooks, manifest, notices, options
from nbargo_submitter.cronmanifest import CronPolicy, build_cron_workflow
from nbargo_submitter.environments import ArgoEnvironmentManager, Environment
from nbargo_submitter.execution import kernel_of
from nbargo_submitter.hooks import HookContext
from nbargo_submitter.pod import PodSettings
from nbargo_submitter.run_settings import RunSettings
from nbargo_submitter.tagged import with_tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a job, or each run of a definition, is made of beside its record.

    Attributes:
        pod: How its pod is made.
        run: How its notebook is run.
        compute_type: Name of its size; "" if there are none.
    """

    pod: PodSettings
    run: RunSettings
    compute_type: str


class Intake:
    """Looks requests up in a scheduler's settings, which may change while it lives.

    Args:
        scheduler: An ArgoScheduler.
    """

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler

    @property
    def exclude(self) -> tuple[Path, ...]:
        """The folders that never come along with a notebook's folder: the outputs of earlier jobs."""
        return (Path(self._scheduler.root_dir, self._scheduler.output_directory),)

    @property
    def policy(self) -> CronPolicy:
        """What is set for schedules."""
        policy: CronPolicy = self._scheduler.cron_policy()
        return policy

    def check_definitions(self, there: int) -> None:
        """Check that a user who has so many job definitions may make one more.

        Raises:
            InputError: There are as many as are allowed.
        """
        self._scheduler.submission_limits().check_definitions(there)

    def notebook(self, input_uri: str) -> Path:
        """Return the path of a notebook that can be run. Blocks.

        Args:
            input_uri: Its path below the lab's root folder.

        Raises:
            InputUriError: There is no such file.
            InputError: It cannot be run.
        """
        path = checks.notebook_path(self._scheduler.root_dir, input_uri)
        checks.check_notebook(self._scheduler.execution_manager_class, path)
        return path

    async def environment(self, name: str) -> Environment:
        """Return the environment of a name.

        Raises:
            InputError: There is none of this name.
            ConfigError: The environments cannot be listed.
        """
        manager = self._scheduler.environments_manager
        found: list[Environment] = []
        for fresh in (False, True):
            found = await self._offered(manager, fresh=fresh)
            if any(environment.name == name for environment in found):
                break
        return checks.choose_environment(found, name)

    async def _offered(self, manager: Any, *, fresh: bool) -> list[Environment]:
        if isinstance(manager, ArgoEnvironmentManager):
            return await manager.offered(fresh=fresh)
        try:
            models = await ensure_async(await asyncio.to_thread(manager.list_environments))
        except EnvironmentRetrievalError as error:
            raise ConfigError(f"The environments cannot be listed: {error}") from error
        return [environments.of_model(model) for model in models]

    def plan(self, record: JobRecord | DefinitionRecord, *, environment: Environment, notebook: Path) -> Plan:
        """Return what a job, or each run of a definition, is made of. Blocks.

        Args:
            record: The job or the definition.
            environment: The environment that was chosen.
            notebook: The notebook, which names its kernel.

        Raises:
            InputError: The kernel is not there, or the size or another setting is not usable or more than is allowed.
            ConfigError: There is no image, or a setting of the sizes is wrong.
        """
        scheduler = self._scheduler
        scheduler.submission_limits().check_parameters(record.parameters)
        choice = environment.kernels.choose(kernel_of(notebook), environment=environment.name)
        settings: PodSettings = scheduler.pod_settings(environment.image)
        given = with_tags(record.runtime_environment_parameters, record.tags)
        wanted = options.parse(given, scheduler.bounds(frozenset(settings.env)))
        notify = notices.job_member(wanted.notify, scheduler.notifications)
        secrets = notices.variables(wanted.notify, scheduler.notifications)
        sizes = compute_types.from_settings(scheduler.compute_types, default=scheduler.default_compute_type)
        size = compute_types.choose([sizes[name] for name in environment.sizes(sizes)], record.compute_type)
        pod = compute_types.sized(settings, size, wanted, gpu_resource=scheduler.gpu_resource)
        return Plan(
            pod=replace(pod, env={**pod.env, **secrets}, synchronization=scheduler.synchronization(scheduler.user)),
            run=RunSettings(
                kernel=choice.kernel,
                command=choice.command,
                timeout=wanted.timeout,
                retries=wanted.retries,
                retry_failures=wanted.retry_failures,
                notify=notify or None,
            ),
            compute_type=size.name if size else "",
        )

    def workflow(self, record: JobRecord, *, environment: Environment, notebook: Path) -> dict[str, Any]:
        """Return the Workflow of a job. Blocks.

        Args:
            record: The job.
            environment: The environment that was chosen.
            notebook: The notebook.

        Raises:
            InputError: The record, one of its settings, or a parameter is not usable.
            ConfigError: A setting is not one that Argo or Kubernetes knows, or manifest_hook failed.
        """
        scheduler = self._scheduler
        plan = self.plan(record, environment=environment, notebook=notebook)
        built = manifest.build_workflow(
            record=record,
            user=scheduler.user,
            directory=str(scheduler.staging.folder(record.job_id)),
            settings=plan.pod,
            run=plan.run,
        )
        context = HookContext(
            user=scheduler.user,
            kind="Workflow",
            environment=environment.name,
            compute_type=plan.compute_type,
            job=record,
        )
        return hooks.applied(scheduler.manifest_hook, built, context)

    def cron_workflow(self, record: DefinitionRecord, *, environment: Environment, notebook: Path) -> dict[str, Any]:
        """Return the CronWorkflow of a definition, which is also how everything in it is checked. Blocks.

        Args:
            record: The definition.
            environment: The environment that was chosen.
            notebook: The notebook.

        Raises:
            InputError: The record, one of its settings, or a parameter is not usable.
            ConfigError: A setting is not one that Argo or Kubernetes knows, or manifest_hook failed.
        """
        scheduler = self._scheduler
        checks.check_formats(list(record.output_formats), environment)
        plan = self.plan(record, environment=environment, notebook=notebook)
        built = build_cron_workflow(
            definition=record,
            user=scheduler.user,
            staging=str(scheduler.staging.root),
            settings=plan.pod,
            policy=self.policy,
            run_settings=plan.run,
        )
        context = HookContext(
            user=scheduler.user,
            kind="CronWorkflow",
            environment=environment.name,
            compute_type=plan.compute_type,
            definition=record,
        )
        return hooks.applied(scheduler.manifest_hook, built, context)
