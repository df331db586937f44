"""The program of a job's pod: runs the notebook, converts it, and leaves outcome.json behind.

Its text is the source of the Workflow's script template, so it is one file that needs nothing of nbargo: the standard
library, papermill, and nbconvert for formats other than ipynb, all of which are the user's image's. It keeps to the
syntax of Python 3.8, because images are often older than the lab, and it must not contain two opening braces in a row,
which Argo would take for one of its own variables.

It reads two environment variables: NBARGO_JOB, base64 of a JSON object with the members record (as
nbargo_shared.record writes it), directory (the job's own, absolute), parameters (JSON values by name) and kernel (a
name, or null for the notebook's own), and problem where there is one: why the run cannot begin; and
NBARGO_WORKFLOW_UID. It ends with 0 (completed), 1 (failed), 2 (started wrongly) or 143 (told to end).
"""

from __future__ import annotations

import base64
import contextlib
import heapq
import importlib
import json
import logging
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NoReturn

LOG = logging.getLogger("nbargo")
OUTCOME = "outcome.json"
TEMPORARY = ".nbargo.part"
MAX_OUTCOME = 192 * 1024  # as nbargo_shared.outcome: MAX_BYTES, MAX_FILES, and the limits of its fields
MAX_FILES = 500
MAX_PATH = 4096
MAX_MESSAGE = 16000
MAX_NAME = 256
START_TIMEOUT = 300  # seconds until a kernel must answer: from a cold network volume it needs minutes
TERM_TIMEOUT = 2.0  # seconds between SIGTERM and SIGKILL for what the runner started
END_TIMEOUT = 5  # seconds after SIGTERM until the runner ends whatever it is doing; a pod has 30
INTERRUPTED = 128 + signal.SIGTERM
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BYPRODUCTS = ("__pycache__", ".ipynb_checkpoints")


class RunError(Exception):
    """Why the run failed: the exception's name, its text, and the number of the cell if one failed."""

    def __init__(self, name: str, message: str, cell: int | None = None) -> None:
        super().__init__(name, message, cell)
        self.name = clean(name)[:MAX_NAME] or "Error"
        text = clean(message)
        self.message = text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"
        self.cell = cell

    def __str__(self) -> str:
        text = f"{self.name}: {self.message}" if self.message else self.name
        return text if self.cell is None else f"{text} (cell {self.cell})"


class Interrupted(SystemExit):
    """The pod was told to end; a SystemExit, because asyncio lets no other exception of ours through a task."""


class Run:
    """One job and what has become of it so far."""

    def __init__(self, job: dict[str, Any], workflow_uid: str) -> None:
        self.record: dict[str, Any] = job["record"]
        self.directory = Path(job["directory"])
        self.parameters: dict[str, Any] = job["parameters"]
        self.kernel: str | None = job["kernel"]
        self.problem: str | None = job.get("problem")
        self.workflow_uid = workflow_uid
        self.started_at = milliseconds()
        self.formats: dict[str, str] = {
            name: self.record["output_files"][name] for name in self.record.get("output_formats", [])
        }
        self.input = self.directory / self.record["input_filename"]
        self.scratch: str | None = None
        self.outputs: dict[str, str] = {}
        self.companions: set[str] = set()
        self.error: RunError | None = None
        self.interrupted = False

    def executed(self) -> Path:
        """Return where the executed notebook goes: out of the user's sight if it was not asked for."""
        if "ipynb" in self.formats:
            return self.directory / self.formats["ipynb"]
        return Path(tempfile.gettempdir(), "executed.ipynb")

    def fail(self, error: RunError) -> None:
        """Keep the first reason: what comes after it, or after an interruption, is mostly its consequence."""
        if not self.interrupted:
            LOG.error("%s", error)
            self.error = self.error or error

    def write_outcome(self, state: str) -> None:
        """Write outcome.json; raises OSError, and never makes the directory again."""
        ended = state != "running"
        files, omitted = self._files() if ended else ([], 0)
        data = self._encode(state, files, omitted)
        while len(data) > MAX_OUTCOME and files:
            kept = len(files) // 2
            files, omitted = files[:kept], omitted + len(files) - kept
            data = self._encode(state, files, omitted)
        write_whole(self.directory / OUTCOME, data)

    def _encode(self, state: str, files: list[str], omitted: int) -> bytes:
        error = self.error
        outcome = {
            "version": 1,
            "job_id": self.record["job_id"],
            "workflow_uid": self.workflow_uid,
            "state": state,
            "started_at": self.started_at,
            "ended_at": None if state == "running" else milliseconds(),
            "error": error and {"name": error.name, "message": error.message, "cell": error.cell},
            "outputs": self.outputs,
            "files": files,
            "files_omitted": omitted,
            "job": self.record,
        }
        return json.dumps(outcome, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")

    def _files(self) -> tuple[list[str], int]:
        """Return the first other files of the directory in order, and how many more there are."""
        paths = self.companions
        if self.record.get("package_input_folder"):
            own = {self.input.name, OUTCOME, TEMPORARY, *self.formats.values()}
            paths = {path for path in walk(self.directory) if path not in own}
        usable = [path for path in paths if len(path) <= MAX_PATH and "\\" not in path and is_unicode(path)]
        first = heapq.nsmallest(MAX_FILES, usable)
        return first, len(paths) - len(first)


def main() -> int:
    """Run the job of the environment and return the exit status."""
    handler = logging.StreamHandler(open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False))  # noqa: SIM115 - stdout for as long as the process lives
    logging.basicConfig(format="%(message)s", handlers=[handler])
    LOG.setLevel(logging.INFO)
    logging.getLogger("papermill").setLevel(logging.INFO)
    try:
        # Taken out of the environment: the notebook has its parameters in a cell.
        run = Run(json.loads(base64.b64decode(os.environ.pop("NBARGO_JOB"))), os.environ["NBARGO_WORKFLOW_UID"])
    except (KeyError, TypeError, ValueError) as error:
        LOG.error("NBARGO_JOB and NBARGO_WORKFLOW_UID do not hold a job: %r", error)  # noqa: TRY400 - one line is enough
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


def convert(run: Run, executed: Path, name: str, file_name: str) -> None:
    """Write one format beside the notebook, with the files that it refers to."""
    exporter = load("nbconvert").get_exporter(name)()
    notebook = load("nbformat").read(str(executed), as_version=4)
    resources = {"metadata": {"name": run.input.stem}, "output_files_dir": f"{Path(file_name).stem}_files"}
    content, resources = exporter.from_notebook_node(notebook, resources)
    for path, data in (resources.get("outputs") or {}).items():
        target = run.directory / path
        target.parent.mkdir(exist_ok=True)  # one level, so the job's directory is never made again
        write_whole(target, data)
        run.companions.add(path)
    write_whole(run.directory / file_name, content if isinstance(content, bytes) else content.encode("utf-8"))
    run.outputs[name] = file_name
    LOG.info("Wrote %s: %s", name, file_name)


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
        LOG.error("The outcome could not be written: %s", error)  # noqa: TRY400 - one line is enough
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


def end_processes() -> None:
    """End every process below this one: kernels have sessions of their own, so no signal to a group finds them."""
    victims = descendants()
    send(victims, signal.SIGTERM)
    deadline = time.monotonic() + TERM_TIMEOUT
    while any(alive(pid) for pid in victims) and time.monotonic() < deadline:
        time.sleep(0.02)
    send([pid for pid in victims if alive(pid)] + descendants(), signal.SIGKILL)


def descendants() -> list[int]:
    """Return the living processes below this one; none where there is no /proc."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else ():  # noqa: PTH112, PTH208 - called in a signal handler
        if entry.isdigit():
            state, parent = stat(int(entry))
            if state not in "ZX":
                children.setdefault(parent, []).append(int(entry))
    found: list[int] = []
    level = [os.getpid()]
    while level:
        level = [child for parent in level for child in children.get(parent, ())]
        found += level
    return found


def stat(pid: int) -> tuple[str, int]:
    """Return a process's state and its parent, or X (dead) if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return "X", 0
    return fields[0].decode(), int(fields[1])


def alive(pid: int) -> bool:
    """Return whether a process still runs; a zombie does not."""
    return stat(pid)[0] not in "ZX"


def send(pids: list[int], number: int) -> None:
    """Send a signal to processes that may have ended already."""
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, number)


def load(name: str) -> Any:
    """Import a module of the user's image; raises RunError naming the package to add."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        if error.name == package:
            message = f"{package} is not installed in this environment: add the package {package}"
            raise RunError("ModuleNotFoundError", message) from error
        raise RunError(type(error).__name__, f"{package} cannot be imported: {error}") from error


def walk(directory: Path) -> list[str]:
    """Return the regular files below a directory, as relative paths."""
    found = []
    for root, folders, names in os.walk(str(directory)):
        folders[:] = [folder for folder in folders if folder not in _BYPRODUCTS]
        paths = [Path(root, name) for name in names]
        found += [str(path.relative_to(directory)) for path in paths if path.is_file()]
    return found


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader finds it whole or not at all; raises OSError if its directory is gone."""
    temporary = path.parent / TEMPORARY
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        if temporary.exists():
            temporary.unlink()
        raise


def literal(path: Path) -> str:
    """Return a path for papermill, which takes braces in it for its parameters."""
    return re.sub(r"([{}])", r"\1\1", str(path))


def clean(text: Any) -> str:
    """Return a text without terminal escapes, control characters and what is not Unicode."""
    plain = _CONTROLS.sub("", _ESCAPES.sub("", str(text)))
    return plain.encode("utf-8", "replace").decode("utf-8").strip()


def is_unicode(text: str) -> bool:
    """Return whether a file name can be written as UTF-8."""
    return clean(text) == text


def milliseconds() -> int:
    """Return the time now, in milliseconds since 1970."""
    return int(time.time() * 1000)


if __name__ == "__main__":
    sys.exit(main())
