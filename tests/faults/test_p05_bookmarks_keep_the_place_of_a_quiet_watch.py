"""P05: bookmarks are asked for, move the resourceVersion and nothing else, and may be missing."""

from dataclasses import replace

import pytest

from nbargo_local.faults.proxy import TcpProxy
from nbargo_local.faults.streams import reshaped, without
from support.faulty import SELDOM, faulty

TEN_MINUTES = 600
PATIENT = replace(SELDOM, idle=10_000.0, watch=(5_000.0, 5_000.0))
"""So that only the cut makes it watch again."""


@pytest.mark.parametrize(("bookmarks", "lists"), [(True, 0), (False, 1)])
async def test_after_ten_minutes_of_others_churn_a_reconnect_lists_only_without_bookmarks(
    *, bookmarks: bool, lists: int
) -> None:
    async with faulty(window=20) as it, TcpProxy(it.scene.server.port) as proxy:
        it.run(0, 1)
        if not bookmarks:
            it.plan.add("watch", reshaped(without("BOOKMARK")))
        follower = await it.following(timing=PATIENT, url=f"http://127.0.0.1:{proxy.port}")
        before, watches = it.lists, it.watches
        for _ in range(TEN_MINUTES // 5):
            it.jobs.do("somebody_else", 0)
            await it.clock.run(5)
        assert it.watches == watches
        assert (follower.telemetry.events, follower.telemetry.quarantined) == (0, 0)
        proxy.reset()
        await it.clock.until(lambda: it.watches > watches, within=35)
        it.jobs.do("succeed", 0)
        await it.true(within=35)
        assert it.lists - before == lists


async def test_bookmarks_touch_no_row() -> None:
    async with faulty() as it:
        it.run(0)
        await it.following(timing=PATIENT)
        before = it.scene.sql("SELECT * FROM jobs")
        it.jobs.do("somebody_else", 0)
        await it.clock.run(TEN_MINUTES)
        assert it.scene.sql("SELECT * FROM jobs") == before
