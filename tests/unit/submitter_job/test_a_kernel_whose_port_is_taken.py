"""Kernels that start at the same time may draw the same port; the job does not fail by it."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbargo_submitter.runner.execution import STARTS

MakeJob = Callable[..., Any]  # conftest's Job

UNLUCKY = """
import json, os, socket, sys
from pathlib import Path
from ipykernel.kernelapp import launch_new_instance

starts = Path(sys.argv.pop())
with starts.open("a") as file:
    file.write("x")
if len(starts.read_text()) <= {taken}:
    taker = socket.create_server(("127.0.0.1", json.loads(Path(sys.argv[-1]).read_text())["shell_port"]))
launch_new_instance()
"""


def install(job: Any, starts: Path, *, taken: int) -> None:
    """Install a kernel whose first port is taken as often as that."""
    spec = Path(job.environ["JUPYTER_PATH"], "kernels", "unlucky")
    spec.mkdir(parents=True)
    program = spec / "kernel.py"
    program.write_text(UNLUCKY.replace("{taken}", str(taken)))
    arguments = [sys.executable, str(program), "-f", "{connection_file}", str(starts)]
    (spec / "kernel.json").write_text(json.dumps({"argv": arguments, "language": "python", "display_name": "x"}))


def test_it_is_started_again(make_job: MakeJob, tmp_path: Path) -> None:
    job, starts = make_job(), tmp_path / "starts"
    install(job, starts, taken=STARTS - 1)
    job.write("6 * 7", kernel="unlucky")
    status, printed = job.run()
    assert status == 0, printed
    assert len(starts.read_text()) == STARTS
    assert job.log().count("Another program took a port of the kernel") == STARTS - 1


def test_it_is_not_started_for_ever(make_job: MakeJob, tmp_path: Path) -> None:
    job, starts = make_job(), tmp_path / "starts"
    install(job, starts, taken=100)
    job.write("6 * 7", kernel="unlucky")
    status, _ = job.run()
    assert status == 1
    assert len(starts.read_text()) == STARTS
    assert "the kernel unlucky ended while it started" in str(job.outcome().error)
