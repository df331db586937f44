"""P13: a connection whose other end is gone without a FIN is left by the watcher's own deadline, without a list."""

from nbargo_local.faults.proxy import TcpProxy
from support.faulty import faulty


async def test_an_event_behind_a_silent_connection_is_in_the_rows_within_two_minutes() -> None:
    async with faulty() as it, TcpProxy(it.scene.server.port) as proxy:
        it.run(0)
        await it.following(url=f"http://127.0.0.1:{proxy.port}")
        lists, watches = it.lists, it.watches
        await it.clock.run(30)
        proxy.silence()
        it.jobs.do("succeed", 0)
        took = await it.true(within=120)
        assert took > 50  # nothing but the deadline ended it
        assert (it.lists - lists, it.watches - watches) == (0, 1)


async def test_a_slow_answer_is_no_silent_one() -> None:
    async with faulty() as it, TcpProxy(it.scene.server.port) as proxy:
        it.run(0)
        await it.following(url=f"http://127.0.0.1:{proxy.port}")
        watches = it.watches
        proxy.chunk, proxy.pause = 64, 1.0  # an event takes half a minute
        it.jobs.do("succeed", 0)
        await it.true(within=120)
        assert it.watches == watches
