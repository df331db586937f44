"""What the scheduler's settings make of a request: which notebook it means, which environment, which kind of pod."""

import asyncio
from pathlib import Path
from typing import Any

from jupyter_core.utils import ensure_async
from jupyter_scheduler.environments import EnvironmentRetrievalError
from jupyter_scheduler.models import RuntimeEnvironment

from nbargo_shared.errors import ConfigError
from nbargo_shared.record import JobRecord
from nbargo_submitter import checks, manifest
from nbargo_submitter.cronmanifest import CronPolicy
from nbargo_submitter.pod import PodSettings


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

    def pod(self, environment: RuntimeEnvironment) -> PodSettings:
        """Return how a job's pod is made.

        Args:
            environment: The environment that was chosen.

        Raises:
            ConfigError: There is no image.
        """
        settings: PodSettings = self._scheduler.pod_settings((environment.metadata or {}).get("image", ""))
        return settings

    def workflow(self, record: JobRecord, environment: RuntimeEnvironment) -> dict[str, Any]:
        """Return the Workflow of a job. Blocks.

        Args:
            record: The job.
            environment: The environment that was chosen.

        Raises:
            InputError: The record or a parameter is not usable.
            ConfigError: A setting is not one that Argo or Kubernetes knows.
        """
        scheduler = self._scheduler
        return manifest.build_workflow(
            record=record,
            user=scheduler.user,
            directory=str(scheduler.staging.folder(record.job_id)),
            settings=self.pod(environment),
        )
