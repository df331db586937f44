"""Every call on job definitions, as the lab's pages make it."""

import json
from pathlib import Path
from typing import Any

import pytest

from support import notebooks as make
from support.rest import Rest
from support.stack import Stack
from support.waiting import eventually

pytestmark = pytest.mark.e2e

NEVER = {"schedule": "0 0 29 2 *", "timezone": "UTC"}  # no run gets in the way
EDITS: dict[str, Any] = {
    "name": "renamed",
    "schedule": "15 3 1 1 *",
    "timezone": "America/New_York",
    "active": False,
    "parameters": {"a": "2", "b": "x"},
    "tags": ["one", "two"],
    "output_formats": ["ipynb", "html"],
    "runtime_environment_parameters": {"cpu": 2},
    "compute_type": "large",
}
LEFT_OUT = {"update_time"}


@pytest.fixture
def definition(rest: Rest, notebooks: Path) -> str:
    make.write(notebooks / "defined.ipynb", "print(a)", parameters="a = 1")
    return rest.define("defined.ipynb", **NEVER, parameters={"a": "1"}, tags=["t"])


def cron_of(stack: Stack, definition_id: str) -> dict[str, Any]:
    return stack.cron_workflows()[definition_id]


def test_a_new_definition_is_listed_and_is_a_cron_workflow(stack: Stack, rest: Rest, definition: str) -> None:
    told = rest.definition(definition)
    expected = {
        "job_definition_id": definition,
        "name": "defined",
        "input_filename": "defined.ipynb",
        "active": True,
        "parameters": {"a": "1"},
        "tags": ["t"],
        "output_formats": ["ipynb"],
        **NEVER,
    }
    assert {name: told[name] for name in expected} == expected
    assert definition in rest.defined()
    spec = cron_of(stack, definition)["spec"]
    assert (spec["schedules"], spec["timezone"], bool(spec.get("suspend"))) == ([NEVER["schedule"]], "UTC", False)


@pytest.mark.parametrize("names", [[name] for name in EDITS] + [list(EDITS)], ids="-".join)
def test_one_field_or_all_of_them_are_changed_and_nothing_else(
    stack: Stack, rest: Rest, definition: str, names: list[str]
) -> None:
    before = rest.definition(definition)
    rest.edit(definition, **{name: EDITS[name] for name in names})
    after = rest.definition(definition)
    assert {name for name in after if after[name] != before.get(name)} - LEFT_OUT == set(names)
    assert {name: after[name] for name in names} == {name: EDITS[name] for name in names}
    assert after["update_time"] > before["update_time"]
    record = json.loads(cron_of(stack, definition)["metadata"]["annotations"]["nbargo/definition"])
    assert record["name"] == after["name"]
    assert stack.once("--dry-run", "--output", "json").stdout.count(definition) == 0, "the row is what the cluster says"


def test_the_schedule_sent_unchanged_does_not_drop_the_rest(rest: Rest, definition: str) -> None:
    rest.edit(definition, **NEVER, name="renamed", parameters={"a": "3"})
    told = rest.definition(definition)
    assert (told["name"], told["parameters"], told["schedule"]) == ("renamed", {"a": "3"}, NEVER["schedule"])


def test_pause_and_resume_show_in_the_cluster(stack: Stack, rest: Rest, definition: str) -> None:
    rest.edit(definition, active=False)
    assert cron_of(stack, definition)["spec"]["suspend"] is True
    assert rest.definition(definition)["active"] is False
    rest.edit(definition, active=True)
    assert not cron_of(stack, definition)["spec"].get("suspend")
    assert rest.definition(definition)["active"] is True


def test_pausing_and_editing_with_kubectl_shows_in_the_lab(stack: Stack, rest: Rest, definition: str) -> None:
    before = rest.definition(definition)
    stack.patch_cron_workflow(
        definition, {"spec": {"suspend": True, "schedules": ["5 0 29 2 *"], "timezone": "Asia/Tokyo"}}
    )
    eventually(lambda: rest.definition(definition)["active"] is False, what="the pause shows")
    told = rest.definition(definition)
    assert (told["schedule"], told["timezone"]) == ("5 0 29 2 *", "Asia/Tokyo")
    assert told["update_time"] > before["update_time"]
    assert {name for name in told if told[name] != before[name]} == {"active", "schedule", "timezone", "update_time"}
    rest.edit(definition, name="renamed")
    told = rest.definition(definition)
    assert (told["name"], told["active"], told["schedule"]) == ("renamed", False, "5 0 29 2 *")


def test_deleting_with_kubectl_removes_the_definition_and_no_run(stack: Stack, rest: Rest, definition: str) -> None:
    run = rest.run_now(definition)
    rest.wait_for(run, "COMPLETED")
    stack.delete_cron_workflow(definition)
    eventually(lambda: definition not in rest.defined(), what="the definition is listed no longer")
    assert rest.job(run)["status"] == "COMPLETED"


def test_run_now_takes_the_definitions_settings_or_others(stack: Stack, rest: Rest, definition: str) -> None:
    plain, other = rest.run_now(definition), rest.run_now(definition, parameters={"a": "7"})
    assert set(rest.runs(definition)) == {plain, other}
    for job_id, said in ((plain, "1\n"), (other, "7\n")):
        job = rest.wait_for(job_id, "COMPLETED")
        assert (job["name"], job["tags"], job["job_definition_id"]) == ("defined", ["t"], definition)
        (output,) = stack.staged(job_id).glob("defined-*.ipynb")
        assert make.outputs_of(output) == said
    assert rest.definition(definition)["parameters"] == {"a": "1"}


def test_delete_takes_the_runs_along_and_the_running_one_is_stopped(stack: Stack, rest: Rest, notebooks: Path) -> None:
    make.write(notebooks / "endless.ipynb", make.PID_AND_WAIT)
    definition = rest.define("endless.ipynb", **NEVER)
    run = rest.run_now(definition)
    rest.wait_for(run, "IN_PROGRESS")
    rest.undefine(definition)
    assert definition not in rest.defined()
    assert rest.runs(definition) == {}
    assert definition not in stack.cron_workflows()
    eventually(lambda: run not in stack.workflows(), what="the running Workflow is gone")
    assert not stack.staged(run).exists()
    assert not stack.staged(definition).exists()
    assert stack.once().returncode == 0
    assert run not in stack.rows()
    assert definition not in stack.definition_rows()


def test_one_without_a_schedule_runs_when_asked_and_survives_a_lost_row(
    stack: Stack, rest: Rest, notebooks: Path
) -> None:
    make.write(notebooks / "manual.ipynb", "print('hi')")
    definition = rest.define("manual.ipynb", schedule=None, timezone=None)
    assert definition not in stack.cron_workflows()
    assert rest.definition(definition).get("schedule") is None
    rest.wait_for(rest.run_now(definition), "COMPLETED")
    before = stack.definition_rows()[definition]
    assert stack.once("--rebuild").returncode == 0
    assert stack.definition_rows()[definition] == before
    rest.edit(definition, name="renamed")
    assert rest.definition(definition)["name"] == "renamed"
    rest.edit(definition, **NEVER)
    assert definition in stack.cron_workflows()
    assert rest.definition(definition)["schedule"] == NEVER["schedule"]
    rest.undefine(definition)
    assert stack.once().returncode == 0
    assert definition not in stack.definition_rows()


def test_a_new_input_notebook_replaces_the_copy(stack: Stack, rest: Rest, notebooks: Path, definition: str) -> None:
    make.write(notebooks / "other.ipynb", "print('other')")
    rest.edit(definition, input_uri="other.ipynb")
    assert rest.definition(definition)["input_filename"] == "other.ipynb"
    run = rest.run_now(definition)
    rest.wait_for(run, "COMPLETED")
    (output,) = stack.staged(run).glob("*-*.ipynb")
    assert make.outputs_of(output) == "other\n"
