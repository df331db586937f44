"""P02: every complete list is held against the rows, and what it lacks is resolved."""

import pytest

from nbargo_local.faults.answers import after
from support.faulty import Faulty, faulty


async def _down(it: Faulty, *actions: tuple[str, int]) -> None:
    """Let things happen while nobody watches, and so much else that no watch can tell of them."""
    for action, number in actions:
        assert it.jobs.do(action, number)
    for _ in range(5):
        it.jobs.do("somebody_else", 0)


async def test_a_workflow_that_was_deleted_while_the_watcher_was_down_is_resolved_by_the_first_list() -> None:
    async with faulty(window=2) as it:
        it.run(0, 1)
        follower = await it.following()
        await follower.stop()
        await _down(it, ("delete", 0))
        before = it.lists
        follower.start()
        await it.true(within=5)
        assert it.lists - before == 1
        assert (it.status(0), it.status(1)) == ("FAILED", "IN_PROGRESS")


@pytest.mark.parametrize("end", ["succeed", "fail"])
async def test_one_that_ended_and_was_collected_meanwhile_has_its_own_end(end: str) -> None:
    async with faulty(window=2) as it:
        it.run(0)
        follower = await it.following()
        await follower.stop()
        await _down(it, (end, 0), ("collect", 0))
        follower.start()
        await it.true(within=5)
        assert it.status(0) == {"succeed": "COMPLETED", "fail": "FAILED"}[end]


async def test_one_that_is_created_after_the_list_is_not_taken_for_gone() -> None:
    async with faulty(window=2) as it:
        it.run(0)
        await it.following()
        it.plan.add("watch", after(lambda: it.run(7)), times=1)
        await _down(it)
        it.plan.cut()
        await it.clock.until(lambda: 7 in it.jobs.jobs, within=35)
        await it.true(within=35)  # the watch that follows the list waits for its turn in the budget
        assert it.status(7) == "IN_PROGRESS"
