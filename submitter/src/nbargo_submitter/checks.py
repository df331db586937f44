"""What is checked of a submission before anything is written or sent, and the record that comes of it."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_scheduler.exceptions import InputUriError
from jupyter_scheduler.models import CreateJob, CreateJobDefinition
from jupyter_scheduler.utils import create_output_directory

from nbargo_shared import definition, fields, labels, record
from nbargo_shared.definition import DefinitionRecord
from nbargo_shared.errors import InputError, RecordError
from nbargo_shared.record import JobRecord
from nbargo_submitter import formats, schedules
from nbargo_submitter.environments import Environment
from nbargo_submitter.execution import problem


def notebook_path(root_dir: str, input_uri: str) -> Path:
    """Return the path of the notebook that the user chose.

    Args:
        root_dir: The lab's root folder.
        input_uri: The notebook's path below it, with `/` as separator.

    Raises:
        InputUriError: There is no such file below the root folder.
    """
    root = os.path.abspath(root_dir)  # noqa: PTH100 - lexical: a link in the user's own folder may lead elsewhere
    path = os.path.normpath(os.path.join(root, input_uri.lstrip("/")))  # noqa: PTH118 - as above
    inside = os.path.commonpath((root, path)) == root if "\0" not in path else False
    if not inside or not os.path.isfile(path):  # noqa: PTH113 - as above
        raise InputUriError(input_uri)
    return Path(path)


def check_notebook(manager: Any, path: Path) -> None:
    """Check that a notebook can be run.

    Args:
        manager: The execution manager's class.
        path: The notebook.

    Raises:
        InputError: The execution manager does not accept it.
    """
    if not manager.validate(manager, str(path)):
        reason = problem(str(path)) or "The notebook is not accepted"
        raise InputError(reason, hint="Open it in JupyterLab, select a kernel, save it, and submit it again")


def choose_environment(environments: list[Environment], name: str) -> Environment:
    """Return the environment of a name.

    Raises:
        InputError: There is none: a job never runs in another one than the user chose.
    """
    for environment in environments:
        if environment.name == name:
            return environment
    known = ", ".join(environment.name for environment in environments) or "none"
    raise InputError(f"There is no environment '{name}'", hint=f"Choose one of: {known}")


def check_formats(wanted: list[str], environment: Environment) -> tuple[str, ...]:
    """Return the output formats without repetitions.

    Raises:
        InputError: The environment does not write one of them.
    """
    for name in wanted:
        if name not in environment.output_formats:
            known = ", ".join(environment.output_formats)
            raise InputError(
                f"The environment '{environment.name}' does not write the format '{name}'",
                hint=f"Choose among: {known}",
            )
    return tuple(dict.fromkeys(wanted))


def job_record(model: CreateJob, *, job_id: str, create_time: int, output_formats: tuple[str, ...]) -> JobRecord:
    """Return the record of a new job.

    Args:
        model: What the user asked for.
        job_id: The job's id.
        create_time: Now, milliseconds since 1970.
        output_formats: The checked formats.

    Raises:
        InputError: Something in it is too long, or not what the database and the job's folder can hold.
    """
    made = JobRecord(
        job_id=job_id,
        name=model.name,
        input_filename=model.input_filename,
        runtime_environment_name=model.runtime_environment_name,
        create_time=create_time,
        runtime_environment_parameters=model.runtime_environment_parameters or {},
        compute_type=model.compute_type,
        output_formats=output_formats,
        output_files=formats.file_names(
            model.input_filename,
            create_time=create_time,
            names=formats.made(output_formats),
            definition_id=model.job_definition_id,
        ),
        parameters=model.parameters or {},
        tags=tuple(model.tags or ()),
        output_filename_template=model.output_filename_template,
        idempotency_token=model.idempotency_token or None,
        job_definition_id=model.job_definition_id,
        package_input_folder=bool(model.package_input_folder),
    )
    return checked(made)


def run_record(
    made_from: DefinitionRecord, *, job_id: str, create_time: int, parameters: Mapping[str, str] | None
) -> JobRecord:
    """Return the record of a job that a user starts from a definition.

    Args:
        made_from: The definition.
        job_id: The job's id.
        create_time: Now, milliseconds since 1970.
        parameters: What takes the place of the definition's parameters; None for those.

    Raises:
        InputError: Something in it is too long.
    """
    made = JobRecord(
        job_id=job_id,
        name=made_from.name,
        input_filename=made_from.input_filename,
        runtime_environment_name=made_from.runtime_environment_name,
        create_time=create_time,
        runtime_environment_parameters=made_from.runtime_environment_parameters,
        compute_type=made_from.compute_type,
        output_formats=made_from.output_formats,
        output_files=formats.file_names(
            made_from.input_filename,
            create_time=create_time,
            names=formats.made(made_from.output_formats),
            definition_id=made_from.definition_id,
        ),
        parameters=made_from.parameters if parameters is None else parameters,
        tags=made_from.tags,
        output_filename_template=made_from.output_filename_template,
        job_definition_id=made_from.definition_id,
        package_input_folder=made_from.package_input_folder,
    )
    return checked(made)


def definition_record(
    model: CreateJobDefinition, *, definition_id: str, create_time: int, output_formats: tuple[str, ...], files: str
) -> DefinitionRecord:
    """Return the record of a new job definition.

    Args:
        model: What the user asked for.
        definition_id: The definition's id.
        create_time: Now, milliseconds since 1970.
        output_formats: The checked formats.
        files: Name of the folder with its input.

    Raises:
        InputError: The schedule or the time zone is not usable, or something is too long.
    """
    schedule = schedules.checked_schedule(model.schedule) if model.schedule else None
    made = DefinitionRecord(
        definition_id=definition_id,
        name=model.name,
        input_filename=model.input_filename,
        runtime_environment_name=model.runtime_environment_name,
        create_time=create_time,
        update_time=create_time,
        files=files,
        input_uri=model.input_uri,
        runtime_environment_parameters=model.runtime_environment_parameters or {},
        compute_type=model.compute_type,
        output_formats=output_formats,
        parameters=model.parameters or {},
        tags=tuple(model.tags or ()),
        output_filename_template=model.output_filename_template,
        schedule=schedule,
        timezone=schedules.checked_zone(model.timezone) if schedule or model.timezone else None,
        package_input_folder=bool(model.package_input_folder),
    )
    return checked_definition(made)


def checked_definition(made: DefinitionRecord) -> DefinitionRecord:
    """Return a definition's record that the watcher will accept.

    Raises:
        InputError: It would not: the sentence names the field.
    """
    with corrected():
        made.to_json()
        return definition.from_dict(made.to_dict())


def checked(made: JobRecord) -> JobRecord:
    """Return a record that the watcher will accept.

    Raises:
        InputError: It would not: the sentence names the field.
    """
    if made.input_filename == labels.OUTCOME_FILE:
        raise InputError(f"A notebook cannot be called {labels.OUTCOME_FILE}", hint="Rename it")
    with corrected():
        folder = create_output_directory(made.input_filename, made.job_id)
        fields.check_file_name(folder, "input_filename with the job's id")
        made.to_json()
        return record.from_dict(made.to_dict())


@contextmanager
def corrected() -> Iterator[None]:
    """Turn the RecordError for what the user gave into an InputError: its own hint is for what others wrote."""
    try:
        yield
    except RecordError as error:
        raise InputError(error.message, hint="Shorten or correct it, and submit the job again") from error
