"""The job record: all that a row of jupyter-scheduler's `jobs` table needs and the cluster does not know by itself.

The submitter writes it into the Workflow's annotation, the job's pod copies it into the outcome file, and the watcher
rebuilds the row from either. It is read as untrusted input.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nbargo_shared import fields as check
from nbargo_shared import writing
from nbargo_shared.errors import RecordError

VERSION: Final = 1
MAX_BYTES: Final = 64 * 1024
"""A record's limit: as base64 in an environment variable it stays under Linux's 128 KiB for one string, and an
object with annotation, environment and outcome parameter stays far below etcd's 1.5 MiB."""

_COLUMN: Final = 256  # jupyter-scheduler's String(256) columns


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """One job as the user asked for it.

    Attributes:
        job_id: jupyter-scheduler's id, 36 characters at most.
        name: The job's name.
        input_filename: The notebook's file name, without a directory.
        runtime_environment_name: Name of the environment that was chosen.
        create_time: When the user asked, milliseconds since 1970.
        runtime_environment_parameters: The environment's own settings.
        compute_type: The size that was chosen.
        output_formats: nbconvert's names of the formats that were asked for.
        output_files: File name of each format, computed once, in the lab's time zone.
        parameters: As the user typed them, texts.
        tags: The user's own marks.
        output_filename_template: As jupyter-scheduler gave it; not interpreted.
        idempotency_token: The caller's token, if any.
        job_definition_id: The definition that this run belongs to.
        package_input_folder: Whether the notebook's folder came along.
        update_time: When the user last changed the job itself (its name), milliseconds; None if never.
    """

    job_id: str
    name: str
    input_filename: str
    runtime_environment_name: str
    create_time: int
    runtime_environment_parameters: Mapping[str, check.Scalar] = field(default_factory=dict)
    compute_type: str | None = None
    output_formats: tuple[str, ...] = ()
    output_files: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    output_filename_template: str | None = None
    idempotency_token: str | None = None
    job_definition_id: str | None = None
    package_input_folder: bool = False
    update_time: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON types, with its version and without what is not set."""
        return writing.members(self, version=VERSION)

    def to_json(self) -> str:
        """Return the record as compact JSON.

        Raises:
            RecordError: It has more than MAX_BYTES bytes, or characters that UTF-8 does not have.
        """
        return writing.compact(self.to_dict(), limit=MAX_BYTES, whose="job")


def parse(text: str | bytes) -> JobRecord:
    """Return the record that JSON text holds.

    Args:
        text: The annotation's value.

    Raises:
        RecordError: It is not a valid record of this version.
    """
    return from_dict(check.parse_object(text, limit=MAX_BYTES, what="job record"))


def from_dict(source: Mapping[str, Any]) -> JobRecord:
    """Return the record that a JSON object holds.

    Args:
        source: The decoded JSON. Members that this version does not know are passed over.

    Raises:
        RecordError: A member is missing, of the wrong type, or too large.
    """
    if source.get("version") != VERSION:
        raise RecordError(f"The job record's version is not {VERSION}")
    output_files = check.text_mapping(source, "output_files")
    for file_name in output_files.values():
        check.check_file_name(file_name, "output_files")
    definition = source.get("job_definition_id")
    return JobRecord(
        job_id=check.identifier(source, "job_id"),
        name=check.text(source, "name", limit=_COLUMN),
        input_filename=check.check_file_name(check.text(source, "input_filename"), "input_filename"),
        runtime_environment_name=check.text(source, "runtime_environment_name", limit=_COLUMN),
        create_time=check.time(source, "create_time"),
        runtime_environment_parameters=check.scalar_mapping(source, "runtime_environment_parameters"),
        compute_type=check.optional_text(source, "compute_type", limit=_COLUMN),
        output_formats=check.texts(source, "output_formats"),
        output_files=output_files,
        parameters=check.text_mapping(source, "parameters"),
        tags=check.texts(source, "tags"),
        output_filename_template=check.optional_text(source, "output_filename_template"),
        idempotency_token=check.optional_text(source, "idempotency_token", limit=_COLUMN),
        job_definition_id=None if definition is None else check.identifier(source, "job_definition_id"),
        package_input_folder=check.flag(source, "package_input_folder"),
        update_time=check.optional_time(source, "update_time"),
    )
