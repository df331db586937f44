"""The record of a run that a CronWorkflow started, from the template that all runs of its definition share.

A CronWorkflow cannot tell its runs apart, so what it writes on each (`nbargo/job`) is a *run template*: a job record
without id and time of creation, and with `{time}` in the names of the output files. The run's own Workflow gives the
rest: its uid is the job's id, its creationTimestamp the time. Watcher, lab and the job's pod, which has this rule in
its own words, all arrive at the same record.

The time in a file name is UTC: it neither repeats nor goes back when the clocks change, and needs no time zone data.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from nbargo_shared import fields as check
from nbargo_shared import record as job_record
from nbargo_shared.definition import DefinitionRecord
from nbargo_shared.errors import RecordError
from nbargo_shared.record import JobRecord

TIME: Final = "{time}"
"""What stands for the run's time of creation in the pattern of a file name; its last occurrence counts."""

_ANY_RUN: Final = "00000000-0000-0000-0000-000000000000"
_OWN: Final = ("job_id", "create_time")


def name_time(created_ms: int) -> str:
    """Return the time as it stands in a run's file names: UTC, in jupyter-scheduler's form.

    Args:
        created_ms: When the run was created, milliseconds since 1970.

    Returns:
        A text such as `2026-03-29-01-30-00-AM`, the same whatever the locale.
    """
    moment = datetime.fromtimestamp(created_ms // 1000, UTC)
    return f"{moment:%Y-%m-%d-%I-%M-%S}-{'AM' if moment.hour < 12 else 'PM'}"  # noqa: PLR2004 - noon


def file_name(pattern: str, *, created_ms: int) -> str:
    """Return the name of a run's output file.

    Args:
        pattern: A file name with TIME in it.
        created_ms: When the run was created, milliseconds since 1970.
    """
    return name_time(created_ms).join(pattern.rsplit(TIME, 1))


def run_template(definition: DefinitionRecord, *, patterns: Mapping[str, str]) -> str:
    """Return the run template of a definition.

    Args:
        definition: The definition.
        patterns: File name of each output format, with TIME in it.

    Raises:
        RecordError: The record of a run would not be valid.
    """
    of_any_run = JobRecord(
        job_id=_ANY_RUN,
        name=definition.name,
        input_filename=definition.input_filename,
        runtime_environment_name=definition.runtime_environment_name,
        create_time=definition.create_time,
        runtime_environment_parameters=definition.runtime_environment_parameters,
        compute_type=definition.compute_type,
        output_formats=definition.output_formats,
        output_files=patterns,
        parameters=definition.parameters,
        tags=definition.tags,
        output_filename_template=definition.output_filename_template,
        job_definition_id=definition.definition_id,
        package_input_folder=definition.package_input_folder,
    )
    of_any_run.to_json()  # checks its size
    members = {name: value for name, value in of_any_run.to_dict().items() if name not in _OWN}
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
    run_record(text, uid=_ANY_RUN, created_ms=definition.create_time)
    return text


def run_record(template_text: str | bytes, *, uid: str, created_ms: int) -> JobRecord:
    """Return the record of a run.

    Args:
        template_text: The run template, from the annotation `nbargo/job` of the run's Workflow.
        uid: The Workflow's uid.
        created_ms: The Workflow's creationTimestamp, milliseconds since 1970.

    Raises:
        RecordError: It is not a valid run template, or the uid is none.
    """
    source = check.parse_object(template_text, limit=job_record.MAX_BYTES, what="run template")
    if source.get("job_definition_id") is None or any(name in source for name in _OWN):
        raise RecordError("The job record is not the template of a definition's runs")
    patterns = check.text_mapping(source, "output_files")
    names = {name: file_name(pattern, created_ms=created_ms) for name, pattern in patterns.items()}
    return job_record.from_dict({**source, "job_id": uid, "create_time": created_ms, "output_files": names})
