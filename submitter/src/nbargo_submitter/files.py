"""Downloading: a job's files are copied from the staging area into the lab's folder.

jupyter-scheduler's own files manager does it in a process of its own and passes over every error.
"""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from jupyter_scheduler.job_files_manager import JobFilesManager
from jupyter_scheduler.models import DescribeJob

from nbargo_shared.errors import FilesError
from nbargo_shared.status import Status
from nbargo_submitter.copying import copy_whole
from nbargo_submitter.describing import file_names
from nbargo_submitter.staging import Staging, read_outcome, side_files
from nbargo_submitter.telling import told
from nbargo_submitter.threads import cancellable

_NO: Final = {"", "0", "false", "no", "off"}


@dataclass(frozen=True, slots=True)
class _Copy:
    source: Path
    target: Path
    is_wanted: bool = True
    """Whether it is an error that the source is not there."""

    def is_done(self) -> bool:
        """Return whether the target is there; a file of a job that was running then may be longer by now."""
        try:
            return self.target.stat().st_mtime_ns >= self.source.stat().st_mtime_ns
        except OSError:
            return self.target.is_file()


class ArgoJobFilesManager(JobFilesManager):
    """Copies a job's files for jupyter-scheduler's download handler."""

    scheduler: Any  # an ArgoScheduler: the base names its type wrongly

    @property
    def log(self) -> Any:
        """The server's log."""
        return self.scheduler.log

    @told
    async def copy_from_staging(  # pyright: ignore[reportIncompatibleMethodOverride] # as all that is async
        self,
        job_id: str,
        redownload: bool | str | None = False,  # noqa: FBT001, FBT002 - theirs
    ) -> None:
        """Copy a job's outputs, its notebook, and everything else that is in its folder, into the lab's folder.

        What a running job has written so far is copied too, such as its log, and again when there is more of it.

        Args:
            job_id: The job's id.
            redownload: Whether files that are there already are copied again. The handler passes the text of the
                query argument.

        Raises:
            SchedulerError: There is no such job, or a file is missing or cannot be copied; the others were.
        """
        job = await self.scheduler.get_job(job_id, False)  # noqa: FBT003 - jupyter-scheduler's own parameter
        target = Path(self.scheduler.get_local_output_path(model=job))
        again = str(redownload or "").lower() not in _NO
        await cancellable(partial(_download, self.scheduler.staging, job, target, again=again))


def _download(
    staging: Staging, job: DescribeJob, target: Path, *, again: bool, cancelled: threading.Event | None = None
) -> None:
    source, course = staging.folder(job.job_id), staging.course(cancelled)
    missing = []
    for copy in _copies(job, source, target):
        if not again and copy.is_done():
            continue
        if not _is_inside(copy.source, source):
            missing += [copy.source.name] if copy.is_wanted else []
            continue
        copy_whole(Path(os.path.realpath(copy.source)), copy.target, course=course)
    if missing:
        raise _missing(job, missing)


def _copies(job: DescribeJob, source: Path, target: Path) -> Iterator[_Copy]:
    written = _written(source)
    named, wanted = file_names(job), {"input", *(job.output_formats or ())}
    for name, file in named.items():
        yield _Copy(source / written.get(name, file), target / file, is_wanted=name in wanted)
    if source.is_dir():  # without an input folder there is what the notebook wrote beside itself
        taken = {*file_names(job, all_made=True).values(), *written.values()}
        for relative in side_files(source):
            if relative not in taken:
                yield _Copy(source / relative, target / relative)


def _written(folder: Path) -> dict[str, str]:
    """Return what the outputs are called in the staging area, as the job's pod says.

    The names of a job hold the time of creation in the lab's time zone, so they can be others if that has changed. A
    pod that runs, or was killed, has only said how it would call them.
    """
    found = read_outcome(folder)
    return {**found.job.output_files, **found.outputs} if found else {}


def _is_inside(path: Path, folder: Path) -> bool:
    """Return whether a path is a regular file that, links followed, is in the job's folder."""
    real = os.path.realpath(path)
    return os.path.isfile(real) and real.startswith(os.path.realpath(folder) + os.sep)  # noqa: PTH113 - a text


def _missing(job: DescribeJob, names: list[str]) -> FilesError:
    ended = Status(job.status).is_terminal
    hint = "The job's status message says why it was not written" if ended else "The job has not ended yet"
    what = "file is" if len(names) == 1 else "files are"
    return FilesError(f"The {what} not in the staging area: {', '.join(names)}", hint=hint)
