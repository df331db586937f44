"""Running the notebook with papermill."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from . import memory, reasons
from .errors import RunError
from .files import literal
from .limit import Limit, spoken
from .packages import load
from .run import LOG, Run
from .texts import clean

if TYPE_CHECKING:
    from .log import Log

STARTS = 3  # of a kernel whose port another program took
START_TIMEOUT = 300  # seconds until a kernel must answer: from a cold network volume it needs minutes
NATIVE = "python3"  # what ipykernel calls the environment's own kernel


def execute(run: Run, log: Log) -> None:
    """Run the notebook with papermill, within the time limit; raises RunError."""
    if run.problem:
        raise RunError("InputError", run.problem)
    papermill = load("papermill")
    kernel, language = find_kernel(run.kernel, read_metadata(run))
    kills = memory.kills()
    limit = Limit(run.timeout)
    try:
        with limit:
            run_cells(run, log, kernel_name=kernel, language=language)
    except Exception as error:
        if limit.is_over:
            text = f"the run took longer than its limit of {spoken(limit.seconds or 0)}"
            raise RunError("TimeoutError", text, run.last_cell()) from error
        if isinstance(error, papermill.PapermillExecutionError):
            raise of_cell(error) from error
        LOG.info("papermill could not run the notebook", exc_info=True)
        raise reasons.of_papermill(run, error, kernel=kernel, kills=kills, recent=list(log.recent)) from error


def run_cells(run: Run, log: Log, **kernel: str | None) -> None:
    """Start a kernel and run all cells; raises what papermill raises.

    jupyter_client draws a kernel's ports some time before the kernel binds them. Where pods share a network (on one
    machine, or with hostNetwork) another kernel may take one meanwhile, and this one ends:
    https://github.com/jupyter/jupyter_client/issues/487.
    """
    papermill = load("papermill")
    for start in range(1, STARTS + 1):
        try:
            papermill.execute_notebook(
                literal(run.input),
                literal(run.executed),
                parameters=run.parameters,
                cwd=str(run.directory),
                log_output=True,
                progress_bar=False,
                start_timeout=START_TIMEOUT,
                **kernel,
            )
        except RuntimeError as error:
            if start == STARTS or not reasons.is_port_taken(error, list(log.recent)):
                raise
            LOG.info("Another program took a port of the kernel, which is started again")
        else:
            return


def of_cell(error: Any) -> RunError:
    """Return what papermill's PapermillExecutionError says of a cell, and write its traceback into the log."""
    LOG.info("%s", clean("\n".join(error.traceback)))
    return RunError(error.ename, error.evalue, error.exec_count)


def read_metadata(run: Run) -> dict[str, Any]:
    """Return the notebook's metadata; raises RunError if the file is no notebook."""
    try:
        notebook = json.loads(run.input.read_text(encoding="utf-8"))
        metadata: dict[str, Any] = notebook.get("metadata", {})
    except (OSError, ValueError, AttributeError) as error:
        raise reasons.of_input(run, error) from error
    return metadata


def find_kernel(chosen: str | None, metadata: dict[str, Any]) -> tuple[str, str | None]:
    """Return the kernel's name and its language, which papermill needs to write parameters; raises RunError."""
    spec = metadata.get("kernelspec", {})
    name = chosen or spec.get("name")
    if not name:
        raise RunError("NoSuchKernel", "the notebook names no kernel: open it, choose a kernel, and save it")
    kernelspec = load("jupyter_client.kernelspec")
    manager = kernelspec.KernelSpecManager()
    try:
        found = manager.get_kernel_spec(name)
    except kernelspec.NoSuchKernel as error:
        there = ", ".join(sorted(manager.find_kernel_specs())) or "none"
        message = f"the kernel {name} is not in this environment, which has: {there}"
        if name == NATIVE and there == "none":
            message = "ipykernel is not installed in this environment: add the package ipykernel"
        raise RunError("NoSuchKernel", message) from error
    own = None if chosen else metadata.get("language_info", {}).get("name") or spec.get("language")
    return name, own or found.language
