"""P06: the resourceVersion to go on from is committed with the rows that it stands for, never before."""

from support.faulty import faulty

JOBS = 3
AWAITS = 60


async def test_a_watcher_killed_at_any_await_goes_on_without_a_list_and_loses_nothing() -> None:
    """Each time, events wait for it, it dies somewhere between reading and committing them, and another goes on."""
    async with faulty(window=10_000) as it:
        it.run(*range(JOBS))
        follower = await it.following()
        await follower.stop()
        lists, died = it.lists, 0
        for awaits in range(1, AWAITS):
            for number in range(JOBS):
                assert any(it.jobs.do(action, number) for action in ("fail", "retry", "run"))
            follower.start(awaits=awaits)
            await it.clock.until(lambda: follower.is_dead or not it.scene.differences(), within=60)
            died += follower.is_dead
            await follower.kill()
            follower.start()
            await it.true(within=10)
            await follower.kill()
        assert it.lists == lists
        assert died > AWAITS / 2
