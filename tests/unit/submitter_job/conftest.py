"""A job on this machine: a directory with a notebook, and the runner as the pod would start it."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest

from nbargo_shared import outcome
from nbargo_shared.record import JobRecord
from nbargo_submitter.bundle import runner_source

JOB_ID = "0b8ff6a5-9f7c-4f1c-9a0e-3a8e6d1f2c77"
UID = "6f1d3c52-8a3b-4a52-8c3e-d0f0f5b5a111"
SUFFIXES = {"ipynb": "ipynb", "html": "html", "script": "py", "markdown": "md", "log": "log"}
KEPT = ("ipynb", "log")  # made of every run


@dataclass(kw_only=True)
class Job:
    """One job: what it is given, and what it left."""

    directory: Path
    environ: dict[str, str]
    input_filename: str = "input.ipynb"
    formats: tuple[str, ...] = ("ipynb",)
    parameters: dict[str, Any] = field(default_factory=dict)
    kernel: str | None = None
    package_input_folder: bool = False
    arguments: tuple[str, ...] = ()
    members: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.script = self.directory.parent / "script"  # Argo's name: no suffix
        self.script.write_text(runner_source(tells="notify" in self.members), "utf-8")

    @property
    def record(self) -> JobRecord:
        stem = Path(self.input_filename).stem
        return JobRecord(
            job_id=JOB_ID,
            name="a job",
            input_filename=self.input_filename,
            runtime_environment_name="python3",
            create_time=1_700_000_000_000,
            output_formats=self.formats,
            output_files={name: f"{stem}-2026.{SUFFIXES.get(name, name)}" for name in (*self.formats, *KEPT)},
            parameters={name: json.dumps(value) for name, value in self.parameters.items()},
            package_input_folder=self.package_input_folder,
        )

    def write(self, *sources: str, kernel: str | None = "python3", language: str | None = "python") -> None:
        """Write the notebook; the first cell carries the tag `parameters`."""
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        cells[0].metadata["tags"] = ["parameters"]
        metadata: dict[str, Any] = {}
        if kernel:
            metadata["kernelspec"] = {"name": kernel, "display_name": kernel}
        if language:
            metadata["language_info"] = {"name": language}
        notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
        nbformat.write(notebook, self.directory / self.input_filename)

    def start(self) -> subprocess.Popen[str]:
        job = {
            "record": self.record.to_dict(),
            "directory": str(self.directory),
            "parameters": self.parameters,
            "kernel": self.kernel,
            **self.members,
        }
        environ = {
            **self.environ,
            "NBARGO_JOB": base64.b64encode(json.dumps(job).encode()).decode(),
            "NBARGO_WORKFLOW_UID": UID,
        }
        command = [sys.executable, *self.arguments, str(self.script)]
        return subprocess.Popen(
            command, env=environ, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self) -> tuple[int, str]:
        """Run it to its end and return the exit status and what it printed."""
        with self.start() as process:
            try:
                printed, _ = process.communicate(timeout=50)
            finally:
                process.kill()
        return process.returncode, printed

    def outcome(self) -> outcome.Outcome:
        return outcome.parse((self.directory / "outcome.json").read_bytes())

    def notebook(self) -> Any:
        return nbformat.read(self.directory / self.record.output_files["ipynb"], as_version=4)

    def log(self) -> str:
        return (self.directory / self.record.output_files["log"]).read_text(encoding="utf-8")

    def left(self) -> set[str]:
        """Return the names in the job's directory."""
        return {path.name for path in self.directory.iterdir()}


@pytest.fixture
def make_job(tmp_path: Path) -> Iterator[Callable[..., Job]]:
    (tmp_path / "tmp").mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path / "tmp"),
        "JUPYTER_PATH": str(tmp_path / "jupyter"),
        "LANG": "C.UTF-8",
    }

    def make(directory: str = "job", **settings: Any) -> Job:
        (tmp_path / directory).mkdir()
        return Job(directory=tmp_path / directory, environ=environ, **settings)

    yield make
    assert list((tmp_path / "tmp").iterdir()) == [], "nothing stays in the pod's temporary directory"
