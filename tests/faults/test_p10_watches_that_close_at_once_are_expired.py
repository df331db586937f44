"""P10: a server that closes a watch at once, in order and without a word, has lost our place."""

from nbargo_local.faults.streams import says
from support.faulty import faulty


async def test_an_instant_close_for_ever_costs_little_and_leads_to_a_list() -> None:
    async with faulty() as it:
        it.run(0)
        follower = await it.following()
        lists = it.lists
        it.plan.add("watch", says(), resource="workflows")
        it.plan.cut()
        it.jobs.do("succeed", 0)  # no watch tells of it
        await it.true(within=60)
        assert it.lists - lists >= 1
        await it.clock.run(300)
        assert it.plan.busiest(60) <= 10
        assert follower.telemetry.degraded
        it.plan.heal()
        it.run(1)
        await it.true(within=35)
        await it.clock.until(lambda: not follower.telemetry.degraded, within=35)


async def test_a_watch_that_ends_in_its_time_is_no_fault() -> None:
    async with faulty() as it:
        it.run(0)
        follower = await it.following()
        lists, watches = it.lists, it.watches
        await it.clock.run(1000)
        assert (it.lists, it.watches > watches) == (lists, True)
        assert follower.telemetry.retries == {}
