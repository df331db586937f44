"""What is wrong with a definition is said in one sentence, and nothing of it is left or half done."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from support import notebooks as make
from support.ports import free_port
from support.programs import Program
from support.rest import Rest
from support.stack import TOKEN, Stack
from support.waiting import eventually

pytestmark = pytest.mark.e2e

NEVER = {"schedule": "0 0 29 2 *", "timezone": "UTC"}
BAD_TIMES: list[tuple[dict[str, Any], str]] = [
    ({"schedule": "* * *"}, "schedule"),
    ({"schedule": "61 * * * *"}, "schedule"),
    ({"schedule": "every day"}, "schedule"),
    ({"schedule": "0 0 0 * * *"}, "schedule"),
    ({"schedule": "TZ=UTC 0 * * * *"}, "schedule"),
    ({"timezone": "Mars/Olympus"}, "time zone"),
    ({"timezone": "../etc/passwd"}, "time zone"),
]


@pytest.fixture
def notebook(notebooks: Path) -> str:
    make.write(notebooks / "refused.ipynb", "pass")
    return "refused.ipynb"


def footprint(stack: Stack) -> tuple[object, ...]:
    """Everything that a definition could leave: objects, rows, folders and files."""
    files = {str(path.relative_to(stack.place.staging)) for path in stack.place.staging.rglob("*")}
    annotations = {key: item["metadata"]["annotations"] for key, item in stack.cron_workflows().items()}
    specs = {key: item["spec"] for key, item in stack.cron_workflows().items()}
    return annotations, specs, stack.definition_rows(), files


def check_refused(answer: httpx.Response, *words: str) -> None:
    assert answer.is_client_error or answer.is_server_error, answer.text
    said = answer.json()["message"]
    assert all(word in said for word in words), said
    assert "Traceback" not in said


@pytest.mark.parametrize(("bad", "word"), BAD_TIMES, ids=str)
def test_a_bad_schedule_or_zone_makes_and_changes_nothing(
    stack: Stack, rest: Rest, notebook: str, bad: dict[str, Any], word: str
) -> None:
    definition = rest.define(notebook, **NEVER)
    before = footprint(stack)
    check_refused(rest.send("POST", "job_definitions", json=rest.body(notebook, **{**NEVER, **bad})), word)
    check_refused(rest.send("PATCH", f"job_definitions/{definition}", json={"name": "half", **bad}), word)
    assert footprint(stack) == before


def test_a_missing_notebook_makes_and_changes_nothing(stack: Stack, rest: Rest, notebook: str) -> None:
    definition = rest.define(notebook, **NEVER)
    before = footprint(stack)
    check_refused(rest.send("POST", "job_definitions", json=rest.body("missing.ipynb", **NEVER)))
    answer = rest.send("PATCH", f"job_definitions/{definition}", json={"name": "half", "input_uri": "missing.ipynb"})
    check_refused(answer)
    assert footprint(stack) == before


def test_one_that_was_deleted_while_it_was_edited(stack: Stack, rest: Rest, notebook: str) -> None:
    definition = rest.define(notebook, **NEVER)
    stack.delete_cron_workflow(definition)
    check_refused(rest.send("PATCH", f"job_definitions/{definition}", json={"name": "late"}))
    check_refused(rest.send("POST", f"job_definitions/{definition}/jobs", json={}))
    eventually(lambda: definition not in rest.defined(), what="it is listed no longer")
    assert definition not in stack.cron_workflows()
    assert definition not in stack.definition_rows()


def test_one_that_never_was(rest: Rest) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    check_refused(rest.send("GET", f"job_definitions/{unknown}"))
    check_refused(rest.send("PATCH", f"job_definitions/{unknown}", json={"name": "x"}))
    check_refused(rest.send("POST", f"job_definitions/{unknown}/jobs", json={}))
    check_refused(rest.send("DELETE", f"job_definitions/{unknown}"))


@contextmanager
def another_lab(stack: Stack) -> Iterator[Rest]:
    """A second lab server of the same user, on the same files."""
    port = free_port()
    command = stack.place.lab_command(port=port, token=TOKEN)
    program = Program(command, environment=stack.environment, log=stack.place.logs / "lab-2.log")
    rest = Rest(f"http://127.0.0.1:{port}/", TOKEN)
    try:
        eventually(rest.is_ready, what="the second lab is ready", seconds=60)
        yield rest
    finally:
        rest.close()
        program.stop()


@pytest.mark.timeout(180)
def test_two_labs_that_edit_one_definition(stack: Stack, rest: Rest, notebook: str) -> None:
    definition = rest.define(notebook, **NEVER)
    path = f"job_definitions/{definition}"
    with another_lab(stack) as other, ThreadPoolExecutor(2) as threads:
        for turn in range(8):
            edits = [
                {"name": f"{who}-{turn}", "parameters": {"who": who}, "tags": [f"{who}-{turn}"]} for who in ("a", "b")
            ]
            answers = list(threads.map(lambda lab, edit: lab.send("PATCH", path, json=edit), (rest, other), edits))
            assert any(answer.is_success for answer in answers), [answer.text for answer in answers]
            for answer in answers:
                if not answer.is_success:
                    check_refused(answer, "Reload")
            assert stack.once().returncode == 0
            shown = rest.definition(definition)
            assert {name: shown[name] for name in edits[0]} in edits, "all of one edit, nothing of the other"
            assert other.definition(definition) == shown
        rest.edit(definition, tags=["first"])
        other.edit(definition, runtime_environment_parameters={"cpu": 2})
        shown = rest.definition(definition)
        settings = shown["runtime_environment_parameters"]
        assert (shown["tags"], settings) == (["first"], {"cpu": 2}), "edits of different fields both count"
        other.undefine(definition)
        check_refused(rest.send("PATCH", path, json={"name": "late"}))
        assert definition not in rest.defined()
