"""The runner tells whom its job names when all is over, and nothing of that changes how the job ended."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbargo_shared.labels import STOP_FILE
from nbargo_shared.outcome import State
from nbargo_submitter.runner.errors import RunError
from nbargo_submitter.runner.run import Run
from support.background import Background
from support.slack import Hook, answering
from support.waiting import eventually

MakeJob = Callable[..., Any]  # conftest's Job
SECRET = "known to both"


@pytest.fixture
def background() -> Iterator[Background]:
    with Background() as background:
        yield background


def wanting(url: str, **members: Any) -> dict[str, Any]:
    return {"members": {"notify": {"on": "both", "webhook": {"url": f"{url}/in", "secret": "SECRET"}}, **members}}


def told(hook: Hook) -> list[str]:
    return [json.loads(body)["status"] for body in hook.bodies]


def interrupted(job: Any, *, word: bool = False) -> tuple[int, str]:
    """Run a job without end, and end it; return the exit status and what it printed."""
    job.write("open('runs', 'w').close()\nimport time\ntime.sleep(600)")
    with job.start() as process:
        try:
            eventually((job.directory / "runs").exists, what="the notebook runs")
            if word:
                (job.directory / STOP_FILE).touch()
            process.send_signal(signal.SIGTERM)
            printed, _ = process.communicate(timeout=30)
        finally:
            process.kill()
    return process.returncode, printed


def test_a_message_follows_the_outcome_and_the_notebook_never_sees_the_secret(
    make_job: MakeJob, background: Background
) -> None:
    hook = Hook()
    states: list[str] = []
    job = make_job(**wanting(background.serve(hook.app())))
    look = answering(500, Retry_After="0")

    def note() -> Any:
        states.append(json.loads((job.directory / "outcome.json").read_text())["state"])
        return look()

    hook.faults["in"] = [note]
    job.environ["SECRET"] = SECRET
    job.write("import os\nprint('SECRET' in os.environ, 'NBARGO_JOB' in os.environ)")
    status, printed = job.run()
    assert status == 0, printed
    assert states == ["completed"]
    assert told(hook) == ["COMPLETED"] * 2
    assert "X-Nbargo-Signature" in hook.headers[1]
    assert printed.endswith("Notified the webhook\n")
    assert job.log().endswith("Notified the webhook\n")
    assert job.notebook().cells[0].outputs[0].text == "False False\n"
    for path in job.directory.iterdir():
        assert SECRET.encode() not in path.read_bytes()
    assert SECRET not in printed


def test_a_message_that_fails_leaves_a_success_as_it_is(make_job: MakeJob) -> None:
    job = make_job(**wanting("http://127.0.0.1:1"))
    job.environ["SECRET"] = SECRET
    job.write("1")
    status, printed = job.run()
    assert (status, job.outcome().state) == (0, State.COMPLETED), printed
    assert job.outcome().error is None
    line = "Could not notify the webhook: [Errno 111] Connection refused\n"
    assert printed.endswith(line)
    assert job.log().endswith(line)


def test_a_message_that_fails_leaves_a_failure_as_it_is(make_job: MakeJob) -> None:
    job = make_job(**wanting("http://127.0.0.1:1", problem="its files were not copied"))
    status, printed = job.run()
    assert (status, str(job.outcome().error)) == (1, "InputError: its files were not copied")
    assert "Could not notify the webhook: the administrator's secret is not there: its Secret is missing\n" in printed


def test_an_image_that_cannot_send_messages_leaves_a_success_as_it_is(make_job: MakeJob, tmp_path: Path) -> None:
    (tmp_path / "smtplib.py").write_text("raise ImportError('not in this image')")
    job = make_job(**wanting("http://127.0.0.1:1"))
    job.environ["PYTHONPATH"] = str(tmp_path)
    job.write("1")
    status, printed = job.run()
    assert (status, job.outcome().state) == (0, State.COMPLETED), printed
    assert printed.endswith("Nobody could be notified: ImportError('not in this image')\n")


def test_a_run_that_is_ended_tells_so_in_the_time_that_a_pod_has(make_job: MakeJob, background: Background) -> None:
    hook = Hook()
    job = make_job(**wanting(background.serve(hook.app())))
    job.environ["SECRET"] = SECRET
    status, printed = interrupted(job)
    assert (status, job.outcome().state) == (143, State.INTERRUPTED)
    assert told(hook) == ["FAILED"]
    assert "Notified the webhook\n" in printed


def test_a_silent_server_keeps_no_pod_from_ending(make_job: MakeJob, background: Background) -> None:
    hook = Hook(silent={"in"})
    job = make_job(**wanting(background.serve(hook.app())))
    job.environ["SECRET"] = SECRET
    began = time.monotonic()
    status, printed = interrupted(job)
    assert (status, job.outcome().state) == (143, State.INTERRUPTED)
    assert "Could not notify the webhook: " in printed
    assert time.monotonic() - began < 45


def test_who_ends_a_job_gets_no_message(make_job: MakeJob, background: Background) -> None:
    hook = Hook()
    job = make_job(package_input_folder=True, **wanting(background.serve(hook.app())))
    status, printed = interrupted(job, word=True)
    assert (status, told(hook)) == (143, [])
    assert "Nobody is notified: the job was ended by its user\n" in printed
    assert STOP_FILE not in job.outcome().files


def test_an_attempt_that_is_followed_by_another_tells_nobody(make_job: MakeJob, background: Background) -> None:
    hook = Hook()
    url = background.serve(hook.app())
    job = make_job(**wanting(url, problem="no", attempts=2, retry_failures=True))
    job.environ.update(SECRET=SECRET, NBARGO_ATTEMPT="0")
    assert job.run()[0] == 1
    assert told(hook) == []
    job.environ["NBARGO_ATTEMPT"] = "1"
    assert job.run()[0] == 1
    assert told(hook) == ["FAILED"]


@pytest.mark.parametrize(
    ("end", "retry_failures", "again"),
    [("completed", True, False), ("failed", False, False), ("failed", True, True), ("interrupted", False, True)],
)
def test_argo_tries_again_what_it_was_told_to(tmp_path: Path, *, end: str, retry_failures: bool, again: bool) -> None:
    record = {"job_id": "x", "input_filename": "a.ipynb"}
    base = {"record": record, "directory": str(tmp_path), "parameters": {}, "kernel": None, "attempts": 3}
    for attempt in (1, 2, 3):
        run = Run({**base, "retry_failures": retry_failures, "attempt": attempt}, "uid")
        run.interrupted = end == "interrupted"
        run.error = RunError("E", "") if end == "failed" else None
        assert run.will_be_tried_again == (again and attempt < 3)


def test_a_job_that_tells_nobody_loads_nothing_for_it(make_job: MakeJob) -> None:
    _, printed = make_job(members={"problem": "no"}, arguments=("-X", "importtime")).run()
    assert "nbargo_runner.credentials" in printed
    assert "nbargo_runner.notify" not in printed
