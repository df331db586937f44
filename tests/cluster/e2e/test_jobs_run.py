"""Jobs that succeed and that fail: the row, the times, the files, and the outcome on the Workflow itself."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nbargo_shared import outcome
from nbargo_shared.labels import OUTCOME_PARAMETER, object_name
from support import notebooks as make
from support.samples import NAMES, VALUES

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.access import Workflows
    from support.rest import Rest
    from support.stack import Stack


def outcome_of(workflow: dict[str, Any]) -> str:
    parameters = workflow["status"]["outputs"]["parameters"]
    (value,) = (str(item["value"]) for item in parameters if item["name"] == OUTCOME_PARAMETER)
    return value


def milliseconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp() * 1000


def test_a_job_that_succeeds(stack: Stack, rest: Rest, notebooks: Path, workflows: Workflows) -> None:
    make.write(notebooks / "ok.ipynb", "print(6 * 7)")
    job_id = rest.create("ok.ipynb")
    assert job_id in rest.listed()
    job = rest.wait_for(job_id, "COMPLETED")
    assert job["status_message"] is None
    assert job["create_time"] <= job["start_time"] < job["end_time"]
    end = workflows.wait_end(object_name(job_id))
    assert end["status"]["phase"] == "Succeeded"
    # Argo writes whole seconds.
    assert milliseconds(end["status"]["startedAt"]) <= job["start_time"]
    assert job["end_time"] < milliseconds(end["status"]["finishedAt"]) + 1000
    files = rest.download(job_id)
    assert make.outputs_of(notebooks / files["ipynb"]) == "42\n"
    assert "42" in (notebooks / files["html"]).read_text(encoding="utf-8")
    assert outcome_of(end) == (stack.staged(job_id) / "outcome.json").read_text(encoding="utf-8")
    assert outcome.parse(outcome_of(end)).workflow_uid == end["metadata"]["uid"]


def test_a_job_that_fails(rest: Rest, notebooks: Path, workflows: Workflows) -> None:
    make.write(notebooks / "fails.ipynb", "x = 0", "print('so far')", "1 / x", "print('never')")
    job_id = rest.create("fails.ipynb")
    job = rest.wait_for(job_id, "FAILED")
    assert job["status_message"] == "ZeroDivisionError: division by zero (cell 3)"
    assert job["create_time"] <= job["start_time"] < job["end_time"]
    end = workflows.wait_end(object_name(job_id))
    assert end["status"]["message"] == "main: Error (exit code 1)"
    assert str(outcome.parse(outcome_of(end)).error) == job["status_message"]
    files = rest.download(job_id)
    assert make.outputs_of(notebooks / files["ipynb"]) == "so far\n"
    assert "ZeroDivisionError" in (notebooks / files["html"]).read_text(encoding="utf-8")


def test_parameters_of_every_type_arrive_unchanged_through_argos_substitution(rest: Rest, notebooks: Path) -> None:
    defaults = "\n".join(f"{name} = 'default'" for name in VALUES)
    show = f"import json; print(json.dumps([{', '.join(VALUES)}]))"
    make.write(notebooks / "typed.ipynb", show, parameters=defaults)
    typed = {name: text for name, (text, _) in VALUES.items()}
    # Braces also in what travels as an annotation alone.
    job_id = rest.create("typed.ipynb", parameters=typed, name="{{workflow.name}} {{x}}", output_formats=["ipynb"])
    job = rest.wait_for(job_id, "COMPLETED")
    assert job["parameters"] == typed
    assert job["name"] == "{{workflow.name}} {{x}}"
    path = notebooks / rest.download(job_id)["ipynb"]
    assert json.loads(make.outputs_of(path)) == [value for _, value in VALUES.values()]


def test_notebooks_of_any_name_run(rest: Rest, notebooks: Path) -> None:
    jobs = {}
    for name in NAMES:
        make.write(notebooks / name, f"print({name!r})")
        jobs[rest.create(name, output_formats=["ipynb"])] = name
    for job_id, name in jobs.items():
        rest.wait_for(job_id, "COMPLETED")
        assert make.outputs_of(notebooks / rest.download(job_id)["ipynb"]) == f"{name}\n"


def test_the_input_folder_comes_along_and_side_effect_files_come_back(rest: Rest, notebooks: Path) -> None:
    folder = notebooks / "with data"
    make.write(folder / "uses.ipynb", "open('out/it\\'s a ünïcode result.txt', 'w').write(open('in.txt').read() * 2)")
    (folder / "in.txt").write_text("ab", encoding="utf-8")
    (folder / "out").mkdir()
    (folder / "out/.keep").touch()
    result = "out/it's a ünïcode result.txt"
    job_id = rest.create("with data/uses.ipynb", package_input_folder=True, output_formats=["ipynb"])
    job = rest.wait_for(job_id, "COMPLETED")
    assert {"in.txt", result} <= set(job["packaged_files"])
    downloaded = (notebooks / rest.download(job_id)["ipynb"]).parent
    assert (downloaded / result).read_text(encoding="utf-8") == "abab"
    assert not (folder / result).exists()
