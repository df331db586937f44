"""Job definitions: made, edited, deleted, and run when somebody asks for it.

A definition with a schedule is a CronWorkflow, one without is a file in the staging area. Where both are there, which a
crash between the two steps of a change can leave, the CronWorkflow is the truth: it is what runs. So a schedule that is
added makes the CronWorkflow before the file goes, and one that is taken away writes the file before the CronWorkflow
goes; at no moment is there neither.
"""

import asyncio
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from jupyter_scheduler.models import (
    CreateJobDefinition,
    CreateJobFromDefinition,
    DescribeJobDefinition,
    UpdateJobDefinition,
)

from nbargo_shared import labels
from nbargo_shared.definition import DefinitionRecord
from nbargo_shared.errors import (
    ClusterConflictError,
    ClusterError,
    ClusterMissingError,
    ClusterUnreachableError,
    FilesError,
    InputError,
)
from nbargo_submitter import checks, cronmanifest, edits
from nbargo_submitter.actions import Actions
from nbargo_submitter.claims import claim
from nbargo_submitter.client import CRON_WORKFLOWS, Cluster
from nbargo_submitter.cronmanifest import Change
from nbargo_submitter.intake import Intake
from nbargo_submitter.projection import Projection
from nbargo_submitter.rows import Rows
from nbargo_submitter.sending import create_once
from nbargo_submitter.staging import Staging
from nbargo_submitter.submission import Submission, Submitter
from nbargo_submitter.versions import Versions, new_version, same_bytes

Members: TypeAlias = Mapping[str, Any]
"""Members of a definition's record, by name."""

_TRIES: Final = 5
_ANOTHER: Final = "Another change of this job definition"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A definition as it is: its record, and its CronWorkflow if it has one."""

    record: DefinitionRecord
    cron: dict[str, Any] | None


class Definitions:
    """One user's job definitions.

    Args:
        user: Value of the user label.
        cluster: Where the CronWorkflows are.
        staging: Where the files are.
        rows: Where the definitions are listed.
        intake: What is set for submissions.
        submitter: Who submits a job.
        actions: Who ends runs.
        projection: Who waits until the list shows what was done.
    """

    def __init__(  # noqa: PLR0913 - its collaborators
        self,
        *,
        user: str,
        cluster: Cluster,
        staging: Staging,
        rows: Rows,
        intake: Intake,
        submitter: Submitter,
        actions: Actions,
        projection: Projection,
    ) -> None:
        self._user = user
        self._cluster = cluster
        self._staging = staging
        self._versions = Versions(staging)
        self._rows = rows
        self._intake = intake
        self._submitter = submitter
        self._actions = actions
        self._projection = projection

    async def create(self, model: CreateJobDefinition) -> str:
        """Make a definition and return its id.

        Args:
            model: What the user asked for.

        Raises:
            InputUriError: There is no such notebook.
            NbargoError: It could not be made. Nothing is left behind.
        """
        self._intake.check_definitions(await asyncio.to_thread(self._rows.count_definitions))
        environment = await self._intake.environment(model.runtime_environment_name)
        record = await asyncio.to_thread(  # a time zone is a file
            checks.definition_record,
            model,
            definition_id=str(uuid.uuid4()),
            create_time=_now(),
            output_formats=checks.check_formats(list(model.output_formats or ()), environment),
            files=new_version(),
        )
        notebook = await asyncio.to_thread(self._intake.notebook, model.input_uri)
        cron = await self._built(record, notebook)
        self._projection.expected()
        await self._versions.add(record, notebook=notebook, exclude=self._intake.exclude)
        try:
            await self._store_new(record, cron)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(self._staging.remove, record.definition_id))
            raise
        await self._shown(record, is_watched=record.schedule is not None)
        return record.definition_id

    async def update(self, definition_id: str, model: UpdateJobDefinition) -> None:
        """Change a definition.

        Args:
            definition_id: The definition's id.
            model: The members to change; what is not set or None stays.

        Raises:
            InputError: There is no such definition, or a member is not usable.
            ClusterConflictError: Somebody else changed the same member at the same time.
            NbargoError: It could not be changed; it is as it was.
        """
        listed = await self._listed(definition_id)
        self._projection.expected()
        async with claim(self._staging, definition_id, what=_ANOTHER):
            found = await self.there(definition_id, listed=listed)
            changed = await asyncio.to_thread(edits.wanted, model, there=found.record, listed=listed)
            notebook, of_input = await self._new_input(model, found.record)
            if not (changed or of_input):
                return
            record = await self._change(found, {**changed, **of_input}, notebook, listed=listed)
            with suppress(FilesError):  # what cannot be removed now is removed after another edit
                await asyncio.to_thread(self._versions.prune, record)
        await self._shown(record, is_watched=bool(found.cron or record.schedule))

    async def run(self, definition_id: str, model: CreateJobFromDefinition) -> str:
        """Submit a job with a definition's settings and its input as it is now, and return the job's id.

        Args:
            definition_id: The definition's id.
            model: Parameters to use in place of all of the definition's; None for those.

        Raises:
            InputError: There is no such definition.
            NbargoError: The job could not be submitted. Nothing is left behind.
        """
        self._staging.folder(definition_id)  # an id that is none ends here
        async with claim(self._staging, definition_id, what=_ANOTHER):
            definition = (await self.there(definition_id)).record
            environment = await self._intake.environment(definition.runtime_environment_name)
            record = checks.run_record(
                definition, job_id=str(uuid.uuid4()), create_time=_now(), parameters=model.parameters
            )
            notebook = self._versions.notebook(definition)
            workflow = await asyncio.to_thread(
                self._intake.workflow, record, environment=environment, notebook=notebook
            )
            self._projection.expected()
            await self._submitter.submit(Submission(record=record, notebook=notebook, exclude=(), manifest=workflow))
        return record.job_id

    async def delete(self, definition_id: str) -> None:
        """Delete a definition, its runs, and all of their files and rows; again, if a first time did not get through.

        Nothing starts any more from the first step on, and what was to be deleted is found again by what is left of it:
        the rows and files go after the objects, the definition's own last.

        Args:
            definition_id: The definition's id.

        Raises:
            InputError: There is no such definition.
            NbargoError: Something could not be deleted; the definition is listed still.
        """
        self._staging.folder(definition_id)  # an id that is none ends here
        async with claim(self._staging, definition_id, what=_ANOTHER):
            listed = await self._listed(definition_id)
            cron = await self.cron_workflow(definition_id)
            has_files = await asyncio.to_thread(self._staging.is_taken, definition_id)
            if not (listed or cron or has_files):
                raise missing(definition_id)
            if cron is not None:
                await self._suspend(definition_id)
            runs = await self._actions.end_runs(definition_id)
            if cron is not None:
                await self._delete_cron(definition_id)
                runs |= await self._actions.end_runs(definition_id)  # what began just before it was suspended
            await asyncio.to_thread(self._remove, definition_id, runs)

    def _remove(self, definition_id: str, runs: set[str]) -> None:
        """Remove the files and rows of a definition and its runs. Blocks."""
        listed = set(self._rows.job_ids_of(definition_id))
        found = self._staging.runs_of(definition_id, known=frozenset(self._rows.job_ids()))
        for job_id in sorted(runs | listed | found):
            self._staging.remove(job_id)
            self._rows.delete_job(job_id)
        self._staging.remove(definition_id)
        self._rows.delete_definition(definition_id)

    async def there(self, definition_id: str, *, listed: DescribeJobDefinition | None = None) -> _Found:
        """Return a definition as it is in the cluster, or in its file.

        Args:
            definition_id: The definition's id.
            listed: Its row, if it has one.

        Raises:
            InputError: There is no such definition.
            RecordError: It is not one that nbargo wrote.
            ClusterError: The cluster cannot be asked.
        """
        self._staging.folder(definition_id)  # an id that is none ends here
        cron = await self.cron_workflow(definition_id)
        if cron is not None:
            return _Found(record=edits.of_cron(cron, listed=listed), cron=cron)
        record = await asyncio.to_thread(self._versions.read, definition_id)
        if record is None:
            raise missing(definition_id)
        return _Found(record=record, cron=None)

    async def cron_workflow(self, definition_id: str) -> dict[str, Any] | None:
        """Return a definition's CronWorkflow; None if there is none, or it is another user's."""
        found = await self._cluster.get(labels.object_name(definition_id), resource=CRON_WORKFLOWS)
        owner = ((found or {}).get("metadata", {}).get("labels") or {}).get(labels.USER_LABEL)
        return found if owner == self._user else None

    async def _listed(self, definition_id: str) -> DescribeJobDefinition | None:
        return await asyncio.to_thread(self._rows.definition, definition_id)

    async def _built(self, record: DefinitionRecord, notebook: Path | None = None) -> dict[str, Any]:
        """Return a definition's CronWorkflow, which is also how everything in it is checked."""
        environment = await self._intake.environment(record.runtime_environment_name)
        path = notebook or self._versions.notebook(record)
        return await asyncio.to_thread(self._intake.cron_workflow, record, environment=environment, notebook=path)

    async def _store_new(self, record: DefinitionRecord, cron: dict[str, Any]) -> None:
        if record.schedule is None:
            await asyncio.to_thread(self._versions.write, record)
            return
        await create_once(self._cluster, cron, resource=CRON_WORKFLOWS)

    async def _new_input(self, model: UpdateJobDefinition, there: DefinitionRecord) -> tuple[Path | None, Members]:
        """Return a new notebook and the members that it changes; none if it is the one that is there."""
        if not edits.names_new_notebook(model.input_uri, there=there):
            return None, {}
        path = await asyncio.to_thread(self._intake.notebook, model.input_uri or "")
        is_same = not there.package_input_folder and path.name == there.input_filename
        if is_same and await asyncio.to_thread(same_bytes, path, self._versions.notebook(there)):
            return None, {}
        return path, {"input_filename": path.name, "input_uri": model.input_uri, "files": new_version()}

    async def _change(
        self, found: _Found, changed: Members, notebook: Path | None, *, listed: DescribeJobDefinition | None
    ) -> DefinitionRecord:
        """Stage a new notebook, change the definition, and return its record; after an error it is as it was."""
        first = _edited(found.record, changed, listed=listed)
        if not (found.cron and cronmanifest.WHEN.issuperset(changed)):
            await self._built(first, notebook)  # checks everything before anything is written
        if notebook is None:
            return await self._stored(found, changed, listed=listed)
        await self._versions.add(first, notebook=notebook, exclude=self._intake.exclude)
        try:
            await asyncio.to_thread(self._versions.supersede, found.record)
            return await self._stored(found, changed, listed=listed)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(self._versions.remove, first))
            raise

    async def _stored(
        self, found: _Found, changed: Members, *, listed: DescribeJobDefinition | None
    ) -> DefinitionRecord:
        seen = found.record
        for _ in range(_TRIES):
            record = _edited(found.record, changed, listed=listed)
            try:
                await self._store(found, Change(record=record, members=frozenset(changed)))
            except ClusterConflictError:  # Argo, or somebody else, has changed the object meanwhile
                found = await self.there(seen.definition_id, listed=listed)
                edits.merged(changed, seen=seen, there=found.record)
            else:
                return record
        raise ClusterConflictError(
            "The job definition is changed all the time by somebody else", hint="Try again in a minute", status=409
        )

    async def _store(self, found: _Found, change: Change) -> None:
        record = change.record
        if found.cron is not None and record.schedule is not None:
            await self._patch(found.cron, change)
        elif found.cron is not None:
            await asyncio.to_thread(self._versions.write, record)
            try:
                await self._delete_cron(record.definition_id, keeps_runs=True)
            except BaseException:
                await asyncio.shield(asyncio.to_thread(self._versions.forget, record.definition_id))
                raise
        else:
            await self._store_new(record, await self._built(record))
            if record.schedule is not None:
                await asyncio.to_thread(self._versions.forget, record.definition_id)

    async def _patch(self, cron: dict[str, Any], change: Change) -> None:
        record = change.record
        built = None if cronmanifest.WHEN.issuperset(change.members) else await self._built(record)
        patch = cronmanifest.build_patch(
            cron, change=change, built=built, policy=self._intake.policy, now=record.update_time
        )
        name = cron["metadata"]["name"]
        try:
            await self._cluster.patch(name, patch, resource=CRON_WORKFLOWS)
        except ClusterMissingError as error:
            if error.hint:  # not this object is missing, but its namespace or its kind
                raise
            raise missing(record.definition_id) from error
        except ClusterUnreachableError:
            raise
        except ClusterError as error:
            if not (error.transient and await self._has_arrived(record)):
                raise

    async def _has_arrived(self, record: DefinitionRecord) -> bool:
        """Return whether a patch without an answer was carried out."""
        try:
            there = await self.cron_workflow(record.definition_id)
        except ClusterError:
            return False
        noted = ((there or {}).get("metadata", {}).get("annotations") or {}).get(labels.DEFINITION_ANNOTATION)
        return noted is not None and noted == record.to_json()

    async def _delete_cron(self, definition_id: str, *, keeps_runs: bool = False) -> None:
        name = labels.object_name(definition_id)
        await self._cluster.delete(name, resource=CRON_WORKFLOWS, keeps_dependents=keeps_runs)

    async def _suspend(self, definition_id: str) -> None:
        try:
            await self._cluster.patch(
                labels.object_name(definition_id), {"spec": {"suspend": True}}, resource=CRON_WORKFLOWS
            )
        except ClusterMissingError as error:
            if error.hint:  # as above
                raise

    async def _shown(self, record: DefinitionRecord, *, is_watched: bool) -> None:
        """Wait until the list shows a definition as it is now; *is_watched*: whether an object in the cluster tells."""

        def is_there() -> bool:
            row = self._rows.definition(record.definition_id)
            return row is not None and row.update_time >= record.update_time

        what = f"job definition {record.definition_id}"
        if is_watched:
            await self._projection.shown(what, is_there)
        else:
            await self._projection.read(what, is_there)


def missing(definition_id: str) -> InputError:
    """Return the error for a definition that is not there."""
    return InputError(
        f"There is no job definition '{definition_id[:80]}'", hint="It may have been deleted: reload the list"
    )


def _edited(there: DefinitionRecord, changed: Members, *, listed: DescribeJobDefinition | None) -> DefinitionRecord:
    """Return a definition with changes; its time is later than any that the list may show."""
    earlier = max(there.update_time, listed.update_time if listed else 0)
    return checks.checked_definition(replace(there, **changed, update_time=max(_now(), earlier + 1)))


def _now() -> int:
    return time.time_ns() // 1_000_000
