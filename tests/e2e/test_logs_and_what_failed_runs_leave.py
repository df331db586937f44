"""The log is read while the job runs, and a run that ends early leaves its notebook and its log, asked for or not."""

from pathlib import Path

import pytest

from support import notebooks as make
from support.rest import Rest
from support.waiting import eventually

pytestmark = pytest.mark.e2e

WAITING = "import pathlib, time\nwhile not pathlib.Path({path!r}).exists(): time.sleep(0.1)\nprint('the end')"


def offered(rest: Rest, job_id: str) -> dict[str, str]:
    """Return the label of each file that the job's page offers, by format."""
    return {file["file_format"]: file["display_name"] for file in rest.job(job_id)["job_files"]}


def test_the_log_downloads_while_the_job_runs_and_again_when_there_is_more(
    rest: Rest, notebooks: Path, tmp_path: Path
) -> None:
    make.write(notebooks / "talks.ipynb", "print('the beginning')", WAITING.format(path=str(tmp_path / "go")))
    job_id = rest.create("talks.ipynb", output_formats=["log"])
    rest.wait_for(job_id, "IN_PROGRESS")
    assert offered(rest, job_id) == {"log": "Log", "input": "Input"}

    def lines() -> list[str]:
        return (notebooks / rest.download(job_id)["log"]).read_text(encoding="utf-8").splitlines()

    def has_begun() -> bool:
        answer = rest.send("GET", f"jobs/{job_id}/download_files")
        return answer.is_success and "the beginning" in lines()

    eventually(has_begun, what="the log has what ran", seconds=50)
    assert "the end" not in lines()
    assert rest.job(job_id)["status"] == "IN_PROGRESS"
    (tmp_path / "go").touch()
    rest.wait_for(job_id, "COMPLETED")
    assert "the end" in lines()
    assert lines()[-1] == f"Job {job_id}: completed"


def test_a_failed_run_offers_its_notebook_and_its_log_though_nobody_asked(rest: Rest, notebooks: Path) -> None:
    make.write(notebooks / "unasked.ipynb", "print('so far')", "1 / 0")
    job_id = rest.create("unasked.ipynb", output_formats=["html"])
    rest.wait_for(job_id, "FAILED")
    assert offered(rest, job_id) == {"html": "HTML", "ipynb": "Notebook", "log": "Log", "input": "Input"}
    files = rest.download(job_id)
    assert make.outputs_of(notebooks / files["ipynb"]) == "so far\n"
    log = (notebooks / files["log"]).read_text(encoding="utf-8")
    assert log.splitlines()[-1] == f"Job {job_id}: failed: ZeroDivisionError: division by zero (cell 2)"
    assert rest.job(job_id)["downloaded"]


def test_a_stopped_run_offers_its_notebook_and_its_log(rest: Rest, notebooks: Path, tmp_path: Path) -> None:
    make.write(notebooks / "stopped.ipynb", "print('so far')", WAITING.format(path=str(tmp_path / "never")))
    job_id = rest.create("stopped.ipynb", output_formats=["log"])
    rest.wait_for(job_id, "IN_PROGRESS")

    def is_in_the_second_cell() -> bool:
        if not rest.send("GET", f"jobs/{job_id}/download_files").is_success:
            return False
        log = (notebooks / rest.download(job_id)["log"]).read_text(encoding="utf-8")
        return "Executing Cell 2" in log

    eventually(is_in_the_second_cell, what="the first cell has run", seconds=50)
    rest.stop(job_id)
    rest.wait_for(job_id, "STOPPED")
    files = rest.download(job_id)
    assert make.outputs_of(notebooks / files["ipynb"]) == "so far\n"
    assert f"Job {job_id}: interrupted" in (notebooks / files["log"]).read_text(encoding="utf-8").splitlines()


def test_a_completed_run_offers_what_was_asked_for(rest: Rest, notebooks: Path) -> None:
    make.write(notebooks / "asked.ipynb", "print(1)")
    job_id = rest.create("asked.ipynb", output_formats=["html"])
    rest.wait_for(job_id, "COMPLETED")
    assert offered(rest, job_id) == {"html": "HTML", "input": "Input"}
    folder = (notebooks / rest.download(job_id)["html"]).parent
    assert {path.suffix for path in folder.iterdir()} == {".html", ".ipynb"}
    assert make.read(folder / "asked.ipynb") == make.read(notebooks / "asked.ipynb")


def test_a_time_limit_is_said_with_the_cell_and_what_ran_is_there(rest: Rest, notebooks: Path) -> None:
    stubborn = "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except BaseException:\n        pass"
    make.write(notebooks / "long.ipynb", "print('so far')", stubborn)
    job_id = rest.create("long.ipynb", output_formats=["html"], runtime_environment_parameters={"timeout": "15s"})
    job = rest.wait_for(job_id, "FAILED", seconds=58)
    assert job["status_message"] == "TimeoutError: the run took longer than its limit of 15 seconds (cell 2)"
    files = rest.download(job_id)
    assert make.outputs_of(notebooks / files["ipynb"]) == "so far\n"
    assert "so far" in (notebooks / files["html"]).read_text(encoding="utf-8")
    assert "its limit of 15 seconds (cell 2)" in (notebooks / files["log"]).read_text(encoding="utf-8")
