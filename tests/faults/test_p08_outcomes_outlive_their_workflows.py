"""P08: what became of a job is known even when it ended, and was collected, while no watcher ran."""

from support.faulty import faulty

AWAITS = range(1, 130, 3)


async def test_jobs_that_ended_and_were_collected_unseen_have_their_true_ends() -> None:
    async with faulty(window=2) as it:
        it.run(0, 1, 2, 3)
        follower = await it.following()
        await follower.stop()
        it.run(4)
        for action, number in [("succeed", 0), ("fail", 1), ("succeed", 4), ("kill", 3)]:
            assert it.jobs.do(action, number)
        for number in range(5):
            assert it.jobs.do("delete", number)
        follower.start()
        await it.true(within=30)
        assert [it.status(number) for number in range(5)] == ["COMPLETED", "FAILED", "FAILED", "FAILED", "COMPLETED"]
        told = dict(it.scene.sql("SELECT job_id, status_message FROM jobs"))
        assert "ValueError" in told[it.jobs.jobs[1].record.job_id]
        assert not it.scene.sql("SELECT 1 FROM jobs WHERE status = 'IN_PROGRESS'")


async def test_the_end_of_one_that_the_watcher_saw_start_is_read_from_its_file() -> None:
    async with faulty() as it:
        it.run(0)
        await it.following()
        it.plan.cut()
        it.jobs.do("succeed", 0)
        it.jobs.do("collect", 0)
        await it.true(within=35)
        assert it.status(0) == "COMPLETED"


async def test_a_watcher_killed_at_any_await_leaves_no_dead_job_that_nobody_saw_without_a_row() -> None:
    """Its file says that it runs; that it is gone a list alone can tell, and the look at the files writes it."""
    async with faulty(window=2) as it:
        follower = await it.following()
        await follower.stop()
        known: set[tuple[bool, bool]] = set()
        for awaits in AWAITS:
            dead, alive = 2 * awaits, 2 * awaits + 1  # for the other one the list has something to commit
            it.run(dead, alive)
            assert all(it.jobs.do(action, dead) for action in ("kill", "delete"))
            follower.start(awaits=awaits)
            await it.clock.until(lambda: follower.is_dead or not it.scene.differences(), within=60)
            known.add((bool(it.status(alive)), bool(it.status(dead))))
            await follower.kill()
            follower.start()
            await it.true(within=30)
            await follower.kill()
        assert known == {(False, False), (True, False), (True, True)}
