"""Editing, pausing and resuming a definition around its runs. Argo's clock is driven, its pods are real."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from support import notebooks as make
from support.drivenargo import DrivenArgo
from support.rest import Rest
from support.stack import Stack
from support.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]  # several kernels start one after the other

BEGIN = datetime(2025, 6, 2, 8, 30, tzinfo=UTC)
HOUR = 3600.0
HOURLY = {"schedule": "0 * * * *", "timezone": "UTC"}


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, DrivenArgo]]:
    stack = Stack(tmp_path_factory.mktemp("driven"), variables={"NBARGO_WATCHER": "sidecar"})
    with DrivenArgo(stack.place, BEGIN) as argo:
        try:
            stack.start_watcher()
            stack.start_lab()
            yield stack, argo
        finally:
            stack.close()


@pytest.fixture
def argo(driven: tuple[Stack, DrivenArgo]) -> DrivenArgo:
    return driven[1]


@pytest.fixture
def stack(driven: tuple[Stack, DrivenArgo]) -> Stack:
    return driven[0]


@pytest.fixture
def rest(stack: Stack) -> Rest:
    return stack.rest


@contextmanager
def gated(stack: Stack, notebook: str, **settings: Any) -> Iterator[tuple[str, Path]]:
    """A definition whose runs wait for a file; it is deleted in the end, so that it takes part in no other test."""
    gate = stack.place.root / f"gate-{notebook}"
    cell = f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.02)\nprint(a)"
    make.write(stack.place.notebooks / f"{notebook}.ipynb", cell, parameters="a = 0")
    definition = stack.rest.define(f"{notebook}.ipynb", **{**HOURLY, "parameters": {"a": "1"}, **settings})
    yield definition, gate
    gate.touch()
    stack.rest.undefine(definition)


def new_run(rest: Rest, definition: str, known: set[str]) -> str:
    found = eventually(lambda: rest.runs(definition).keys() - known, what="another run is listed")
    (run,) = found
    return run


def text_of(stack: Stack, run: str) -> str:
    (output,) = (path for path in stack.staged(run).glob("*-*-*.ipynb"))
    return make.outputs_of(output)


def test_a_run_keeps_what_the_definition_was_when_it_began(stack: Stack, rest: Rest, argo: DrivenArgo) -> None:
    make.write(stack.place.notebooks / "replaced.ipynb", "print('replaced', a)", parameters="a = 0")
    with gated(stack, "kept") as (definition, gate):
        rest.edit(definition, name="before", parameters={"a": "2"})
        argo.pass_time(HOUR)
        first = new_run(rest, definition, set())
        rest.wait_for(first, "IN_PROGRESS")
        copy = stack.staged(first) / "kept.ipynb"
        eventually(copy.exists, what="the run has its copy")
        source = copy.read_bytes()
        rest.edit(definition, name="during", parameters={"a": "3"}, tags=["x"], input_uri="replaced.ipynb")
        assert rest.job(first)["name"] == "before"
        gate.touch()
        done = rest.wait_for(first, "COMPLETED")
        assert (done["name"], done["parameters"], done["input_filename"]) == ("before", {"a": "2"}, "kept.ipynb")
        assert text_of(stack, first) == "2\n"
        assert copy.read_bytes() == source
        rest.edit(definition, name="after")
        argo.pass_time(HOUR)
        second = new_run(rest, definition, {first})
        done = rest.wait_for(second, "COMPLETED")
        assert (done["name"], done["parameters"], done["input_filename"]) == ("after", {"a": "3"}, "replaced.ipynb")
        assert text_of(stack, second) == "replaced 3\n"
        assert rest.job(first)["name"] == "before"


def test_a_pause_during_a_run_lets_it_end_and_starts_no_other(stack: Stack, rest: Rest, argo: DrivenArgo) -> None:
    with gated(stack, "paused") as (definition, gate):
        argo.pass_time(HOUR)
        first = new_run(rest, definition, set())
        rest.wait_for(first, "IN_PROGRESS")
        rest.edit(definition, active=False)
        argo.pass_time(2 * HOUR)
        assert rest.job(first)["status"] == "IN_PROGRESS"
        gate.touch()
        rest.wait_for(first, "COMPLETED")
        argo.pass_time(2 * HOUR)
        assert stack.once().returncode == 0
        assert set(rest.runs(definition)) == {first}
        assert rest.definition(definition)["active"] is False
        rest.edit(definition, active=True)
        argo.pass_time(60)
        assert stack.once().returncode == 0
        assert set(rest.runs(definition)) == {first}, "what was due while it was paused is not caught up"
        argo.pass_time(HOUR)
        rest.wait_for(new_run(rest, definition, {first}), "COMPLETED")


def test_an_edit_of_the_schedule_starts_nothing_by_itself(stack: Stack, rest: Rest, argo: DrivenArgo) -> None:
    with gated(stack, "edited") as (definition, gate):
        gate.touch()
        for schedule, timezone in (("15 * * * *", "UTC"), ("15 * * * *", "Asia/Kolkata"), ("0 0 1 1 *", "UTC")):
            rest.edit(definition, schedule=schedule, timezone=timezone)
            argo.pass_time(1)
        argo.pass_time(HOUR)
        assert stack.once().returncode == 0
        assert rest.runs(definition) == {}


def test_a_run_that_is_overtaken_by_the_next_tick_is_left_alone(stack: Stack, rest: Rest, argo: DrivenArgo) -> None:
    with gated(stack, "overtaken") as (definition, gate):
        argo.pass_time(HOUR)
        first = new_run(rest, definition, set())
        rest.wait_for(first, "IN_PROGRESS")
        argo.pass_time(2 * HOUR)
        assert rest.job(first)["status"] == "IN_PROGRESS"
        assert set(rest.runs(definition)) == {first}
        gate.touch()
        rest.wait_for(first, "COMPLETED")


def test_an_edit_while_a_run_begins_gives_it_all_or_nothing_of_it(stack: Stack, rest: Rest, argo: DrivenArgo) -> None:
    pairs = {f"name {number}": {"a": str(number)} for number in range(3)}
    with gated(stack, "whole", schedule="* * * * *", name="name 0", parameters={"a": "0"}) as (definition, gate):
        gate.touch()
        for name, parameters in pairs.items():
            rest.edit(definition, name=name, parameters=parameters)
            argo.pass_time(60)
            eventually(lambda: _all_ended(rest, definition), what="the run has ended")
        runs = rest.runs(definition)
        assert len(runs) >= len(pairs) - 1
        for run, job in runs.items():
            assert job["parameters"] == pairs[job["name"]]
            assert text_of(stack, run) == f"{job['parameters']['a']}\n"


def test_a_tick_that_argo_could_not_start_is_one_failed_run(stack: Stack, rest: Rest, argo: DrivenArgo) -> None:
    with gated(stack, "denied") as (definition, _):
        stack.patch_cron_workflow(definition, {"spec": {"workflowMetadata": {"labels": {"no key": "x"}}}})
        argo.pass_time(HOUR)
        run = new_run(rest, definition, set())
        job = rest.job(run)
        assert job["status"] == "FAILED"
        assert job["status_message"].startswith("Failed to submit Workflow")
        assert (job["name"], job["job_definition_id"]) == ("denied", definition)
        argo.pass_time(2 * HOUR)
        assert stack.once().returncode == 0
        assert set(rest.runs(definition)) == {run}
        rest.delete(run)
        argo.pass_time(HOUR)
        assert stack.once().returncode == 0
        assert rest.runs(definition) == {}


def _all_ended(rest: Rest, definition: str) -> bool:
    return all(job["status"] == "COMPLETED" for job in rest.runs(definition).values())
