"""Whatever goes wrong in a pod is said in a sentence that a person can act on."""

import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nbargo_submitter.runner import __main__ as program
from nbargo_submitter.runner import execution, memory, reasons
from nbargo_submitter.runner.errors import RunError
from nbargo_submitter.runner.run import Run

MakeJob = Callable[..., Any]  # conftest's Job
limit_of, kills_of = memory.limit, memory.kills

WITHOUT = """
import importlib.abc, sys
class Without(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "{package}":
            raise ModuleNotFoundError(f"No module named '{package}'", name=name)
sys.meta_path.insert(0, Without())
"""


def make_run(directory: Path) -> Run:
    record = {"job_id": "a-job", "input_filename": "input.ipynb"}
    return Run({"record": record, "directory": str(directory), "parameters": {}, "kernel": None}, "a-uid")


def without(job: Any, package: str) -> None:
    """Let the runner's own process find no such package."""
    job.script.write_text(WITHOUT.replace("{package}", package) + job.script.read_text())


def install_kernel(job: Any, name: str, arguments: list[str]) -> None:
    spec = Path(job.environ["JUPYTER_PATH"], "kernels", name)
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(json.dumps({"argv": arguments, "language": "python", "display_name": name}))


def reason(job: Any) -> str:
    status, printed = job.run()
    assert status == 1, printed
    text = str(job.outcome().error)
    assert f"failed: {text}" in job.log()
    return text


def test_a_missing_nbconvert_is_said_with_the_package_to_add(make_job: MakeJob) -> None:
    job = make_job(formats=("ipynb", "html"))
    job.write("1")
    without(job, "nbconvert")
    assert reason(job) == (
        "ModuleNotFoundError: the format html could not be made: "
        "nbconvert is not installed in this environment: add the package nbconvert"
    )
    assert set(job.outcome().outputs) == {"ipynb", "log"}


def test_a_missing_ipykernel_is_said_with_the_package_to_add(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoKernels:
        def get_kernel_spec(self, name: str) -> Any:
            raise kernelspec.NoSuchKernel(name)

        def find_kernel_specs(self) -> dict[str, str]:
            return {}

    from jupyter_client import kernelspec  # noqa: PLC0415 - what the runner imports too

    monkeypatch.setattr(kernelspec, "KernelSpecManager", NoKernels)
    with pytest.raises(RunError) as caught:
        execution.find_kernel("python3", {})
    assert str(caught.value) == (
        "NoSuchKernel: ipykernel is not installed in this environment: add the package ipykernel"
    )


def test_a_kernel_whose_environment_has_no_ipykernel_is_said(make_job: MakeJob) -> None:
    job = make_job()
    install_kernel(job, "bare", [sys.executable, "-S", "-m", "ipykernel_launcher", "-f", "{connection_file}"])
    job.write("1", kernel="bare")
    assert reason(job) == (
        "DeadKernelError: the kernel bare ended while it started: "
        "ipykernel is not installed in its environment: add the package ipykernel"
    )


def test_a_kernel_that_ends_at_once_is_said(make_job: MakeJob) -> None:
    job = make_job()
    install_kernel(job, "short", [sys.executable, "-c", "print('no licence')", "{connection_file}"])
    job.write("1", kernel="short")
    assert reason(job) == (
        "DeadKernelError: the kernel short ended while it started: the job's log has what it printed"
    )
    assert "no licence" in job.log().splitlines()


def test_a_kernel_whose_program_is_not_there_is_said(make_job: MakeJob) -> None:
    job = make_job()
    install_kernel(job, "gone", ["/opt/gone/bin/R", "{connection_file}"])
    job.write("1", kernel="gone")
    assert reason(job) == (
        "FileNotFoundError: the kernel gone cannot be started: No such file or directory: /opt/gone/bin/R"
    )


def test_a_kernel_that_dies_is_said_with_the_cell_and_the_limit_of_memory(make_job: MakeJob) -> None:
    job = make_job(formats=("ipynb",))
    job.write("print('so far')", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    limit = memory.limit()
    allowed = f"the limit is {memory.shown(limit)}" if limit else "there is no limit but the node's"
    assert reason(job) == (f"DeadKernelError: the kernel died, most often because memory ran out ({allowed}) (cell 2)")
    assert job.notebook().cells[0].outputs[0].text == "so far\n"


@pytest.mark.parametrize("version", [1, 2])
def test_a_kernel_that_the_memory_limit_ended_is_said_with_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    files = {
        1: ("memory/memory.limit_in_bytes", "memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n"),
        2: ("memory.max", "memory.events", "low 0\nhigh 0\nmax 31\noom 1\n"),
    }
    limit, events, before = files[version]
    (tmp_path / "memory").mkdir()
    (tmp_path / limit).write_text(f"{512 * 1024 * 1024}\n")
    (tmp_path / events).write_text(f"{before}oom_kill 1\n")
    died = type("DeadKernelError", (RuntimeError,), {})("Kernel died")
    monkeypatch.setattr(memory, "limit", lambda: limit_of(tmp_path))
    monkeypatch.setattr(memory, "kills", lambda: kills_of(tmp_path))

    def told(kills: int) -> str:
        return str(reasons.of_papermill(make_run(tmp_path), died, kernel="python3", kills=kills, recent=[]))

    assert told(0) == "MemoryError: the notebook ran out of memory: its limit is 512 MiB"
    assert told(1) == "DeadKernelError: the kernel died, most often because memory ran out (the limit is 512 MiB)"


def test_no_limit_is_no_limit(tmp_path: Path) -> None:
    assert (memory.limit(tmp_path), memory.kills(tmp_path)) == (None, 0)
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.limit(tmp_path) is None
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory/memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert memory.limit(tmp_path) is None
    assert [memory.shown(size) for size in (4 << 30, 1536 << 20, 500_000_000)] == ["4 GiB", "1536 MiB", "477 MiB"]


def test_a_notebook_that_is_gone_is_said(make_job: MakeJob) -> None:
    job = make_job()
    assert reason(job) == (
        "FileNotFoundError: the notebook input.ipynb is not in the job's directory any more: submit the job again"
    )
    assert set(job.outcome().outputs) == {"log"}


def test_a_file_that_is_no_notebook_is_said(make_job: MakeJob) -> None:
    job = make_job()
    (job.directory / "input.ipynb").write_text("# a script\n")
    assert reason(job).startswith("JSONDecodeError: the file input.ipynb is not a notebook: Expecting value: line 1")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.ENOSPC, "the volume is full: make room on it, or ask the administrator for a larger one"),
        (errno.EDQUOT, "your quota on the volume is used up: make room on it, or ask the administrator for more"),
        (errno.EROFS, "the volume is read-only in the job's pod: ask the administrator to mount it writable"),
        (errno.EIO, "the volume does not work (input/output error): ask the administrator to look at it"),
    ],
)
def test_a_volume_that_takes_nothing_is_said(tmp_path: Path, number: int, text: str) -> None:
    error = OSError(number, os.strerror(number), str(tmp_path / "output.ipynb"))
    sentence = f"OSError: the job's files cannot be written: {text}"
    assert str(reasons.of_volume(make_run(tmp_path), error)) == sentence
    by_papermill = reasons.of_papermill(make_run(tmp_path), error, kernel="python3", kills=0, recent=[])
    assert str(by_papermill) == sentence


def test_a_volume_that_is_not_mounted_is_said_even_where_nothing_can_be_written(
    make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job()
    (job.directory).rmdir()
    status, printed = job.run()
    text = (
        f"FileNotFoundError: the job's files cannot be written: {job.directory} is not there: "
        "the job was deleted, or its volume is not mounted there in the job's pod"
    )
    assert status == 1
    assert text in printed.splitlines()

    run = make_run(job.directory)
    run.error = RunError("A", "reason")
    monkeypatch.setattr(program, "TERMINATION_LOG", tmp_path / "termination-log")
    program.tell_kubelet("to nobody")
    assert not (tmp_path / "termination-log").exists()
    (tmp_path / "termination-log").touch()
    program.tell_kubelet(text)
    assert (tmp_path / "termination-log").read_text() == text


def test_a_directory_of_somebody_else_is_said(tmp_path: Path) -> None:
    error = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "outcome.json"))
    assert str(reasons.of_volume(make_run(tmp_path), error)) == (
        f"PermissionError: the job's files cannot be written: the job's pod runs as user {os.getuid()}, "
        f"and {tmp_path} belongs to user {os.getuid()}: ask the administrator"
    )
