"""Submitting one job: its input is staged, its Workflow is created, and after an error neither is left.

An idempotency token gives a job the same id each time, so the cluster itself refuses the second submission, wherever
it comes from. Submissions of one id from one home take turns by a lock: only the holder touches the job's folder, so
a loser cannot damage the winner's files, and what a crashed submission left can be told from one that is under way.
"""

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from jupyter_scheduler.exceptions import IdempotencyTokenError

from nbargo_shared import labels
from nbargo_shared.errors import ClusterConflictError
from nbargo_shared.record import JobRecord
from nbargo_submitter.claims import claim
from nbargo_submitter.client import Cluster
from nbargo_submitter.rows import Rows
from nbargo_submitter.sending import create_once
from nbargo_submitter.staging import Input, Staging
from nbargo_submitter.threads import cancellable

_TOKEN_NAMESPACE: Final = uuid.UUID("8c5b3f0e-3f6c-5d0b-9d2c-6b1d1d6a7f10")  # any fixed one; changing it forgets tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What is submitted.

    Attributes:
        record: The job.
        notebook: The notebook's path in the file system.
        exclude: Folders that do not come along with the notebook's folder.
        manifest: The Workflow.
    """

    record: JobRecord
    notebook: Path
    exclude: tuple[Path, ...]
    manifest: Mapping[str, Any]


def job_id_for(user: str, token: str | None) -> str:
    """Return the id of a new job.

    Args:
        user: Value of the user label.
        token: The idempotency token: the same user and token give the same id. Without one the id is random.
    """
    return str(uuid.uuid5(_TOKEN_NAMESPACE, f"{user}\n{token}") if token else uuid.uuid4())


class Submitter:
    """Submits jobs.

    Args:
        cluster: Where to.
        staging: Where the input is staged.
        rows: Where an earlier job with the same token may be listed.
    """

    def __init__(self, *, cluster: Cluster, staging: Staging, rows: Rows) -> None:
        self._cluster = cluster
        self._staging = staging
        self._rows = rows

    async def submit(self, submission: Submission) -> None:
        """Stage a job's input and create its Workflow.

        Args:
            submission: The job.

        Raises:
            IdempotencyTokenError: A job with this token was submitted before.
            InputError: The input is larger than the limits allow.
            FilesError: The input could not be staged.
            ClusterError: The cluster did not take it. Nothing is left behind.
        """
        record = submission.record
        if not record.idempotency_token:
            await self._submit(submission)
            return
        async with claim(self._staging, record.job_id, what="Another submission with the same idempotency token"):
            if await self._is_submitted(record):
                raise IdempotencyTokenError(record.idempotency_token)
            await self._submit(submission)

    async def _submit(self, submission: Submission) -> None:
        record = submission.record
        given = Input(
            notebook=submission.notebook,
            name=record.input_filename,
            with_folder=record.package_input_folder,
            exclude=submission.exclude,
        )
        remove = partial(self._staging.remove, record.job_id)
        await cancellable(partial(self._staging.fill, self._staging.folder(record.job_id), given), undo=remove)
        try:
            await self._create(submission)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(remove))
            raise

    async def _create(self, submission: Submission) -> None:
        try:
            await create_once(self._cluster, submission.manifest)
        except ClusterConflictError:
            if submission.record.idempotency_token:
                raise IdempotencyTokenError(submission.record.idempotency_token) from None
            raise

    async def _is_submitted(self, record: JobRecord) -> bool:
        """Return whether a job of this token exists; what a crashed submission left is removed.

        The claim is held: whoever made the job's folder has ended. If the job is neither listed nor in the cluster and
        never ran, its submission ended between the two, and the folder is only in the way.
        """
        token = record.idempotency_token or ""
        if await asyncio.to_thread(self._rows.has_token, token):
            return True
        if await asyncio.to_thread(self._rows.was_listed, record.job_id):  # deleted: it would run and not be listed
            return True
        if not await asyncio.to_thread(self._staging.is_taken, record.job_id):
            return False
        if await asyncio.to_thread(self._staging.has_outcome, record.job_id):
            return True
        if await self._cluster.get(labels.object_name(record.job_id)) is not None:
            return True
        await asyncio.to_thread(self._staging.remove, record.job_id)
        return False
