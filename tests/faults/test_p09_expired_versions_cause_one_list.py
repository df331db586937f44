"""P09: 410 as a line of a watch, as the answer to one, and as the answer to a `continue` token: one list each."""

import pytest

from nbargo_local.faults.answers import EXPIRED, expired, status
from nbargo_local.faults.plan import Fault
from nbargo_local.faults.streams import line, says
from nbargo_watcher import source
from support.faulty import faulty

TIMES = 20
WITHIN = 600.0
SHAPES = {
    "a line, Expired": says(line("ERROR", status(410, "Expired", EXPIRED))),
    "a line, Gone": says(line("ERROR", status(410, "Gone", EXPIRED))),
    "the answer": expired(),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
async def test_each_expired_watch_is_followed_by_one_list_within_the_budget(shape: Fault) -> None:
    async with faulty() as it:
        it.run(0)
        follower = await it.following()
        lists = it.lists
        rule = it.plan.add("watch", shape, times=TIMES, resource="workflows")
        it.plan.cut()
        await it.clock.until(lambda: rule.hits == TIMES, within=WITHIN)
        it.jobs.do("succeed", 0)
        await it.true(within=35)
        assert follower.task
        assert not follower.task.done()
        assert it.lists - lists == TIMES
        assert it.plan.busiest(60) <= 10


async def test_a_list_whose_pages_keep_expiring_is_asked_for_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "PAGE_SIZE", 2)
    async with faulty() as it:
        it.run(0, 1, 2)
        await it.following()
        rule = it.plan.add("list", expired(), page=2, resource="workflows")
        it.plan.add("watch", expired(), times=1, resource="workflows")
        it.plan.cut()
        it.jobs.do("succeed", 2)
        await it.true(within=60)  # three lists in a row are more than the stream's budget holds
        assert rule.hits == 2
        assert it.plan.of("list", "workflows")[-1].limit == ""


async def test_a_list_that_keeps_expiring_costs_little_and_ends_nothing() -> None:
    async with faulty() as it:
        it.run(0)
        await it.following()
        rule = it.plan.add("list", expired(), times=TIMES, resource="workflows")
        it.plan.add("watch", expired(), times=1, resource="workflows")
        it.plan.cut()
        await it.clock.until(lambda: rule.hits == TIMES, within=WITHIN)
        it.jobs.do("succeed", 0)
        await it.true(within=35)
        assert it.plan.busiest(60) <= 10
