"""A job's row in jupyter-scheduler's `jobs` table, and what the watcher remembers of it in `nbargo_projected`.

Both are named tuples rather than dataclasses because SQLite hands over tuples, and a batch makes hundreds of them.
"""

import json
from typing import Any, Final, NamedTuple

from nbargo_shared.record import JobRecord
from nbargo_shared.status import Status

TERMINAL: Final = frozenset(status.value for status in Status if status.is_terminal)
STOPS: Final = frozenset({Status.STOPPING.value, Status.STOPPED.value})
_ENDED: Final = ", ".join(f"'{status}'" for status in sorted(TERMINAL))
IS_LIVE: Final = f"status NOT IN ({_ENDED})"
"""A condition of SQL, on a row's status or on what is remembered."""
DEFINITION: Final = "DEFINITION"
"""What is remembered as the status of a definition: it never ends."""


class Row(NamedTuple):
    """The part of a row that the watcher keeps true; it never writes the other columns of a row that exists.

    Attributes:
        job_id: jupyter-scheduler's id of the job.
        name: The job's name.
        status: As jupyter-scheduler writes it.
        status_message: The reason of a failure; None otherwise.
        start_time: Milliseconds since 1970; None while it is not known.
        end_time: Milliseconds since 1970; None while the job has not ended.
        update_time: Milliseconds since 1970: the latest of the times that are known.
        packaged_files: JSON text, a list of paths.
    """

    job_id: str
    name: str | None
    status: str | None
    status_message: str | None
    start_time: int | None
    end_time: int | None
    update_time: int | None
    packaged_files: str | None

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended, as the row says."""
        return self.status in TERMINAL


class Projected(NamedTuple):
    """What the watcher remembers of a job or definition that it has written, whether or not its row is still there.

    Attributes:
        job_id: The job's id, or the definition's.
        scope: The stream by which its Workflow or CronWorkflow was last seen; "" if it never was.
        namespace: The object's namespace; "" if not known.
        name: The object's name; "" if not known.
        uid: The object's uid; "" if not known, and for a definition without a CronWorkflow.
        resource_version: Up to which this is true; "" if not known.
        status: The status that the evidence stood for, which the row may not show if a user's stop came first;
            of a definition DEFINITION.
        started_at: `status.startedAt` of the attempt, milliseconds; None while it is not set.
        finished_at: `status.finishedAt` of the attempt, milliseconds.
        stop: 1 if a stop was asked for.
        gone: Not 0 if the row was resolved because the Workflow was not there, or removed because the CronWorkflow was
            not (`attempts.ABSENT`, `attempts.DELETED`).
        record: Digest of the record's annotation or file, so that an unchanged one is not parsed again; 0 if not known.
        asked_at: When the user made or last changed it, milliseconds.
    """

    job_id: str
    scope: str
    namespace: str
    name: str
    uid: str
    resource_version: str
    status: str
    started_at: int | None
    finished_at: int | None
    stop: int
    gone: int
    record: int
    asked_at: int


def columns(row: Row, record: JobRecord) -> dict[str, Any]:
    """Return all columns of a new row, as jupyter-scheduler's own ORM would fill them.

    Args:
        row: The watcher's part.
        record: The job as the user asked for it.
    """
    return {
        "runtime_environment_name": record.runtime_environment_name,
        "runtime_environment_parameters": _json(dict(record.runtime_environment_parameters)),
        "compute_type": record.compute_type,
        "input_filename": record.input_filename,
        "output_formats": _json(list(record.output_formats)),
        "tags": _json(list(record.tags)),
        "parameters": _json(dict(record.parameters)),
        "email_notifications": None,
        "timeout_seconds": 600,
        "retry_on_timeout": 0,
        "max_retries": 0,
        "min_retry_interval_millis": 0,
        "output_filename_template": record.output_filename_template,
        "create_time": record.create_time,
        "package_input_folder": int(record.package_input_folder),
        "job_definition_id": record.job_definition_id,
        "url": f"/jobs/{record.job_id}",
        "pid": None,
        "idempotency_token": record.idempotency_token,
        **row._asdict(),
    }


def _json(value: list[str] | dict[str, Any]) -> str:
    return json.dumps(value) if value else _EMPTY[type(value)]


_EMPTY: Final = {list: "[]", dict: "{}"}
"""Most of these are empty, and an encoder takes longer to set up than to run."""
