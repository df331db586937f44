"""From the environment to the exit status: what happens in which order, and what a signal does to it."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from . import reasons
from .conversion import convert
from .credentials import take_secrets
from .errors import Interrupted, RunError
from .execution import execute
from .log import Lines, Log
from .processes import end_processes
from .run import LOG, Run
from .start import begin

END_TIMEOUT = 5  # seconds after SIGTERM until the runner ends whatever it is doing; a pod has 30
INTERRUPTED = 128 + signal.SIGTERM
TERMINATION_LOG = Path("/dev/termination-log")  # terminationMessagePath, if it is not set
MAX_TERMINATION = 4096  # bytes that the kubelet takes


def main() -> int:
    """Run the job of the environment and return the exit status."""
    lines = Lines()
    logging.basicConfig(handlers=[lines], format="%(message)s")
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
        run.printed = lines.log = Log(run.log)
        run.write_outcome("running")
        perform(run, run.printed)
        ignore_signals()  # from here on the result stands
    except Interrupted:
        pass
    except OSError as error:
        run.fail(reasons.of_volume(run, error))
    return finish(run)


def read_job() -> tuple[dict[str, Any], str]:
    """Return the job and the Workflow's uid; raises KeyError, TypeError or ValueError."""
    # Taken out of the environment: the notebook has its parameters in a cell.
    job = json.loads(base64.b64decode(os.environ.pop("NBARGO_JOB")))
    workflow_uid = os.environ["NBARGO_WORKFLOW_UID"]
    if "source" in job:
        job = begin(job, workflow_uid, int(os.environ.pop("NBARGO_CREATED")))
    job["secrets"] = take_secrets(job.get("notify", {}))
    job["attempt"] = int(os.environ.pop("NBARGO_ATTEMPT", "0")) + 1
    return job, workflow_uid


def perform(run: Run, log: Log) -> None:
    """Run the notebook and make every format, whether or not a cell failed."""
    if run.attempts > 1:
        LOG.info("Attempt %d of %d", run.attempt, run.attempts)
    names = ", ".join(run.parameters) or "none"
    LOG.info("Job %s: running %s; parameters: %s", run.record["job_id"], run.input.name, names)
    try:
        execute(run, log)
    except RunError as error:
        run.fail(error)
    if not run.executed.is_file():
        return
    for name, file_name in run.formats.items():
        if name not in {"ipynb", "log"}:
            try:
                convert(run, name, file_name)
            except Exception as error:  # noqa: BLE001 - an exporter may raise anything; the others are still made
                run.fail(reasons.of_format(run, name, error))


def finish(run: Run) -> int:
    """End what is left of the run, write its outcome, and return the exit status."""
    ignore_signals()
    end_processes()
    if run.scratch:
        shutil.rmtree(run.scratch, ignore_errors=True)
    try:
        with contextlib.suppress(OSError):
            run.keep()
        run.write_outcome(run.state)
    except OSError as error:
        run.fail(reasons.of_volume(run, error))
        LOG.error("The outcome could not be written: %s", error)
        tell_kubelet(str(run.error or "ended early"))
    LOG.info("Job %s: %s%s", run.record["job_id"], run.state, f": {run.error}" if run.error else "")
    signal.alarm(0)  # telling has a time limit of its own
    tell_people(run)
    if run.printed:
        run.printed.close()
    return INTERRUPTED if run.interrupted else 1 if run.error else 0


def tell_people(run: Run) -> None:
    """Tell whom the job names that it has ended; whatever goes wrong with that, it has ended as it has."""
    if run.notify:
        try:
            from .notify import tell  # noqa: PLC0415 - most jobs tell nobody, and start sooner without it

            tell(run)
        except Exception as error:  # noqa: BLE001 - such as a Python in the image that lacks ssl
            LOG.error("Nobody could be notified: %r", error)


def tell_kubelet(message: str) -> None:
    """Leave a message where Kubernetes looks for one: it becomes part of Argo's, if nothing else can be written."""
    if TERMINATION_LOG.exists():
        with contextlib.suppress(OSError):
            TERMINATION_LOG.write_bytes(message.encode("utf-8", "replace")[:MAX_TERMINATION])


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
