"""The definition record: all that a row of jupyter-scheduler's `job_definitions` table needs.

The submitter writes it into the CronWorkflow's annotation; a definition without a schedule has no CronWorkflow, and
its record is the file `<staging>/<definition id>/definition.json`. The watcher rebuilds the row from either. It is read
as untrusted input. Where a CronWorkflow's spec and its record disagree (kubectl, Argo's UI), the spec is the truth.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nbargo_shared import fields as check
from nbargo_shared import writing
from nbargo_shared.errors import RecordError

VERSION: Final = 1
MAX_BYTES: Final = 64 * 1024
"""As a job record's: the record of each run holds most of the same."""

SCHEDULE_LENGTH: Final = 256  # jupyter-scheduler's String(256)
TIMEZONE_LENGTH: Final = 36  # jupyter-scheduler's String(36)
_COLUMN: Final = 256  # jupyter-scheduler's other String(256) columns


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionRecord:
    """One job definition as the user asked for it.

    Attributes:
        definition_id: jupyter-scheduler's id, 36 characters at most.
        name: The definition's name, which its runs get.
        input_filename: The notebook's file name, without a directory.
        runtime_environment_name: Name of the environment that was chosen.
        create_time: When the user made it, milliseconds since 1970.
        update_time: When the user last changed it, milliseconds; at first the create_time.
        files: Name of the folder below `<staging>/<definition id>/` that the runs copy their input from.
        input_uri: Where in the lab's folder that input came from, with `/` as separator; None if not known.
        runtime_environment_parameters: The environment's own settings.
        compute_type: The size that was chosen.
        output_formats: nbconvert's names of the formats that were asked for.
        parameters: As the user typed them, texts.
        tags: The user's own marks.
        output_filename_template: As jupyter-scheduler gave it; not interpreted.
        schedule: Five cron fields or a descriptor such as `@daily`; None: it runs when somebody asks for it only.
        timezone: IANA name of the zone whose clocks the schedule means.
        active: Whether the schedule is not paused.
        package_input_folder: Whether the notebook's folder came along.
    """

    definition_id: str
    name: str
    input_filename: str
    runtime_environment_name: str
    create_time: int
    update_time: int
    files: str
    input_uri: str | None = None
    runtime_environment_parameters: Mapping[str, check.Scalar] = field(default_factory=dict)
    compute_type: str | None = None
    output_formats: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    output_filename_template: str | None = None
    schedule: str | None = None
    timezone: str | None = None
    active: bool = True
    package_input_folder: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON types, with its version and without what is not set."""
        return writing.members(self, version=VERSION)

    def to_json(self) -> str:
        """Return the record as compact JSON.

        Raises:
            RecordError: It has more than MAX_BYTES bytes, or characters that UTF-8 does not have.
        """
        return writing.compact(self.to_dict(), limit=MAX_BYTES, whose="definition")


def parse(text: str | bytes) -> DefinitionRecord:
    """Return the record that JSON text holds.

    Args:
        text: The annotation's value, or the definition file's content.

    Raises:
        RecordError: It is not a valid record of this version.
    """
    return from_dict(check.parse_object(text, limit=MAX_BYTES, what="definition record"))


def from_dict(source: Mapping[str, Any]) -> DefinitionRecord:
    """Return the record that a JSON object holds.

    Args:
        source: The decoded JSON. Members that this version does not know are passed over.

    Raises:
        RecordError: A member is missing, of the wrong type, or too large.
    """
    if source.get("version") != VERSION:
        raise RecordError(f"The definition record's version is not {VERSION}")
    return DefinitionRecord(
        definition_id=check.identifier(source, "definition_id"),
        name=check.text(source, "name", limit=_COLUMN),
        input_filename=check.check_file_name(check.text(source, "input_filename"), "input_filename"),
        runtime_environment_name=check.text(source, "runtime_environment_name", limit=_COLUMN),
        create_time=check.time(source, "create_time"),
        update_time=check.time(source, "update_time"),
        files=check.check_file_name(check.text(source, "files"), "files"),
        input_uri=check.optional_text(source, "input_uri"),
        runtime_environment_parameters=check.scalar_mapping(source, "runtime_environment_parameters"),
        compute_type=check.optional_text(source, "compute_type", limit=_COLUMN),
        output_formats=check.texts(source, "output_formats"),
        parameters=check.text_mapping(source, "parameters"),
        tags=check.texts(source, "tags"),
        output_filename_template=check.optional_text(source, "output_filename_template"),
        schedule=check.optional_text(source, "schedule", limit=SCHEDULE_LENGTH),
        timezone=check.optional_text(source, "timezone", limit=TIMEZONE_LENGTH),
        active=check.flag(source, "active"),
        package_input_folder=check.flag(source, "package_input_folder"),
    )
