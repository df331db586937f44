"""P24: two watchers on one database converge, whenever they are killed, and end in time, whatever they wait for.

The soak (tests/faults/soak.py) does the same for minutes, with faults of the server and the database beside it.
"""

import asyncio
import signal
import time

import pytest

from nbargo_local.faults.proxy import TcpProxy
from support.churn import churning

SECONDS = 6.0
END = 2.0
"""Seconds from the signal to the end: a pod is given more, but a user who stops a lab waits for it."""


@pytest.mark.parametrize("seed", [1])
async def test_two_watchers_that_are_killed_under_churn_make_the_rows_true(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with churning(seed) as it:
        it.start()
        it.start()
        work = [it.churn(rate=300), it.kill(every=(0.3, 0.8)), it.use(every=(0.1, 0.5))]
        tasks = [asyncio.create_task(each) for each in work]
        ended, _ = await asyncio.wait(tasks, timeout=SECONDS, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert not ended
        assert await it.settle(within=35) == []
        assert it.tally.kills >= 3
        assert it.tally.histories > 20
        # One that was started a moment ago does not hear the signal yet, and is ended by it.
        assert {watcher.stop() for watcher in it.watchers} <= {0, -signal.SIGTERM}
        assert caplog.records == []  # that watchers were killed is no error of the server's


async def test_a_watcher_that_hears_nothing_ends_within_two_seconds() -> None:
    async with churning(1) as it, TcpProxy(it.server.port) as proxy:
        watcher = it.start(port=proxy.port)
        for action in ("create", "run"):
            it.jobs.do(action, 1)
        assert await it.settle(within=30) == []
        proxy.silence()
        it.jobs.do("succeed", 1)
        began = time.monotonic()
        assert await asyncio.to_thread(watcher.stop) == 0
        assert time.monotonic() - began < END
