"""ArgoScheduler as jupyter-scheduler's own tests use a Scheduler: its methods block, and rows are made by hand."""

from functools import partial
from typing import Any, Final

from jupyter_scheduler.models import DescribeJobDefinition, UpdateJobDefinition
from sqlalchemy.orm import Session

from nbargo_shared.definition import DefinitionRecord
from nbargo_shared.status import Status
from nbargo_submitter.client import CRON_WORKFLOWS
from nbargo_submitter.scheduler import ArgoScheduler
from support.in_process import LoopThread
from support.waiting import eventually

_VERSION: Final = "1"
_POLL_SECONDS: Final = 0.1


class StockScheduler:
    """An ArgoScheduler with the methods that the tests call.

    A definition that a test has written into the table gets, before it is changed, the CronWorkflow without which
    nbargo has no such row. Rows of jobs are looked at when they have ended: nbargo lists a job's files then.

    Args:
        target: The scheduler. A watcher runs beside it.
        loop: Where its methods run.
    """

    def __init__(self, target: ArgoScheduler, loop: LoopThread) -> None:
        self._target = target
        self._loop = loop

    @property
    def db_url(self) -> str:
        url: str = self._target.db_url
        return url

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)
        return lambda *args, **kwargs: self._loop.run(method(*args, **kwargs))

    def db_session(self) -> Session:
        eventually(self._all_have_ended, what="all jobs have ended", every=_POLL_SECONDS)
        session: Session = self._target.db_session()
        return session

    def update_job_definition(self, definition_id: str, model: UpdateJobDefinition) -> None:
        self._define(definition_id)
        self._loop.run(self._target.update_job_definition(definition_id, model))

    def delete_job_definition(self, definition_id: str) -> None:
        self._define(definition_id)
        self._loop.run(self._target.delete_job_definition(definition_id))

    def _all_have_ended(self) -> bool:
        rows = self._target.rows
        return all((job := rows.job(job_id)) and Status(job.status).is_terminal for job_id in rows.job_ids())

    def _define(self, definition_id: str) -> None:
        """Make the CronWorkflow of a row; the scheduler would choose id and times of a new definition itself."""
        row = self._target.rows.definition(definition_id)
        assert row is not None
        cron = self._loop.run(self._target._definitions._built(_record(row)))
        self._loop.run(self._target.cluster.create(cron, resource=CRON_WORKFLOWS))
        eventually(partial(self._target.rows.was_listed, definition_id), what="the watcher knows the definition")


def _record(row: DescribeJobDefinition) -> DefinitionRecord:
    return DefinitionRecord(
        definition_id=row.job_definition_id,
        name=row.name,
        input_filename=row.input_filename,
        runtime_environment_name=row.runtime_environment_name,
        create_time=row.create_time,
        update_time=row.update_time,
        files=_VERSION,
        tags=tuple(row.tags or ()),
        schedule=row.schedule,
        timezone=row.timezone,
        active=row.active,
    )
