"""A definition's row in jupyter-scheduler's `job_definitions` table, and what to write for one."""

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from nbargo_shared.definition import DefinitionRecord
from nbargo_watcher.rows import Projected


class DefinitionRow(NamedTuple):
    """The part of a row that the watcher keeps true; it never writes the other columns of a row that exists.

    Attributes:
        job_definition_id: jupyter-scheduler's id of the definition.
        name: The definition's name.
        runtime_environment_name: Name of the environment.
        runtime_environment_parameters: JSON text, an object.
        compute_type: The size that was chosen.
        input_filename: The notebook's file name.
        output_formats: JSON text, a list.
        tags: JSON text, a list.
        parameters: JSON text, an object.
        output_filename_template: As jupyter-scheduler gave it.
        schedule: Cron fields; None if it runs only when somebody asks for it.
        timezone: IANA name of the schedule's zone.
        active: 1 unless it is paused.
        package_input_folder: 1 if the notebook's folder came along.
        update_time: Milliseconds since 1970.
    """

    job_definition_id: str
    name: str | None
    runtime_environment_name: str | None
    runtime_environment_parameters: str | None
    compute_type: str | None
    input_filename: str | None
    output_formats: str | None
    tags: str | None
    parameters: str | None
    output_filename_template: str | None
    schedule: str | None
    timezone: str | None
    active: int | None
    package_input_folder: int | None
    update_time: int | None


def row_of(record: DefinitionRecord) -> DefinitionRow:
    """Return the row that a record alone makes.

    Args:
        record: The definition as the user asked for it.
    """
    return DefinitionRow(
        job_definition_id=record.definition_id,
        name=record.name,
        runtime_environment_name=record.runtime_environment_name,
        runtime_environment_parameters=json.dumps(dict(record.runtime_environment_parameters)),
        compute_type=record.compute_type,
        input_filename=record.input_filename,
        output_formats=json.dumps(list(record.output_formats)),
        tags=json.dumps(list(record.tags)),
        parameters=json.dumps(dict(record.parameters)),
        output_filename_template=record.output_filename_template,
        schedule=record.schedule,
        timezone=record.timezone,
        active=int(record.active),
        package_input_folder=int(record.package_input_folder),
        update_time=record.update_time,
    )


def definition_columns(row: DefinitionRow, *, create_time: int) -> dict[str, Any]:
    """Return all columns of a new row, as jupyter-scheduler's own ORM would fill them.

    Args:
        row: The watcher's part.
        create_time: When the user made the definition, milliseconds since 1970.
    """
    return {
        "email_notifications": None,
        "timeout_seconds": 600,
        "retry_on_timeout": 0,
        "max_retries": 0,
        "min_retry_interval_millis": 0,
        "packaged_files": "[]",
        "create_time": create_time,
        "url": f"/job_definitions/{row.job_definition_id}",
        **row._asdict(),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionChange:
    """What to write for one definition.

    Attributes:
        before: The row as it was; None if there is none.
        row: The row as it should be; None if it has to go.
        projected: What to remember.
        create_time: When the user made the definition, milliseconds since 1970.
        why: One phrase for the log.
    """

    before: DefinitionRow | None
    row: DefinitionRow | None
    projected: Projected
    create_time: int = 0
    why: str = ""

    @property
    def job_id(self) -> str:
        """The definition's id, under the name that it has in what is remembered."""
        return self.projected.job_id

    @property
    def kind(self) -> str:
        """What happens to the row: `added`, `changed` or `removed`."""
        if self.row is None:
            return "removed"
        return "added" if self.before is None else "changed"

    @property
    def is_visible(self) -> bool:
        """Whether the row itself changes."""
        return self.before != self.row
