"""What a user does to a job that was submitted: stop, rename, delete; and waiting until the list shows it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from jupyter_scheduler.models import DescribeJob

from nbargo_shared import labels, record
from nbargo_shared.errors import ClusterConflictError, ClusterMissingError, InputError
from nbargo_shared.status import Status
from nbargo_shared.times import to_rfc3339
from nbargo_submitter import checks
from nbargo_submitter.client import Cluster
from nbargo_submitter.rows import Rows
from nbargo_submitter.staging import Staging
from nbargo_submitter.supervisor import Supervisor

_POLL: Final = 0.025  # seconds between two looks for a row; a look takes about a millisecond
_RENAME_TRIES: Final = 5


class Actions:
    """Acts on jobs by changing their Workflows.

    Args:
        cluster: Where the Workflows are.
        staging: Where the jobs' files are.
        rows: Where the jobs are listed.
        supervisor: Who sees to it that a watcher runs.
        wait_seconds: How long to wait for the watcher to write what was done.
        log: The server's log.
    """

    def __init__(
        self,
        *,
        cluster: Cluster,
        staging: Staging,
        rows: Rows,
        supervisor: Supervisor,
        wait_seconds: float,
        log: Any,
    ) -> None:
        self._cluster = cluster
        self._staging = staging
        self._rows = rows
        self._supervisor = supervisor
        self._wait_seconds = wait_seconds
        self._log = log
        self._projecting = asyncio.Lock()

    async def row(self, job_id: str) -> DescribeJob:
        """Return a job.

        Raises:
            InputError: There is no such job.
        """
        job = await asyncio.to_thread(self._rows.job, job_id)
        if job is None:
            raise InputError(f"There is no job '{job_id[:80]}'", hint="It may have been deleted: reload the list")
        return job

    async def listed(self, job_id: str) -> None:
        """Wait until a new job is in the list."""
        await self._projected(job_id, lambda: self._rows.job(job_id) is not None)

    async def stop(self, job_id: str) -> None:
        """Ask for a job's end, and wait a moment until the list shows it; a job that has ended stays as it is.

        Raises:
            InputError: There is no such job.
            ClusterError: It could not be asked for.
        """
        if Status((await self.row(job_id)).status).is_terminal:
            return
        if not await self._shut_down(job_id):
            hint = "Reload the list in a minute: how the job ended is then shown"
            raise ClusterMissingError("There is no workflow of this job to stop", hint=hint, status=404)
        self._supervisor.check_now()
        await _until(lambda: self._is_stopping(job_id), seconds=self._wait_seconds)

    async def rename(self, job_id: str, name: str) -> None:
        """Give a job another name, and wait until the list shows it.

        Raises:
            InputError: There is no such job, the name is too long, or the job's Workflow is gone.
            ClusterError: The Workflow could not be changed.
        """
        await self.row(job_id)
        for attempt in range(_RENAME_TRIES):
            try:
                await self._note_name(job_id, name)
                break
            except ClusterConflictError:  # Argo changed the object meanwhile
                if attempt + 1 == _RENAME_TRIES:
                    raise
        await self._projected(job_id, lambda: getattr(self._rows.job(job_id), "name", name) == name)

    async def delete(self, job_id: str) -> None:
        """Delete a job: its Workflow, its files in the staging area, its row, in this order.

        Raises:
            InputError: There is no such job.
            ClusterError: The Workflow could not be deleted; files and row are still there.
            FilesError: The files could not be removed; the row is still there.
        """
        job = await self.row(job_id)
        folder = self._staging.folder(job_id)  # an id that is none ends here
        if not Status(job.status).is_terminal:
            await self._shut_down(job_id)
        await self._cluster.delete(labels.object_name(folder.name))
        await asyncio.to_thread(self._staging.remove, job_id)
        await asyncio.to_thread(self._rows.delete_job, job_id)

    async def _shut_down(self, job_id: str) -> bool:
        """Return whether there was a Workflow to stop."""
        asked = to_rfc3339(time.time_ns() // 1_000_000)
        change = {"metadata": {"annotations": {labels.STOP_ANNOTATION: asked}}, "spec": {"shutdown": "Stop"}}
        try:
            await self._cluster.patch(labels.object_name(job_id), change)
        except ClusterMissingError as error:
            if error.hint:  # not this object is missing, but its namespace or its kind
                raise
            return False
        return True

    def _is_stopping(self, job_id: str) -> bool:
        job = self._rows.job(job_id)
        return job is None or Status(job.status) is Status.STOPPING or Status(job.status).is_terminal

    async def _note_name(self, job_id: str, name: str) -> None:
        there = await self._cluster.get(labels.object_name(job_id))
        if there is None:
            raise InputError("The job has ended and its workflow is gone", hint="It keeps its name")
        metadata = there["metadata"]
        noted = record.parse((metadata.get("annotations") or {}).get(labels.JOB_ANNOTATION, ""))
        renamed = checks.checked(replace(noted, name=name, update_time=time.time_ns() // 1_000_000))
        annotations = {labels.JOB_ANNOTATION: renamed.to_json()}
        change = {"metadata": {"resourceVersion": metadata["resourceVersion"], "annotations": annotations}}
        await self._cluster.patch(labels.object_name(job_id), change)

    async def _projected(self, job_id: str, is_there: Callable[[], bool]) -> None:
        """Wait until the watcher has written what was done; do its work once if it does not."""
        if await _until(is_there, seconds=self._wait_seconds):
            return
        async with self._projecting:  # one run serves all that wait
            if await asyncio.to_thread(is_there):
                return
            self._log.warning(
                "No watcher wrote the row of job %s within %g s: running 'watcher --once'. If there is a sidecar, look "
                "at its log (kubectl logs <this pod> -c watcher)",
                job_id,
                self._wait_seconds,
            )
            await self._supervisor.run_once()
        if not await asyncio.to_thread(is_there):
            self._log.error("What was done to job %s is not listed yet: it follows when a watcher runs", job_id)
        self._supervisor.doubt()


async def _until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Return whether a blocking condition came true in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not await asyncio.to_thread(condition):
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(_POLL)
    return True
