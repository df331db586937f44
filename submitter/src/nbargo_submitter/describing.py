"""Where a job's files are: in the staging area, and, once downloaded, in the lab's folder."""

import os
from typing import Any, Final

from jupyter_scheduler.models import DescribeJob, DescribeJobDefinition, JobFile
from jupyter_scheduler.scheduler import Scheduler

from nbargo_shared.status import Status
from nbargo_submitter import formats
from nbargo_submitter.staging import Staging

_ENDED_EARLY: Final = {Status.FAILED, Status.STOPPED}


class ArgoFiles(Scheduler):
    """The part of ArgoScheduler that names files; jupyter-scheduler's own fails on a format that it does not know."""

    staging: Staging
    environments_manager: Any  # an EnvironmentManager: the base names its type wrongly

    def get_staging_paths(self, model: DescribeJob | DescribeJobDefinition) -> dict[str, str]:
        """Return the path of each of a job's files in the staging area, by format; `input` is the notebook.

        A definition's row does not say which version of its input is in use, and it has no outputs.
        """
        if not isinstance(model, DescribeJob):
            return {}
        folder = self.staging.folder(model.job_id)
        return {name: str(folder / file) for name, file in file_names(model).items()}

    def get_job_filenames(self, model: DescribeJob) -> dict[str, str | list[str]]:
        """Return the name of each of a job's files in its folder in the lab, by format."""
        names: dict[str, str | list[str]] = {**file_names(model)}
        if model.packaged_files:
            names["files"] = list(model.packaged_files)
        return names

    def add_job_files(self, model: DescribeJob) -> None:
        """Fill in which of a job's files are in the lab's folder.

        Args:
            model: The job; its `job_files` and `downloaded` are set.
        """
        folder = self.get_local_output_path(model, root_dir_relative=True)
        labels: dict[str, str] = {**self.environments_manager.output_formats_mapping(), "input": "Input"}

        is_downloaded = self.dir_exists(folder)  # one look instead of one for each file: homes are often remote

        def here(file: str) -> str | None:
            path = os.path.join(folder, file)  # noqa: PTH118 - relative to the lab's root, as the REST API has it
            return path if is_downloaded and self.file_exists(path) else None

        # Without pydantic's checks of what we know: for three files of each job they are a good part of a list's time.
        files = [
            JobFile.construct(display_name=labels.get(name, name), file_format=name, file_path=here(file))
            for name, file in file_names(model).items()
        ]
        packaged = list(model.packaged_files or ())
        if packaged:
            path = folder if is_downloaded else None
            files.append(JobFile.construct(display_name="Files", file_format="files", file_path=path))
        model.job_files = files
        model.downloaded = all(file.file_path for file in files) and all(here(file) for file in packaged)


def file_names(model: DescribeJob, *, all_made: bool = False) -> dict[str, str]:
    """Return the file name of each of a job's outputs by format, and of its notebook as `input`.

    A run that failed or was stopped has left its notebook and its log, whatever was asked for. A list has no time to
    look for them: they are named for what the row says.

    Args:
        model: The job.
        all_made: Whether what every run makes is named in any case.
    """
    wanted = model.output_formats or ()
    names = formats.file_names(
        model.input_filename,
        create_time=model.create_time,
        names=formats.made(wanted) if all_made or model.status in _ENDED_EARLY else wanted,
        definition_id=model.job_definition_id,
    )
    return {**names, "input": model.input_filename}
