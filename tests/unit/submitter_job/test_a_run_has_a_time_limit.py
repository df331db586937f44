"""A run that takes longer than its limit is ended by the runner itself, and keeps what it had."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from nbargo_shared.outcome import State
from nbargo_submitter.runner.limit import spoken

MakeJob = Callable[..., Any]  # conftest's Job

STUBBORN = """
import os, signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(['sleep', '1000'])
open('pids', 'w').write(f'{os.getpid()} {child.pid}')
print('in the middle', flush=True)
while True:
    try:
        time.sleep(1000)
    except BaseException as error:
        print('swallowed', error)
"""


def test_a_notebook_that_swallows_every_interrupt_is_ended(make_job: MakeJob) -> None:
    job = make_job(formats=("html",), members={"timeout": 20})
    job.write("print('so far')", STUBBORN, "print('never')")

    status, printed = job.run()

    assert status == 1, printed
    left = job.outcome()
    assert left.state is State.FAILED
    assert str(left.error) == "TimeoutError: the run took longer than its limit of 20 seconds (cell 2)"
    assert set(left.outputs) == {"ipynb", "html", "log"}
    outputs = [output.text for cell in job.notebook().cells for output in cell.outputs]
    assert outputs[:1] == ["so far\n"]
    assert outputs[1].startswith("in the middle\n")
    assert "never" not in "".join(outputs)
    assert "so far" in (job.directory / "input-2026.html").read_text()
    pids = [int(pid) for pid in (job.directory / "pids").read_text().split()]
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)
    assert job.log().splitlines()[-1].endswith("its limit of 20 seconds (cell 2)")


def test_a_kernel_that_does_not_start_in_time_is_ended(make_job: MakeJob) -> None:
    job = make_job(formats=("ipynb",), members={"timeout": 1})
    spec = Path(job.environ["JUPYTER_PATH"], "kernels", "mute")
    spec.mkdir(parents=True)
    argv = [sys.executable, "-c", "import time; time.sleep(1000)", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "language": "python", "display_name": "mute"}))
    job.write("print('never')", kernel="mute")
    status, _ = job.run()
    assert (status, str(job.outcome().error)) == (1, "TimeoutError: the run took longer than its limit of 1 second")


def test_a_run_within_its_limit_does_not_wait_for_it(make_job: MakeJob) -> None:
    job = make_job(formats=("ipynb",), members={"timeout": 3600})
    job.write("1")
    before = time.monotonic()
    assert job.run()[0] == 0
    assert time.monotonic() - before < 50
    assert job.outcome().state is State.COMPLETED


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (45, "45 seconds"),
        (1, "1 second"),
        (60, "1 minute"),
        (90, "90 seconds"),
        (5400, "90 minutes"),
        (7200, "2 hours"),
        (3600, "1 hour"),
        (0.5, "0.5 seconds"),
    ],
)
def test_a_limit_is_said_as_people_say_it(seconds: float, text: str) -> None:
    assert spoken(seconds) == text
