"""The runner runs notebooks for real: what it executes, converts and leaves behind, and how it ends."""

import json
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import psutil

from nbargo_shared.outcome import Outcome, RunError, State

MakeJob = Callable[..., Any]  # conftest's Job

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="

PARAMETERS = {
    "text": 'it\'s "quoted"\n\tand `$HOME` \\n, {{x}} {{workflow.uid}} {a} äöü 漢字 🦆',
    "empty": "",
    "number": 42,
    "real": 0.1,
    "yes": True,
    "no": False,
    "nothing": None,
    "items": [1, "a'b", [True, None], {"k": "{{y}}"}],
    "table": {"a b": 1, "ü": {"deep": [1.5, 'x"y']}},
}
REPORT = f"import json\nprint('VALUES ' + json.dumps([{', '.join(PARAMETERS)}]))"


def printed_values(job: Any) -> object:
    texts = [output.text for cell in job.notebook().cells for output in cell.get("outputs", []) if "text" in output]
    return json.loads(next(text for text in texts if text.startswith("VALUES ")).removeprefix("VALUES "))


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + 40
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} did not appear"
        time.sleep(0.05)
    return path.read_text()


def test_a_notebook_runs_with_typed_parameters_and_every_format_is_there(make_job: MakeJob) -> None:
    job = make_job(
        "Jane's job (ü) {1}",
        input_filename="It's my notebook (ä) {x}.ipynb",
        formats=("ipynb", "html", "script"),
        parameters=PARAMETERS,
        package_input_folder=True,
    )
    (job.directory / "helper.py").write_text("VALUE = 7\n")
    job.write("text = None", REPORT, "import helper\nopen('made here.txt', 'w').write(str(helper.VALUE))")

    status, log = job.run()

    assert status == 0, log
    assert printed_values(job) == list(PARAMETERS.values())
    cells = job.notebook().cells
    assert [cell.metadata.tags for cell in cells[:2]] == [["parameters"], ["injected-parameters"]]
    left = job.outcome()
    assert left == Outcome(
        job_id=job.record.job_id,
        workflow_uid=left.workflow_uid,
        state=State.COMPLETED,
        started_at=left.started_at,
        ended_at=left.ended_at,
        outputs=job.record.output_files,
        files=("helper.py", "made here.txt"),
        job=job.record,
    )
    assert left.ended_at is not None
    assert left.started_at <= left.ended_at
    expected = {job.input_filename, "helper.py", "made here.txt", "outcome.json", "__pycache__"}
    assert job.left() == expected | set(job.record.output_files.values())
    assert "import helper" in (job.directory / job.record.output_files["script"]).read_text()
    assert "<title>It's my notebook (ä) {x}</title>" in (job.directory / job.record.output_files["html"]).read_text()
    assert "parameters: text, empty, number" in log


def test_a_failing_cell_is_named_and_its_output_converted(make_job: MakeJob) -> None:
    job = make_job(formats=("ipynb", "html", "nosuch"))
    job.write("a = 1", "b = 0", "print('before')\na / b", "print('never')")

    status, log = job.run()

    assert status == 1
    left = job.outcome()
    assert left.state is State.FAILED
    assert str(left.error) == "ZeroDivisionError: division by zero (cell 3)"
    assert left.outputs == {name: job.record.output_files[name] for name in ("ipynb", "html", "log")}
    assert left.files == ()
    failing = next(cell for cell in job.notebook().cells if cell.source.endswith("a / b"))
    assert failing.execution_count == 3
    assert "ZeroDivisionError" in (job.directory / job.record.output_files["html"]).read_text()
    assert "ZeroDivisionError: division by zero" in log


def test_a_format_that_cannot_be_made_fails_the_job_after_the_others(make_job: MakeJob) -> None:
    job = make_job(formats=("nosuch", "markdown"))
    job.write(
        "from IPython.display import Image, display",
        "import base64",
        f"display(Image(base64.b64decode('{PIXEL}')))",
    )

    status, _ = job.run()

    assert status == 1
    left = job.outcome()
    assert left.state is State.FAILED
    assert left.error is not None
    assert "the format nosuch could not be made" in left.error.message
    assert left.error.cell is None
    assert left.outputs == {"markdown": "input-2026.md", "ipynb": "input-2026.ipynb", "log": "input-2026.log"}
    assert left.files == ("input-2026_files/output_2_0.png",)
    assert "(input-2026_files/output_2_0.png)" in (job.directory / "input-2026.md").read_text()
    assert job.left() == {"input.ipynb", "input-2026_files", "outcome.json", *left.outputs.values()}


def install_kernel(job: Any, name: str, arguments: list[str]) -> None:
    spec = Path(job.environ["JUPYTER_PATH"], "kernels", name)
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(json.dumps({"argv": arguments, "language": name, "display_name": name}))


def test_a_kernel_without_translator_runs_without_parameters_and_refuses_them(make_job: MakeJob) -> None:
    job = make_job(kernel="strange")
    install_kernel(job, "strange", [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"])
    job.write("print('ran')", kernel=None, language=None)

    status, log = job.run()
    assert status == 0, log
    assert job.notebook().cells[0].outputs[0].text == "ran\n"

    job.parameters = {"a": 1}
    status, _ = job.run()
    assert status == 1
    error = job.outcome().error
    assert error is not None
    assert "No parameter translator" in error.message


def test_a_kernel_that_is_not_there_is_said_with_those_that_are(make_job: MakeJob) -> None:
    job = make_job(formats=("ipynb", "html"))
    job.write("1", kernel="fortran")

    status, _ = job.run()

    assert status == 1
    message = "the kernel fortran is not in this environment, which has: python3"
    assert job.outcome().error == RunError(name="NoSuchKernel", message=message)
    assert job.outcome().outputs == {"ipynb": "input-2026.ipynb", "log": "input-2026.log"}
    assert job.notebook() == nbformat.read(job.directory / "input.ipynb", as_version=4)


def test_a_notebook_without_a_kernel_is_said(make_job: MakeJob) -> None:
    job = make_job()
    job.write("1", kernel=None)

    assert job.run()[0] == 1
    assert "the notebook names no kernel" in str(job.outcome().error)


def test_a_missing_papermill_is_said_with_the_package_to_add(make_job: MakeJob) -> None:
    job = make_job(arguments=("-I", "-S"))  # without site-packages
    job.write("1")

    status, log = job.run()

    assert status == 1
    sentence = "papermill is not installed in this environment: add the package papermill"
    assert str(job.outcome().error) == f"ModuleNotFoundError: {sentence}"
    assert sentence in log


def test_a_stop_ends_the_kernel_and_all_below_it(make_job: MakeJob) -> None:
    job = make_job(formats=("ipynb", "html"))
    job.write(
        "print('first')",
        "import os, signal, subprocess, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '1000'])\n"
        "open('part', 'w').write(f'{os.getpid()} {child.pid}')\n"
        "os.rename('part', 'pids')\n"
        "while True: time.sleep(1)",
    )
    with job.start() as process:
        processes = [psutil.Process(int(pid)) for pid in wait_for(job.directory / "pids").split()]
        assert job.outcome().state is State.RUNNING
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        printed, _ = process.communicate(timeout=20)
        took = time.monotonic() - asked

    assert process.returncode == 143, printed
    assert took < 5
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)
    left = job.outcome()
    assert (left.state, left.error) == (State.INTERRUPTED, None)
    assert left.outputs == {"ipynb": "input-2026.ipynb", "log": "input-2026.log"}
    assert job.log().splitlines()[-1] == f"Job {job.record.job_id}: interrupted"
    assert job.notebook().cells[0].outputs[0].text == "first\n"
    assert left.ended_at is not None


def test_a_stop_while_the_kernel_starts_ends_it(make_job: MakeJob) -> None:
    job = make_job(formats=("html",))
    program = "import os, time; open('part', 'w').write(str(os.getpid())); os.rename('part', 'pid'); time.sleep(1000)"
    install_kernel(job, "mute", [sys.executable, "-c", program, "{connection_file}"])
    job.write("1", kernel="mute")
    with job.start() as process:
        kernel = psutil.Process(int(wait_for(job.directory / "pid")))
        process.send_signal(signal.SIGTERM)
        printed, _ = process.communicate(timeout=20)

    assert process.returncode == 143, printed
    assert not kernel.is_running() or kernel.status() == psutil.STATUS_ZOMBIE
    assert (job.outcome().state, set(job.outcome().outputs)) == (State.INTERRUPTED, {"ipynb", "log"})


def test_a_removed_directory_stays_removed(make_job: MakeJob) -> None:
    job = make_job()
    kept = job.directory.parent / "pid"
    job.write(
        f"import os, shutil\nopen({str(kept)!r}, 'w').write(str(os.getpid()))\nshutil.rmtree({str(job.directory)!r})",
        "print('unreachable')",
    )

    status, log = job.run()

    assert status == 1
    assert not job.directory.exists()
    assert "The outcome could not be written" in log
    assert not psutil.pid_exists(int(kept.read_text()))


def test_a_directory_that_is_not_mounted_is_said(make_job: MakeJob) -> None:
    job = make_job()
    shutil.rmtree(job.directory)

    status, log = job.run()

    assert status == 1
    assert "the job's files cannot be written" in log


def test_a_missing_job_is_said(make_job: MakeJob) -> None:
    job = make_job()
    job.script.write_text(
        "import os\nos.environ['NBARGO_JOB'] = os.environ['NBARGO_JOB'][:8]\n" + job.script.read_text()
    )

    status, log = job.run()

    assert status == 2
    assert "do not hold a job" in log
