"""How a scheduled run begins: it makes an ordinary job of what all runs of a definition are given.

Its job has a run template (nbargo_shared.run) for a record, the staging area for a directory, and one more member:
source, the folder with the definition's files. NBARGO_CREATED is the Workflow's creationTimestamp in seconds. The files
are copied into the run's own directory, so that the run keeps its input as it was when it started.
"""

from __future__ import annotations

import os
import shutil
import time
from typing import Any


def begin(job: dict[str, Any], workflow_uid: str, created: int) -> dict[str, Any]:
    """Return the job of one run; its member problem says why it cannot run, if anything went wrong."""
    directory = os.path.join(job["directory"], workflow_uid)  # noqa: PTH118 - as below
    record = run_record(job["record"], workflow_uid, created)
    return dict(job, record=record, directory=directory, problem=copy_input(job["source"], directory))


def run_record(template: dict[str, Any], uid: str, created: int) -> dict[str, Any]:
    """Return the record of a run, by the rule of nbargo_shared.run."""
    moment = time.gmtime(created)
    half = "AM" if moment.tm_hour < 12 else "PM"  # noqa: PLR2004 - noon; %p would follow the locale
    shown = time.strftime("%Y-%m-%d-%I-%M-%S-", moment) + half
    patterns = template.get("output_files", {})
    names = {name: shown.join(pattern.rsplit("{time}", 1)) for name, pattern in patterns.items()}
    own = {"job_id": uid, "create_time": created * 1000}
    return dict(template, output_files=names, **own)


def copy_input(source: str, directory: str) -> str | None:
    """Copy the definition's files into the run's own directory; return what went wrong, if anything did.

    After a failure the directory is there all the same, for the outcome, unless the definition was deleted. A retry of
    the run finds the directory there already, with the input that its first attempt had.
    """
    if os.path.lexists(directory):
        return None
    part = os.path.join(os.path.dirname(directory), "." + os.path.basename(directory) + ".part")  # noqa: PTH118, PTH119, PTH120 - copytree's kind of path
    try:
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(source, part, symlinks=True)
        os.stat(source)  # noqa: PTH116 - as above: of a definition that was deleted meanwhile, no run is to be left
        os.rename(part, directory)  # noqa: PTH104 - as above
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        if os.path.isdir(os.path.dirname(source)):  # noqa: PTH112, PTH120 - as above
            os.makedirs(directory, exist_ok=True)  # noqa: PTH103 - as above
        return "the files of the job definition could not be copied: " + str(error)
    return None
