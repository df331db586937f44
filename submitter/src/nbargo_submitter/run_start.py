"""How the pod of a scheduled run begins: it makes an ordinary job of what all runs of a definition are given.

Its text stands before the runner's in the script template of a CronWorkflow, under the same rules: the standard library
alone, the syntax of Python 3.8, no two opening braces in a row. It reads NBARGO_JOB, whose record is a run template
(nbargo_shared.run), whose directory is the staging area, and whose member source is the folder with the definition's
files; NBARGO_WORKFLOW_UID; and NBARGO_CREATED, the Workflow's creationTimestamp in seconds. The files are copied into
the run's own directory, so that the run keeps its input as it was when it started.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import time
from typing import Any


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


def begin_run() -> None:
    """Rewrite NBARGO_JOB to what the runner reads."""
    job = json.loads(base64.b64decode(os.environ["NBARGO_JOB"]))
    uid, created = os.environ["NBARGO_WORKFLOW_UID"], int(os.environ.pop("NBARGO_CREATED"))
    job["record"] = run_record(job["record"], uid, created)
    job["directory"] = os.path.join(job["directory"], uid)  # noqa: PTH118 - as above
    job["problem"] = copy_input(job.pop("source"), job["directory"])
    os.environ["NBARGO_JOB"] = base64.b64encode(json.dumps(job).encode()).decode()


if __name__ == "__main__":
    begin_run()
