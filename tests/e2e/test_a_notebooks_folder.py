"""What a notebook finds beside itself in a job, and what of its own files the user gets back."""

from pathlib import Path

import pytest

from support import notebooks as make
from support.rest import Rest
from support.stack import Stack

pytestmark = pytest.mark.e2e

READS = """
import helper, pathlib
total = sum(map(int, pathlib.Path("data/x.csv").read_text().split(",")))
print("the answer is", helper.double(total))
"""
WRITES = """
import pathlib
pathlib.Path("figures").mkdir()
pathlib.Path("figures/one.svg").write_text("<svg/>")
pathlib.Path("table.csv").write_text("1,2")
"""


def fill(folder: Path) -> None:
    make.write(folder / "report.ipynb", READS, WRITES)
    (folder / "helper.py").write_text("def double(value):\n    return 2 * value\n")
    (folder / "data").mkdir()
    (folder / "data" / "x.csv").write_text("20,1")


def test_modules_and_data_beside_the_notebook_are_found_with_its_folder(
    rest: Rest, notebooks: Path, stack: Stack
) -> None:
    fill(notebooks / "project")
    job_id = rest.create("project/report.ipynb", package_input_folder=True)
    # What changes after the submission is not the job's any more.
    (notebooks / "project" / "helper.py").unlink()
    rest.wait_for(job_id, "COMPLETED")
    files = rest.download(job_id)
    assert make.outputs_of(notebooks / files["ipynb"]) == "the answer is 42\n"
    folder = notebooks / files["files"]
    assert (folder / "figures" / "one.svg").read_text() == "<svg/>"
    assert (folder / "table.csv").read_text() == "1,2"
    assert (folder / "data" / "x.csv").read_text() == "20,1"
    assert rest.job(job_id)["downloaded"]
    assert not (notebooks / "project" / "table.csv").exists()
    assert stack.staged(job_id).is_dir()


def test_without_its_folder_a_notebook_finds_no_module_beside_it(rest: Rest, notebooks: Path) -> None:
    fill(notebooks / "alone")
    job = rest.wait_for(rest.create("alone/report.ipynb"), "FAILED")
    assert job["status_message"].startswith("ModuleNotFoundError: No module named 'helper'")


def test_without_its_folder_what_a_notebook_writes_is_downloaded_with_the_outputs(
    rest: Rest, notebooks: Path, stack: Stack
) -> None:
    make.write(notebooks / "writes" / "writes.ipynb", WRITES)
    (notebooks / "writes" / "other.txt").write_text("not asked for")
    job_id = rest.create("writes/writes.ipynb")
    job = rest.wait_for(job_id, "COMPLETED")
    assert {"figures/one.svg", "table.csv"} <= set(job["packaged_files"])
    assert "Files" in [file["display_name"] for file in job["job_files"]]
    folder = notebooks / rest.download(job_id)["files"]
    assert rest.job(job_id)["downloaded"]
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"figures/one.svg", "table.csv", "writes.ipynb"} <= there
    assert "other.txt" not in there
    assert stack.place.notebooks in folder.parents


def test_a_folder_of_ten_thousand_files_is_a_job(rest: Rest, notebooks: Path, stack: Stack) -> None:
    folder = notebooks / "big"
    make.write(folder / "big.ipynb", "import pathlib; print(len(list(pathlib.Path('parts').rglob('*.csv'))))")
    for number in range(10_000):
        path = folder / "parts" / f"{number % 100}" / f"{number}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345678\n" * 12)
    job_id = rest.create("big/big.ipynb", package_input_folder=True, output_formats=["ipynb"])
    rest.wait_for(job_id, "COMPLETED")
    copied = stack.staged(job_id)
    assert make.outputs_of(next(copied.glob("big-*.ipynb"))) == "10000\n"
    rest.delete(job_id)
    assert not copied.exists()
