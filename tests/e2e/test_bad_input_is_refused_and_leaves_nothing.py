"""What a user can get wrong: a clear sentence each time, and nothing left on disk, in the cluster or in the list."""

from pathlib import Path
from typing import Any

import pytest

from support import notebooks as make
from support.rest import Rest
from support.stack import Stack

pytestmark = pytest.mark.e2e

BAD: list[tuple[str, dict[str, Any], str]] = [
    ("there is no such notebook", {"input_uri": "nowhere.ipynb"}, "nowhere.ipynb"),
    ("the path leaves the root folder", {"input_uri": "../outside.ipynb"}, "outside"),
    ("the environment is unknown", {"runtime_environment_name": "no-such"}, "no-such"),
    ("the format is unknown", {"output_formats": ["ipynb", "nonsense"]}, "nonsense"),
    ("a parameter is no name", {"parameters": {"two words": "1"}}, "two words"),
    ("a parameter is a keyword", {"parameters": {"class": "1"}}, "class"),
    ("the parameters are too large", {"parameters": {"a": "x" * 70_000}}, "more than"),
    ("the notebook has no kernel", {"input_uri": "no kernel.ipynb"}, "kernel"),
    ("the notebook is not one", {"input_uri": "not one.ipynb"}, "not a notebook"),
]


@pytest.mark.parametrize(("settings", "part"), [bad[1:] for bad in BAD], ids=[bad[0] for bad in BAD])
def test_a_bad_job_is_refused(stack: Stack, notebooks: Path, settings: dict[str, Any], part: str) -> None:
    make.write(notebooks / "good.ipynb", "pass")
    make.write(notebooks / "no kernel.ipynb", "pass", metadata={})
    (notebooks / "not one.ipynb").write_text("{", encoding="utf-8")
    make.write(notebooks.parent / "outside.ipynb", "pass")
    staged = set(stack.place.staging.iterdir()) if stack.place.staging.exists() else set()
    workflows = set(stack.workflows())
    response = stack.rest.send("POST", "jobs", json={**stack.rest.body("good.ipynb"), **settings})
    assert response.status_code >= 400
    message = response.json()["message"]
    assert part in message
    assert "Traceback" not in response.text
    assert "Unexpected error" not in message
    assert (set(stack.place.staging.iterdir()) if stack.place.staging.exists() else set()) == staged
    assert set(stack.workflows()) == workflows


@pytest.mark.parametrize(("method", "path"), [("GET", "jobs/no-such-job"), ("DELETE", "jobs/no-such-job")])
def test_an_unknown_job_is_named(rest: Rest, method: str, path: str) -> None:
    response = rest.send(method, path)
    assert response.status_code >= 400
    assert "no-such-job" in response.json()["message"]


def test_stopping_an_unknown_job_is_refused(rest: Rest) -> None:
    response = rest.send("PATCH", "jobs/no-such-job", json={"status": "STOPPED"})
    assert response.status_code >= 400
    assert "no-such-job" in response.json()["message"]
