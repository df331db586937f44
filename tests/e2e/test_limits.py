"""What an administrator limits is refused with the sentence that the user reads, and nothing of it is left."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import notebooks as make
from support.rest import Rest
from support.stack import Stack

pytestmark = pytest.mark.e2e

LIMITS = {
    "max_parameters": 3,
    "max_parameter_bytes": 200,
    "max_definitions": 2,
    "max_input_bytes": 100_000,
    "max_input_files": 5,
}
MANY = {"parameters": {"a": "1", "b": "2", "c": "3", "d": "4"}}
LONG = {"parameters": {"text": "é" * 100}}
WITH_FOLDER = {"package_input_folder": True}
TOO_MANY_PARAMETERS = (
    "There are 4 parameters, more than the 3 that are allowed. Put some of them together in one, as a list or an "
    "object; your administrator can change the limit (max_parameters)"
)
TOO_LONG_PARAMETERS = (
    "The parameters have 204 bytes, more than the 200 that are allowed. Write what is long into a file, and give the "
    "notebook the file's name; your administrator can change the limit (max_parameter_bytes)"
)
TOO_MANY_FILES = (
    "The folder of 'report.ipynb' has 7 files, 1.3 kB together, more than the 5 files that are allowed. Move what the "
    "notebook does not need to another folder, or submit it without its folder; your administrator can change the "
    "limit (max_input_files)"
)
TOO_LARGE_FOLDER = (
    "The folder of 'report.ipynb' has 2 files, 3.0 MB together, more than the 100 kB that are allowed. Move what the "
    "notebook does not need to another folder, or submit it without its folder; your administrator can change the "
    "limit (max_input_bytes)"
)
TOO_LARGE_NOTEBOOK = (
    "'heavy.ipynb' has 200 kB, more than the 100 kB that are allowed. Clear its outputs, and keep its "
    "data in other files; your administrator can change the limit (max_input_bytes)"
)
TOO_MANY_DEFINITIONS = (
    "You have 2 job definitions, and 2 are allowed. Delete one that you do not need any more; your administrator can "
    "change the limit (max_definitions)"
)
TOO_MUCH: list[tuple[str, dict[str, Any], str]] = [
    ("report.ipynb", MANY, TOO_MANY_PARAMETERS),
    ("report.ipynb", LONG, TOO_LONG_PARAMETERS),
    ("many/report.ipynb", WITH_FOLDER, TOO_MANY_FILES),
    ("large/report.ipynb", WITH_FOLDER, TOO_LARGE_FOLDER),
    ("heavy.ipynb", {}, TOO_LARGE_NOTEBOOK),
]
CASES = ["parameters", "their length", "files", "their size", "a notebook"]


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("limited"))
    try:
        stack.start_argo()
        stack.start_watcher()
        stack.start_lab(*(f"--ArgoScheduler.{name}={value}" for name, value in LIMITS.items()))
        write_notebooks(stack.place.notebooks)
        yield stack
    finally:
        stack.close()


def write_notebooks(home: Path) -> None:
    for folder in ("", "many/", "large/"):
        make.write(home / f"{folder}report.ipynb", "pass")
    for number in range(6):
        (home / "many" / f"{number}.csv").write_text("1234567\n" * 20)
    (home / "large" / "data.bin").write_bytes(bytes(3_000_000))
    make.write(home / "heavy.ipynb", "#" * 200_000)


def left(stack: Stack) -> tuple[set[str], set[str], set[str]]:
    staging = stack.place.staging
    names = {path.name for path in staging.iterdir()} if staging.exists() else set()
    return names, set(stack.workflows()), set(stack.cron_workflows())


@pytest.mark.parametrize(("notebook", "settings", "sentence"), TOO_MUCH, ids=CASES)
def test_a_job_beyond_a_limit_is_refused(
    limited: Stack, notebook: str, settings: dict[str, Any], sentence: str
) -> None:
    rest, before = limited.rest, left(limited)
    answer = rest.send("POST", "jobs", json=rest.body(notebook, **settings))
    assert answer.json()["message"] == sentence
    assert left(limited) == before


@pytest.mark.parametrize(("notebook", "settings", "sentence"), TOO_MUCH, ids=CASES)
def test_a_definition_beyond_a_limit_is_refused(
    limited: Stack, notebook: str, settings: dict[str, Any], sentence: str
) -> None:
    rest, before = limited.rest, left(limited)
    body = rest.body(notebook, schedule="0 0 1 1 *", timezone="UTC", **settings)
    answer = rest.send("POST", "job_definitions", json=body)
    assert answer.json()["message"] == sentence
    assert left(limited) == before


def test_a_definition_cannot_be_edited_or_run_beyond_a_limit(limited: Stack) -> None:
    rest = limited.rest
    definition_id = rest.define("report.ipynb", parameters={"a": "1"}, schedule="0 0 1 1 *")
    try:
        told = rest.send("PATCH", f"job_definitions/{definition_id}", json=MANY).json()["message"]
        assert told == TOO_MANY_PARAMETERS
        told = rest.send("POST", f"job_definitions/{definition_id}/jobs", json=LONG).json()["message"]
        assert told == TOO_LONG_PARAMETERS
        told = rest.send("PATCH", f"job_definitions/{definition_id}", json={"input_uri": "heavy.ipynb"}).json()[
            "message"
        ]
        assert told == TOO_LARGE_NOTEBOOK
        assert rest.definition(definition_id)["parameters"] == {"a": "1"}
        assert rest.runs(definition_id) == {}
    finally:
        rest.undefine(definition_id)


def test_a_definition_more_than_are_allowed_is_refused_until_one_is_deleted(limited: Stack) -> None:
    rest = limited.rest
    made = [rest.define("report.ipynb", schedule=schedule, timezone="UTC") for schedule in ("0 0 1 1 *", None)]
    body = rest.body("report.ipynb", schedule="0 0 1 1 *", timezone="UTC")
    answer = rest.send("POST", "job_definitions", json=body)
    assert answer.json()["message"] == TOO_MANY_DEFINITIONS
    rest.undefine(made.pop())
    made.append(rest.define("report.ipynb", schedule="0 0 1 1 *", timezone="UTC"))
    for definition_id in made:
        rest.undefine(definition_id)


def test_what_is_within_the_limits_runs(limited: Stack) -> None:
    make.write(limited.place.notebooks / "few" / "report.ipynb", "print(a)", parameters="a = 1")
    (limited.place.notebooks / "few" / "data.csv").write_text("1")
    settings: dict[str, Any] = {"parameters": {"a": "1", "b": "2", "c": "3"}, **WITH_FOLDER}
    limited.rest.wait_for(limited.rest.create("few/report.ipynb", **settings), "COMPLETED")


def test_the_parameters_have_a_limit_where_none_is_set(rest: Rest, notebooks: Path) -> None:
    make.write(notebooks / "report.ipynb", "pass")
    body = rest.body("report.ipynb", parameters={f"p{number}": "1" for number in range(101)})
    answer = rest.send("POST", "jobs", json=body)
    assert answer.json()["message"].startswith("There are 101 parameters, more than the 100 that are allowed")
