"""One job, what has become of it so far, and the outcome file that tells it."""

from __future__ import annotations

import heapq
import json
import logging
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import TEMPORARY, walk, write_whole
from .texts import is_unicode

if TYPE_CHECKING:
    from .errors import RunError

LOG = logging.getLogger("nbargo")
OUTCOME = "outcome.json"
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


def milliseconds() -> int:
    """Return the time now, in milliseconds since 1970."""
    return int(time.time() * 1000)
