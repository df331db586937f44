"""outcome.json: what became of a run, written by the job's own pod beside its outputs.

It is written when the notebook starts (`running`) and again when it ends, each time whole and atomically, so that the
result outlives the Workflow and the pod. The same JSON is the Workflow's global output parameter. The runner in the
pod has nothing of nbargo installed: it writes this form by itself, and a test holds the two together.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from nbargo_shared import fields as check
from nbargo_shared import record as job_record
from nbargo_shared.errors import RecordError
from nbargo_shared.record import JobRecord

VERSION: Final = 1
MAX_BYTES: Final = 192 * 1024
"""A record, 500 file names and an error fit; more is not ours."""
MAX_FILES: Final = 500


class State(StrEnum):
    """How far a run came, as its own pod knows."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """The pod was told to end (SIGTERM) before the notebook had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunError:
    """Why a run failed.

    Attributes:
        name: The exception's class, such as `ZeroDivisionError`.
        message: Its text.
        cell: The number in brackets beside the failing cell in the output notebook; None if no cell failed.
    """

    name: str
    message: str
    cell: int | None = None

    def __str__(self) -> str:
        """Return it as the user reads it: `ZeroDivisionError: division by zero (cell 3)`."""
        text = f"{self.name}: {self.message}" if self.message else self.name
        return text if self.cell is None else f"{text} (cell {self.cell})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a run.

    Attributes:
        job_id: The job's id.
        workflow_uid: uid of the Workflow that ran it.
        state: How far it came.
        started_at: When the runner began, milliseconds since 1970.
        ended_at: When it ended, milliseconds; None while it runs.
        error: Why it failed.
        outputs: File name of each format that was written.
        files: Other files in the job's directory, relative paths, the first MAX_FILES of them in order.
        files_omitted: How many more there are.
        job: The job's record, so that the row can be rebuilt from this file alone.
    """

    job_id: str
    workflow_uid: str
    state: State
    started_at: int
    ended_at: int | None = None
    error: RunError | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    files_omitted: int = 0
    job: JobRecord

    def to_json(self) -> str:
        """Return the outcome as JSON."""
        error = self.error
        members = {
            "version": VERSION,
            "job_id": self.job_id,
            "workflow_uid": self.workflow_uid,
            "state": self.state.value,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "error": None if error is None else {"name": error.name, "message": error.message, "cell": error.cell},
            "outputs": dict(self.outputs),
            "files": list(self.files),
            "files_omitted": self.files_omitted,
            "job": self.job.to_dict(),
        }
        return json.dumps(members, ensure_ascii=False)


def parse(text: str | bytes) -> Outcome:
    """Return the outcome that JSON text holds.

    Args:
        text: The file's or the parameter's content.

    Raises:
        RecordError: It is not a valid outcome of this version.
    """
    source = check.parse_object(text, limit=MAX_BYTES, what="outcome")
    if source.get("version") != VERSION:
        raise RecordError(f"The outcome's version is not {VERSION}")
    job_id = check.identifier(source, "job_id")
    record = job_record.from_dict(check.mapping(source, "job"))
    if record.job_id != job_id:
        raise RecordError("The outcome's job record is another job's")
    return Outcome(
        job_id=job_id,
        workflow_uid=check.text(source, "workflow_uid", limit=_UID_LENGTH),
        state=_state(source),
        started_at=check.time(source, "started_at"),
        ended_at=check.optional_time(source, "ended_at"),
        error=_error(source),
        outputs={
            name: check.check_file_name(value, "outputs")
            for name, value in check.text_mapping(source, "outputs").items()
        },
        files=tuple(check.check_relative_path(item, "files") for item in check.texts(source, "files")[:MAX_FILES]),
        files_omitted=_count(source, "files_omitted"),
        job=record,
    )


_UID_LENGTH: Final = 128  # kubernetes' own uids have 36 characters; the field is opaque


def _state(source: Mapping[str, Any]) -> State:
    try:
        return State(check.text(source, "state"))
    except ValueError as error:
        raise RecordError("The field 'state' is not a known one") from error


def _error(source: Mapping[str, Any]) -> RunError | None:
    if source.get("error") is None:
        return None
    error = check.mapping(source, "error")
    cell = None if error.get("cell") is None else _count(error, "cell")
    name = check.text(error, "name", limit=256)
    return RunError(name=name, message=check.text(error, "message", limit=16384), cell=cell)


def _count(source: Mapping[str, Any], name: str) -> int:
    value = source.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        check.reject(name, "is not a count")
    return value
