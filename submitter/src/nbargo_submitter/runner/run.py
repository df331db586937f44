"""One job, what has become of it so far, and the outcome file that tells it."""

from __future__ import annotations

import heapq
import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import TEMPORARY, walk, write_whole
from .texts import is_unicode

if TYPE_CHECKING:
    from .errors import RunError
    from .log import Log

LOG = logging.getLogger("nbargo")
OUTCOME = "outcome.json"
STOP_FILE = ".nbargo.stop"  # as nbargo_shared.labels
MAX_OUTCOME = 192 * 1024  # as nbargo_shared.outcome: MAX_BYTES and MAX_FILES
MAX_FILES = 500
MAX_PATH = 4096


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
        self.timeout: float | None = job.get("timeout")
        self.attempt: int = job.get("attempt", 1)
        self.attempts: int = job.get("attempts", 1)
        self.retry_failures: bool = job.get("retry_failures", False)
        self.notify: dict[str, Any] = job.get("notify", {})
        self.secrets: dict[str, str] = job.get("secrets", {})
        self.input = self.directory / self.record["input_filename"]
        names = self.record.get("output_files", {})
        self.formats: dict[str, str] = {name: names[name] for name in self.record.get("output_formats", [])}
        # These two are always made: a run that fails leaves them, whatever was asked for.
        self.executed = self.directory / names.get("ipynb", f"{self.input.stem}.output.ipynb")
        self.log = self.directory / names.get("log", f"{self.input.stem}.log")
        self.scratch: str | None = None
        self.outputs: dict[str, str] = {}
        self.error: RunError | None = None
        self.interrupted = False
        self.printed: Log | None = None

    @property
    def state(self) -> str:
        """Return how it ended, or would end now."""
        return "interrupted" if self.interrupted else "failed" if self.error else "completed"

    @property
    def will_be_tried_again(self) -> bool:
        """Return whether Argo starts another attempt after such an end."""
        return self.attempt < self.attempts and (self.interrupted or (bool(self.error) and self.retry_failures))

    @property
    def ended_by_user(self) -> bool:
        """Return whether the job's user has stopped or deleted it."""
        return self.interrupted and ((self.directory / STOP_FILE).exists() or not self.directory.is_dir())

    def fail(self, error: RunError) -> None:
        """Keep the first reason: what comes after it, or after an interruption, is mostly its consequence."""
        if not self.interrupted:
            LOG.error("%s", error)
            self.error = self.error or error

    def keep(self) -> None:
        """Name the log, and the notebook as far as it came; a notebook that nobody wants is removed."""
        if self.log.is_file():
            self.outputs["log"] = self.log.name
        if self.state == "completed" and "ipynb" not in self.formats:
            if self.executed.is_file():
                self.executed.unlink()
            return
        if not self.executed.is_file() and self.input.is_file():
            write_whole(self.executed, self.input.read_bytes())
        if self.executed.is_file():
            self.outputs["ipynb"] = self.executed.name

    def last_cell(self) -> int | None:
        """Return the number of the cell that was started last, from the notebook as papermill has left it."""
        try:
            cells = json.loads(self.executed.read_text(encoding="utf-8"))["cells"]
        except (OSError, ValueError, KeyError):
            return None
        started = [cell for cell in cells if cell["metadata"].get("papermill", {}).get("start_time")]
        numbers = [cell.get("execution_count") or 0 for cell in started]
        # A kernel that died at once has not told the cell's number.
        return (numbers[-1] or 1 + max(numbers)) if numbers else None

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
        own = {self.input.name, OUTCOME, STOP_FILE, TEMPORARY, *self.formats.values(), *self.outputs.values()}
        paths = [path for path in walk(self.directory) if path not in own]
        usable = [path for path in paths if len(path) <= MAX_PATH and "\\" not in path and is_unicode(path)]
        first = heapq.nsmallest(MAX_FILES, usable)
        return first, len(paths) - len(first)


def milliseconds() -> int:
    """Return the time now, in milliseconds since 1970."""
    return int(time.time() * 1000)
