"""What a user does to a job that was submitted: stop, rename, delete."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, Final

from jupyter_scheduler.models import DescribeJob

from nbargo_shared import fields, labels, record, run
from nbargo_shared.errors import ClusterConflictError, ClusterError, ClusterMissingError, InputError
from nbargo_shared.status import Status
from nbargo_shared.times import to_milliseconds, to_rfc3339
from nbargo_submitter import checks
from nbargo_submitter.client import Cluster
from nbargo_submitter.projection import Projection
from nbargo_submitter.rows import Rows
from nbargo_submitter.staging import Staging

_RENAME_TRIES: Final = 5
_HEED_SECONDS: Final = 1.0  # Argo begins to end a Workflow sooner than that, unless it has much to do
_HEED_POLL: Final = 0.1


class Actions:
    """Acts on jobs by changing their Workflows.

    Args:
        user: Value of the user label.
        cluster: Where the Workflows are.
        staging: Where the jobs' files are.
        rows: Where the jobs are listed.
        projection: Who waits until the list shows what was done.
    """

    def __init__(self, *, user: str, cluster: Cluster, staging: Staging, rows: Rows, projection: Projection) -> None:
        self._user = user
        self._cluster = cluster
        self._staging = staging
        self._rows = rows
        self._projection = projection

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
        await self._projection.shown(f"job {job_id}", lambda: self._rows.job(job_id) is not None)

    async def stop(self, job_id: str) -> None:
        """Ask for a job's end, and wait a moment until the list shows it; a job that has ended stays as it is.

        Raises:
            InputError: There is no such job.
            ClusterError: It could not be asked for.
        """
        job = await self.row(job_id)
        if Status(job.status).is_terminal:
            return
        name = await self._workflow_of(job)
        version = None if name is None else await self._end(name, job_id)
        if name is None or version is None:
            hint = "Reload the list in a minute: how the job ended is then shown"
            raise ClusterMissingError("There is no workflow of this job to stop", hint=hint, status=404)
        await self._projection.glimpsed(lambda: self._is_stopping(job_id))
        with suppress(ClusterError):  # it was asked for
            await self._insist(name, version)

    async def rename(self, job_id: str, name: str) -> None:
        """Give a job another name, and wait until the list shows it.

        Raises:
            InputError: There is no such job, the name is too long, or the job's Workflow is gone.
            ClusterError: The Workflow could not be changed.
        """
        workflow = await self._workflow_of(await self.row(job_id))
        if workflow is None:
            raise _ended()
        for attempt in range(_RENAME_TRIES):
            try:
                await self._note_name(workflow, name)
                break
            except ClusterConflictError:  # Argo changed the object meanwhile
                if attempt + 1 == _RENAME_TRIES:
                    raise
        await self._projection.shown(f"job {job_id}", lambda: getattr(self._rows.job(job_id), "name", name) == name)

    async def delete(self, job_id: str) -> None:
        """Delete a job: its Workflow, its files in the staging area, its row, in this order.

        Raises:
            InputError: There is no such job.
            ClusterError: The Workflow could not be deleted; files and row are still there.
            FilesError: The files could not be removed; the row is still there.
        """
        job = await self.row(job_id)
        self._staging.folder(job_id)  # an id that is none ends here
        name = await self._workflow_of(job)
        if name is not None:
            if not Status(job.status).is_terminal:
                await self._end(name, job_id)
            await self._cluster.delete(name)
        await asyncio.to_thread(self._staging.remove, job_id)
        await asyncio.to_thread(self._rows.delete_job, job_id)

    async def end_runs(self, definition_id: str) -> set[str]:
        """Stop and delete every Workflow of a definition, and return the ids of their jobs.

        Args:
            definition_id: The definition's id.

        Raises:
            ClusterError: One of them could not be deleted.
        """
        found = await self._workflows_of(definition_id)
        for metadata in found:
            if (metadata.get("labels") or {}).get(labels.COMPLETED_LABEL) != "true":
                await self._end(metadata["name"], _job_id_of(metadata))
        for metadata in found:
            await self._cluster.delete(metadata["name"])
        return {_job_id_of(metadata) for metadata in found}

    async def _workflow_of(self, job: DescribeJob) -> str | None:
        """Return the name of a job's Workflow; None if a run's is gone.

        A job that was submitted has a Workflow of its own name. What a CronWorkflow started is known by its uid.
        """
        own = labels.object_name(self._staging.folder(job.job_id).name)
        if not job.job_definition_id:
            return own
        found = await self._workflows_of(job.job_definition_id)
        names = [metadata["name"] for metadata in found if _job_id_of(metadata) == job.job_id]
        return own if own in names else next(iter(names), None)

    async def _workflows_of(self, definition_id: str) -> list[dict[str, Any]]:
        identifier = self._staging.folder(definition_id).name
        return await self._cluster.find(f"{labels.selector(self._user)},{labels.DEFINITION_LABEL}={identifier}")

    async def _end(self, name: str, job_id: str) -> str | None:
        """End a Workflow that its user wants no more; return its resourceVersion then, None if there was none."""
        async with self._word_left(job_id):
            return await self._shut_down(name)

    @asynccontextmanager
    async def _word_left(self, job_id: str) -> AsyncIterator[None]:
        """Tell the job's pod that its user ends it, before it is ended; take it back if that fails."""
        word = None
        with suppress(OSError, InputError):  # a job whose folder is gone has nobody to tell
            word = self._staging.folder(job_id) / labels.STOP_FILE
            await asyncio.to_thread(word.touch)
        try:
            yield
        except BaseException:
            if word is not None:
                with suppress(OSError):
                    await asyncio.to_thread(word.unlink)
            raise

    async def _shut_down(self, name: str) -> str | None:
        """Return the resourceVersion of the Workflow that is to end, None if there was none to stop."""
        try:
            there = await self._cluster.patch(name, {**_asked(), "spec": {"shutdown": "Stop"}})
            if _waits_for_a_lock(there):  # Argo would look at a Stop when the lock is free, perhaps hours later
                there = await self._cluster.patch(name, {"spec": {"shutdown": "Terminate"}})
        except ClusterMissingError as error:
            if error.hint:  # not this object is missing, but its namespace or its kind
                raise
            return None
        version: str = there["metadata"]["resourceVersion"]
        return version

    async def _insist(self, name: str, version: str) -> None:
        """Ask once more for a Workflow's end, if nobody has written to it since.

        Argo 3 writes what it has sent to the API server into its informer's cache (writeBackToInformer), and so over a
        stop that has come there meanwhile. It then knows nothing of the stop until the object changes again: the run
        goes on to its end. Argo 4 does so no more (argo-workflows#15079).

        Args:
            name: The Workflow's.
            version: The resourceVersion with which it is to end. A later one of Argo's has the stop in it.

        Raises:
            ClusterError: Nobody knows whether Argo has heard of it.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + _HEED_SECONDS
        while clock() < deadline:
            await asyncio.sleep(_HEED_POLL)
            there = await self._cluster.get(name)
            if there is None or there["metadata"]["resourceVersion"] != version:
                return
        await self._cluster.patch(name, _asked())

    def _is_stopping(self, job_id: str) -> bool:
        job = self._rows.job(job_id)
        return job is None or Status(job.status) is Status.STOPPING or Status(job.status).is_terminal

    async def _note_name(self, workflow: str, name: str) -> None:
        there = await self._cluster.get(workflow)
        if there is None:
            raise _ended()
        metadata = there["metadata"]
        annotations = {labels.JOB_ANNOTATION: _renamed(metadata, name)}
        change = {"metadata": {"resourceVersion": metadata["resourceVersion"], "annotations": annotations}}
        await self._cluster.patch(workflow, change)


def _asked() -> dict[str, Any]:
    """Return the change that notes when a user asked for a Workflow's end."""
    return {"metadata": {"annotations": {labels.STOP_ANNOTATION: to_rfc3339(time.time_ns() // 1_000_000)}}}


def _job_id_of(metadata: Mapping[str, Any]) -> str:
    """Return the id of the job that a definition's Workflow is."""
    return str((metadata.get("labels") or {}).get(labels.JOB_LABEL) or metadata["uid"])


def _renamed(metadata: Mapping[str, Any], name: str) -> str:
    """Return a Workflow's job annotation with another name in it: a job's record, or a run's template."""
    noted = (metadata.get("annotations") or {}).get(labels.JOB_ANNOTATION, "")
    now = time.time_ns() // 1_000_000
    if labels.JOB_LABEL in (metadata.get("labels") or {}):
        return checks.checked(replace(record.parse(noted), name=name, update_time=now)).to_json()
    template = fields.parse_object(noted, limit=record.MAX_BYTES, what="run template")
    renamed = json.dumps({**template, "name": name, "update_time": now}, ensure_ascii=False, separators=(",", ":"))
    created = to_milliseconds(metadata["creationTimestamp"]) or now
    with checks.corrected():
        checks.checked(run.run_record(renamed, uid=metadata["uid"], created_ms=created))
    return renamed


def _waits_for_a_lock(workflow: Mapping[str, Any]) -> bool:
    status = workflow.get("status") or {}
    return status.get("phase") == "Pending" and bool(status.get("synchronization"))


def _ended() -> InputError:
    return InputError("The job has ended and its workflow is gone", hint="It keeps its name")
