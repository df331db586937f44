"""Create, get, list, count and download, through the handlers of a real server, for jobs that succeed and that fail."""

import json
from pathlib import Path

import pytest

from support import notebooks as make
from support.rest import Rest
from support.samples import NAMES, VALUES

pytestmark = pytest.mark.e2e


def test_a_job_that_succeeds(rest: Rest, notebooks: Path) -> None:
    make.write(notebooks / "ok.ipynb", "print(6 * 7)")
    job_id = rest.create("ok.ipynb", tags=["a", "b"])
    assert job_id in rest.listed()
    job = rest.wait_for(job_id, "COMPLETED")
    assert (job["name"], job["input_filename"], job["tags"]) == ("ok", "ok.ipynb", ["a", "b"])
    assert job["status_message"] is None
    assert job["create_time"] <= job["start_time"] <= job["end_time"]
    files = rest.download(job_id)
    assert make.outputs_of(notebooks / files["ipynb"]) == "42\n"
    assert "42" in (notebooks / files["html"]).read_text(encoding="utf-8")
    assert make.read(notebooks / files["input"]) == make.read(notebooks / "ok.ipynb")
    assert rest.job(job_id)["downloaded"]


def test_a_job_that_fails_says_where_and_why_and_keeps_its_outputs(rest: Rest, notebooks: Path) -> None:
    make.write(notebooks / "fails.ipynb", "x = 0", "print('so far')", "1 / x", "print('never')")
    job_id = rest.create("fails.ipynb")
    job = rest.wait_for(job_id, "FAILED")
    assert job["status_message"] == "ZeroDivisionError: division by zero (cell 3)"
    assert job["start_time"] <= job["end_time"]
    files = rest.download(job_id)
    assert make.outputs_of(notebooks / files["ipynb"]) == "so far\n"
    assert "ZeroDivisionError" in (notebooks / files["html"]).read_text(encoding="utf-8")


def test_notebooks_of_any_name_run(rest: Rest, notebooks: Path) -> None:
    jobs = {}
    for name in NAMES:
        make.write(notebooks / name, f"print({name!r})")
        jobs[rest.create(name, output_formats=["ipynb"])] = name
    for job_id, name in jobs.items():
        assert rest.wait_for(job_id, "COMPLETED", seconds=120)["input_filename"] == Path(name).name
        assert make.outputs_of(notebooks / rest.download(job_id)["ipynb"]) == f"{name}\n"


def test_parameters_of_every_type_arrive_unchanged(rest: Rest, notebooks: Path) -> None:
    defaults = "\n".join(f"{name} = 'default'" for name in VALUES)
    show = f"import json; print(json.dumps([{', '.join(VALUES)}]))"
    make.write(notebooks / "typed.ipynb", show, parameters=defaults)
    typed = {name: text for name, (text, _) in VALUES.items()}
    job_id = rest.create("typed.ipynb", parameters=typed, output_formats=["ipynb"])
    job = rest.wait_for(job_id, "COMPLETED")
    assert job["parameters"] == typed
    path = notebooks / rest.download(job_id)["ipynb"]
    assert json.loads(make.outputs_of(path)) == [value for _, value in VALUES.values()]
    tags = [cell["metadata"].get("tags") for cell in make.read(path)["cells"]]
    assert tags[:2] == [["parameters"], ["injected-parameters"]]


def test_numbers_and_booleans_in_the_request_are_parameters_too(rest: Rest, notebooks: Path) -> None:
    make.write(notebooks / "raw.ipynb", "print(repr(a), repr(b), repr(c))", parameters="a = b = c = 0")
    job_id = rest.create("raw.ipynb", parameters={"a": 7, "b": 0.25, "c": True}, output_formats=["ipynb"])
    rest.wait_for(job_id, "COMPLETED")
    assert make.outputs_of(notebooks / rest.download(job_id)["ipynb"]) == "7 0.25 True\n"


def test_the_input_folder_comes_along_and_side_effect_files_come_back(rest: Rest, notebooks: Path) -> None:
    folder = notebooks / "with data"
    make.write(folder / "uses.ipynb", "open('out/result.txt', 'w').write(open('in/value.txt').read() * 2)")
    (folder / "in").mkdir()
    (folder / "out").mkdir()
    (folder / "in/value.txt").write_text("ab", encoding="utf-8")
    (folder / "out/.keep").touch()
    job_id = rest.create("with data/uses.ipynb", package_input_folder=True, output_formats=["ipynb"])
    job = rest.wait_for(job_id, "COMPLETED")
    assert {"in/value.txt", "out/result.txt"} <= set(job["packaged_files"])
    files = rest.download(job_id)
    downloaded = (notebooks / files["ipynb"]).parent
    assert (downloaded / "out/result.txt").read_text(encoding="utf-8") == "abab"
    assert not (folder / "out/result.txt").exists()


def test_count_and_filters(rest: Rest, notebooks: Path) -> None:
    make.write(notebooks / "counted.ipynb", "pass")
    before = rest.ok("GET", "jobs/count", params={"status": "COMPLETED"})["count"]
    ids = [rest.create("counted.ipynb", name=f"counted {number}", tags=["mine"]) for number in range(2)]
    for job_id in ids:
        rest.wait_for(job_id, "COMPLETED")
    assert rest.ok("GET", "jobs/count", params={"status": "COMPLETED"})["count"] == before + len(ids)
    found = rest.jobs(name="counted", tags="mine", sort_by="asc(create_time)", max_items=1)
    assert found["total_count"] == len(ids)
    assert [job["job_id"] for job in found["jobs"]] == ids[:1]
    rest_of_them = rest.jobs(name="counted", sort_by="asc(create_time)", next_token=found["next_token"])
    assert [job["job_id"] for job in rest_of_them["jobs"]] == ids[1:]


def test_what_the_ui_asks_for_at_its_start_is_answered(rest: Rest) -> None:
    assert rest.jobs(max_items=0)["jobs"] == []
    features = rest.ok("GET", "config")["supported_features"]
    assert features["stop_job"]
    assert features["delete_job"]
    environment = rest.ok("GET", "runtime_environments")[0]
    assert {"ipynb", "html"} <= {entry["name"] for entry in environment["output_formats"]}
    assert rest.ok("GET", "job_definitions", params={"name": "no such one"})["job_definitions"] == []
