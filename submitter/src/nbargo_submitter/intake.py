"""What the scheduler's settings make of a request: which notebook it means, which environment, which kind of pod."""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jupyter_core.utils import ensure_async
from jupyter_scheduler.environments import EnvironmentRetrievalError
from jupyter_scheduler.models import RuntimeEnvironment

from nbargo_shared.definition import DefinitionRecord
from nbargo_shared.errors import ConfigError
from nbargo_shared.record import JobRecord
from nbargo_submitter import checks, compute_types, manifest, notices, options
from nbargo_submitter.cronmanifest import CronPolicy
from nbargo_submitter.pod import PodSettings
from nbargo_submitter.run_settings import RunSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a job, or each run of a definition, is made of beside its record.

    Attributes:
        pod: How its pod is made.
        run: How its notebook is run.
    """

    pod: PodSettings
    run: RunSettings


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

    async def environment(self, name: str) -> RuntimeEnvironment:
        """Return the environment of a name.

        Raises:
            InputError: There is none of this name.
            ConfigError: The environments cannot be listed.
        """
        manager = self._scheduler.environments_manager
        try:
            found = await ensure_async(await asyncio.to_thread(manager.list_environments))
        except EnvironmentRetrievalError as error:
            raise ConfigError(f"The environments cannot be listed: {error}") from error
        return checks.choose_environment(list(found), name)

    def plan(self, record: JobRecord | DefinitionRecord, environment: RuntimeEnvironment) -> Plan:
        """Return what a job, or each run of a definition, is made of.

        Args:
            record: The job or the definition.
            environment: The environment that was chosen.

        Raises:
            InputError: Its size or another of its settings is not usable, or more than is allowed.
            ConfigError: There is no image, or a setting of the sizes is wrong.
        """
        scheduler = self._scheduler
        scheduler.submission_limits().check_parameters(record.parameters)
        settings: PodSettings = scheduler.pod_settings((environment.metadata or {}).get("image", ""))
        wanted = options.parse(record.runtime_environment_parameters, scheduler.bounds(frozenset(settings.env)))
        notify = notices.job_member(wanted.notify, scheduler.notifications)
        secrets = notices.variables(wanted.notify, scheduler.notifications)
        sizes = compute_types.from_settings(scheduler.compute_types, default=scheduler.default_compute_type)
        offered = [size for name, size in sizes.items() if name in (environment.compute_types or ())]
        size = compute_types.choose(offered, record.compute_type)
        pod = compute_types.sized(settings, size, wanted, gpu_resource=scheduler.gpu_resource)
        return Plan(
            pod=replace(pod, env={**pod.env, **secrets}),
            run=RunSettings(
                timeout=wanted.timeout,
                retries=wanted.retries,
                retry_failures=wanted.retry_failures,
                notify=notify or None,
            ),
        )

    def workflow(self, record: JobRecord, environment: RuntimeEnvironment) -> dict[str, Any]:
        """Return the Workflow of a job. Blocks.

        Args:
            record: The job.
            environment: The environment that was chosen.

        Raises:
            InputError: The record, one of its settings, or a parameter is not usable.
            ConfigError: A setting is not one that Argo or Kubernetes knows.
        """
        scheduler = self._scheduler
        plan = self.plan(record, environment)
        return manifest.build_workflow(
            record=record,
            user=scheduler.user,
            directory=str(scheduler.staging.folder(record.job_id)),
            settings=plan.pod,
            run=plan.run,
        )
