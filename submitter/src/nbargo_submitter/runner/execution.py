"""Running the notebook with papermill."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .errors import RunError
from .files import literal
from .packages import load
from .run import LOG, Run
from .texts import clean

if TYPE_CHECKING:
    from pathlib import Path

START_TIMEOUT = 300  # seconds until a kernel must answer: from a cold network volume it needs minutes


def execute(run: Run, executed: Path) -> None:
    """Run the notebook with papermill; raises RunError."""
    if run.problem:
        raise RunError("InputError", run.problem)
    papermill = load("papermill")
    try:
        metadata = json.loads(run.input.read_text(encoding="utf-8")).get("metadata", {})
        kernel, language = find_kernel(run.kernel, metadata)
        papermill.execute_notebook(
            literal(run.input),
            literal(executed),
            parameters=run.parameters,
            kernel_name=kernel,
            language=language,
            cwd=str(run.directory),
            log_output=True,
            progress_bar=False,
            start_timeout=START_TIMEOUT,
        )
    except RunError:
        raise
    except papermill.PapermillExecutionError as error:
        LOG.info("%s", clean("\n".join(error.traceback)))
        raise RunError(error.ename, error.evalue, error.exec_count) from error
    except Exception as error:
        LOG.info("papermill could not run the notebook", exc_info=True)
        raise RunError(type(error).__name__, str(error)) from error


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
        raise RunError("NoSuchKernel", message) from error
    own = None if chosen else metadata.get("language_info", {}).get("name") or spec.get("language")
    return name, own or found.language
