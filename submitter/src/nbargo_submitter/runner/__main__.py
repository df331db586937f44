"""From the environment to the exit status: what happens in which order, and what a signal does to it."""

from __future__ import annotations

import base64
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from typing import Any, NoReturn

from .conversion import convert
from .errors import Interrupted, RunError
from .execution import execute
from .processes import end_processes
from .run import LOG, Run
from .start import begin

END_TIMEOUT = 5  # seconds after SIGTERM until the runner ends whatever it is doing; a pod has 30
INTERRUPTED = 128 + signal.SIGTERM


def main() -> int:
    """Run the job of the environment and return the exit status."""
    handler = logging.StreamHandler(open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False))  # noqa: SIM115 - stdout for as long as the process lives
    logging.basicConfig(format="%(message)s", handlers=[handler])
    LOG.setLevel(logging.INFO)
    logging.getLogger("papermill").setLevel(logging.INFO)
    try:
        run = Run(*read_job())
    except (KeyError, TypeError, ValueError) as error:
        LOG.error("NBARGO_JOB and NBARGO_WORKFLOW_UID do not hold a job: %r", error)
        return 2
    try:
        listen(run)
        # This process's only, not the kernel's: what it and its libraries leave there goes with it.
        run.scratch = tempfile.tempdir = tempfile.mkdtemp(prefix="nbargo-")
        run.write_outcome("running")
        perform(run)
        ignore_signals()  # from here on the result stands
    except Interrupted:
        pass
    except OSError as error:
        run.fail(RunError(type(error).__name__, f"the job's files cannot be written: {error}"))
    return finish(run)


def read_job() -> tuple[dict[str, Any], str]:
    """Return the job and the Workflow's uid; raises KeyError, TypeError or ValueError."""
    # Taken out of the environment: the notebook has its parameters in a cell.
    job = json.loads(base64.b64decode(os.environ.pop("NBARGO_JOB")))
    workflow_uid = os.environ["NBARGO_WORKFLOW_UID"]
    if "source" in job:
        job = begin(job, workflow_uid, int(os.environ.pop("NBARGO_CREATED")))
    return job, workflow_uid


def perform(run: Run) -> None:
    """Run the notebook and make every format, whether or not a cell failed."""
    names = ", ".join(run.parameters) or "none"
    LOG.info("Job %s: running %s; parameters: %s", run.record["job_id"], run.input.name, names)
    executed = run.executed()
    try:
        execute(run, executed)
    except RunError as error:
        run.fail(error)
    finally:
        if "ipynb" in run.formats and executed.is_file():
            run.outputs["ipynb"] = executed.name
    if not executed.is_file():
        return
    for name, file_name in run.formats.items():
        if name != "ipynb":
            try:
                convert(run, executed, name, file_name)
            except Exception as error:  # noqa: BLE001 - an exporter may raise anything; the others are still made
                reason = str(error) or type(error).__name__
                run.fail(RunError(type(error).__name__, f"the format {name} could not be made: {reason}"))


def finish(run: Run) -> int:
    """End what is left of the run, write its outcome, and return the exit status."""
    ignore_signals()
    end_processes()
    if run.scratch:
        shutil.rmtree(run.scratch, ignore_errors=True)
    state = "interrupted" if run.interrupted else "failed" if run.error else "completed"
    try:
        run.write_outcome(state)
    except OSError as error:
        LOG.error("The outcome could not be written: %s", error)
    LOG.info("Job %s: %s%s", run.record["job_id"], state, f": {run.error}" if run.error else "")
    return INTERRUPTED if run.interrupted else 1 if run.error else 0


def listen(run: Run) -> None:
    """End the run cleanly on SIGTERM, and in END_TIMEOUT seconds whatever happens."""

    def interrupt(_number: int, _frame: Any) -> NoReturn:
        ignore_signals()
        run.interrupted = True
        LOG.info("Told to end: stopping the kernel")
        signal.signal(signal.SIGALRM, give_up)
        signal.alarm(END_TIMEOUT)
        end_processes()
        raise Interrupted(INTERRUPTED)

    def give_up(_number: int, _frame: Any) -> None:
        os._exit(finish(run))

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interrupt)


def ignore_signals() -> None:
    """Let nothing interrupt the end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
