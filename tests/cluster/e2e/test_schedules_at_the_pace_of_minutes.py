"""A schedule of every minute under Argo's real controller, from its making to its deletion: about four minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support import notebooks as make
from support.waiting import eventually

if TYPE_CHECKING:
    from support.stack import MakeStack, Stack

pytestmark = pytest.mark.timeout(600)

EVERY_MINUTE = {"schedule": "* * * * *", "timezone": "UTC"}
TTL_SECONDS = 15
HISTORY = 1
_TICK = 90.0  # seconds: a minute, and what a run takes to begin and end


def ended(stack: Stack, definition: str) -> dict[str, dict[str, Any]]:
    return {key: run for key, run in stack.rest.runs(definition).items() if run["status"] == "COMPLETED"}


def text_of(stack: Stack, run: str) -> str:
    (output,) = stack.staged(run).glob("minutely-*.ipynb")
    return make.outputs_of(output)


def runs_in_staging(stack: Stack, definition: str) -> set[str]:
    """The runs of a definition that have left an outcome file, whoever has seen them."""
    files = stack.place.staging.glob("*/outcome.json")
    return {file.parent.name for file in files if definition in file.read_text(encoding="utf-8")}


def test_a_schedule_of_every_minute(make_stack: MakeStack) -> None:
    stack = make_stack(f"--ArgoScheduler.workflow_ttl={TTL_SECONDS}", f"--ArgoScheduler.successful_runs_kept={HISTORY}")
    rest = stack.rest
    make.write(stack.place.notebooks / "minutely.ipynb", "print(a)", parameters="a = 0")
    first = rest.define("minutely.ipynb", name="first", **EVERY_MINUTE, parameters={"a": "1"})
    second = rest.define("minutely.ipynb", name="second", **EVERY_MINUTE, parameters={"a": "2"})

    # Two ticks, then a pause and a run by hand.
    eventually(lambda: len(ended(stack, first)) >= 2, what="two runs have ended", seconds=2 * _TICK, every=0.5)
    rest.edit(first, active=False)
    by_hand = rest.run_now(first, parameters={"a": "7"})
    rest.wait_for(by_hand, "COMPLETED")
    assert text_of(stack, by_hand) == "7\n"
    eventually(lambda: len(ended(stack, first)) == len(rest.runs(first)), what="what had begun has ended", every=0.5)
    before = ended(stack, first)
    minutes = sorted(run["create_time"] // 60_000 for key, run in before.items() if key != by_hand)
    assert len(set(minutes)) == len(minutes), "one run in a minute"

    # Meanwhile, with the watcher off, a run of the other one comes, ends and is collected.
    stack.kill("watcher")
    listed = set(rest.runs(second))
    collected = eventually(
        lambda: runs_in_staging(stack, second) - listed - stack.workflow_uids(),
        what="a run that nobody saw is collected",
        seconds=2 * _TICK,
        every=0.5,
    )
    assert set(rest.runs(second)) == listed
    stack.start_watcher()
    eventually(lambda: collected <= ended(stack, second).keys(), what="the runs that are gone are listed")
    assert all(text_of(stack, run) == "2\n" for run in collected)
    assert rest.runs(first).keys() == before.keys(), "nothing ran while it was paused"

    # Edited and resumed: the next run is the new one's. kubectl pauses the other.
    rest.edit(first, name="edited", parameters={"a": "3"}, active=True)
    stack.patch_cron_workflow(second, {"spec": {"suspend": True}})
    eventually(lambda: rest.definition(second)["active"] is False, what="the pause by kubectl shows")
    eventually(lambda: ended(stack, first).keys() - before.keys(), what="a run after", seconds=_TICK, every=0.5)
    for run in ended(stack, first).keys() - before.keys():
        assert rest.job(run)["name"] == "edited"
        assert text_of(stack, run) == "3\n"

    for definition in (first, second):
        rest.undefine(definition)
    check_that_nothing_is_left(stack)


def check_that_nothing_is_left(stack: Stack) -> None:
    rest = stack.rest
    assert rest.defined() == set()
    assert rest.jobs()["jobs"] == []
    assert stack.cron_workflows() == {}
    eventually(lambda: not stack.workflows(), what="the Workflows are gone", every=0.25)
    assert list(stack.place.staging.glob("*-*-*")) == []
    result = stack.once()
    assert result.returncode == 0, result.stderr
    assert stack.rows() == {}
    assert stack.definition_rows() == {}
