"""Every run writes down what it prints, while it happens and within bounds, and a failed one keeps it all."""

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nbargo_shared.outcome import State
from nbargo_submitter.runner import log as runner_log

MakeJob = Callable[..., Any]  # conftest's Job


def wait_for_line(path: Path, line: str) -> None:
    deadline = time.monotonic() + 50
    while not (path.exists() and line in path.read_text(encoding="utf-8").splitlines()):
        assert time.monotonic() < deadline, f"{line!r} is not in the log"
        time.sleep(0.05)


def printed_by(tmp_path: Path, capfd: pytest.CaptureFixture[str], *texts: bytes, head: int, tail: int) -> str:
    """Return what is in the file when some texts were printed; all of them went where they would have gone."""
    log = runner_log.Log(tmp_path / "a.log", head=head, tail=tail)
    try:
        for text in texts:
            os.write(1, text)
    finally:
        log.close()
    assert capfd.readouterr().out.encode() == b"".join(texts)
    return (tmp_path / "a.log").read_text(encoding="utf-8")


def test_the_log_has_every_line_while_the_notebook_runs(make_job: MakeJob) -> None:
    job = make_job(formats=("log",))
    job.write(
        "import subprocess, sys\nprint('a cell')\nprint('a complaint', file=sys.stderr)\n"
        "subprocess.run(['sh', '-c', 'echo a child'], check=True)\n!echo a magic child",
        "import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.05)",
        "print('\\x1b[31mred\\x1b[0m')\n1 / 0",
    )
    with job.start() as process:
        try:
            for line in ("a cell", "a complaint", "a child", "a magic child"):
                wait_for_line(job.directory / "input-2026.log", line)
            assert job.outcome().state is State.RUNNING
            (job.directory / "go").touch()
            printed, _ = process.communicate(timeout=50)
        finally:
            process.kill()

    lines = job.log().splitlines()
    for line in ("a cell", "a child", "a magic child", "red", "ZeroDivisionError: division by zero"):
        assert lines.count(line) == 1, printed
    assert lines[0] == f"Job {job.record.job_id}: running input.ipynb; parameters: none"
    assert lines[-1] == f"Job {job.record.job_id}: failed: ZeroDivisionError: division by zero (cell 3)"
    assert re.sub("\x1b.*?m", "", printed) == job.log(), "the pod's own log is the same"


def test_what_the_kernel_process_itself_prints_is_in_the_log(make_job: MakeJob) -> None:
    job = make_job(formats=("log",))
    job.write("import os, sys\nos.write(sys.stderr.fileno(), b'Segmentation fault\\n')\nos._exit(1)")
    job.run()
    assert "Segmentation fault" in job.log().splitlines()


def test_each_attempt_is_appended_with_its_number(make_job: MakeJob) -> None:
    job = make_job(formats=("ipynb",), members={"attempts": 3})
    job.write("import os\nprint(sorted(name for name in os.environ if name.startswith('NBARGO')))")
    job.run()
    job.environ["NBARGO_ATTEMPT"] = "1"
    job.run()

    lines = job.log().splitlines()
    assert [line for line in lines if line.startswith("Attempt")] == ["Attempt 1 of 3", "Attempt 2 of 3"]
    assert lines[0] == "Attempt 1 of 3"
    assert lines.count("['NBARGO_WORKFLOW_UID']") == 2


def test_a_run_that_succeeds_leaves_no_notebook_that_nobody_asked_for(make_job: MakeJob) -> None:
    job = make_job(formats=("html",))
    job.write("open('made', 'w').close()")
    assert job.run()[0] == 0
    left = job.outcome()
    assert left.outputs == {"html": "input-2026.html", "log": "input-2026.log"}
    assert left.files == ("made",)
    assert job.left() == {"input.ipynb", "made", "outcome.json", *left.outputs.values()}


@pytest.mark.parametrize("ending", ["fails", "is stopped"])
def test_a_run_that_fails_or_is_stopped_leaves_its_notebook_and_its_log(make_job: MakeJob, ending: str) -> None:
    job = make_job(formats=("html",))
    job.write("print('so far')", "1 / 0" if ending == "fails" else "open('here', 'w').close()\nwhile True: pass")
    with job.start() as process:
        try:
            while ending == "is stopped" and not (job.directory / "here").exists():
                time.sleep(0.05)
            if ending == "is stopped":
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=50)
        finally:
            process.kill()
    left = job.outcome()
    assert {name: left.outputs.get(name) for name in ("ipynb", "log")} == {
        "ipynb": "input-2026.ipynb",
        "log": "input-2026.log",
    }
    outputs = [cell.outputs for cell in job.notebook().cells if cell.cell_type == "code"]
    assert outputs[0][0].text == "so far\n"
    assert "so far" in job.log().splitlines()


def test_a_long_log_keeps_its_head_and_its_tail(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lines = [f"line {number:06}\n".encode() for number in range(400_000)]  # 12 bytes each
    text = printed_by(
        tmp_path, capfd, *(b"".join(lines[i : i + 100]) for i in range(0, len(lines), 100)), head=1 << 20, tail=1 << 20
    )
    head, _, rest = text.partition(runner_log.CUT % (1, 1))
    count, _, tail = rest.partition(" bytes are left out here.]\n")
    assert head == b"".join(lines[: len(head) // 12]).decode()
    assert (1 << 20) <= len(head) < (1 << 20) + 12
    assert tail == b"".join(lines[-len(tail) // 12 :]).decode()
    assert (1 << 20) - 12 < len(tail) <= 1 << 20
    assert int(count.removeprefix("[")) == 400_000 * 12 - len(head) - len(tail)


def test_lines_are_as_a_person_would_have_seen_them(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = printed_by(
        tmp_path, capfd, b"  10%\r 100%\r\n\x1b[32mgreen\x1b[0m\n\tin", b"dented\nno end", head=999, tail=9
    )
    assert text.splitlines() == [" 100%", "green", "\tindented", "no end"]


def test_a_line_without_an_end_does_not_fill_the_memory(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = printed_by(tmp_path, capfd, *[b"x" * 50_000] * 10, head=1 << 20, tail=9)
    assert len(text.splitlines()) > 3
    assert text.count("x") == 500_000


def test_a_full_volume_ends_the_log_and_not_the_run(make_job: MakeJob) -> None:
    job = make_job(formats=("ipynb",))
    job.write("print('ran')")
    (job.directory / job.record.output_files["log"]).symlink_to("/dev/full")
    status, printed = job.run()
    assert status == 0
    assert "The log cannot be written any more: [Errno 28] No space left on device" in printed
    assert "ran" in printed


def test_the_limits_are_as_documented() -> None:
    assert (runner_log.HEAD, runner_log.TAIL) == (8 * 1024 * 1024, 2 * 1024 * 1024)
