"""P17: identity is the job id and the uid. Names come again, and copies carry the labels of the original."""

from support.flying import flying
from support.following import SCOPE
from support.jobs import job_id


async def test_a_workflow_of_the_same_name_and_another_uid_is_another_run() -> None:
    async with flying() as it:
        it.following()
        for action in ("create", "run", "fail"):
            it.jobs.do(action, 1)
        await it.true()
        for action in ("delete", "succeeded_by", "run"):
            it.jobs.do(action, 1)
        await it.true()
        assert it.sql("SELECT status FROM jobs") == [("IN_PROGRESS",)]
        it.jobs.do("succeed", 1)
        await it.true()


async def test_it_is_another_run_too_if_nobody_watched_the_exchange() -> None:
    async with flying(window=3) as it:
        first = it.following()
        for action in ("create", "run", "fail"):
            it.jobs.do(action, 1)
        await it.true()
        await first.kill()
        for action in ("delete", "succeeded_by", "run", "succeed", "touch", "touch", "touch"):
            it.jobs.do(action, 1)
        first.start()
        await it.true()
        assert it.sql("SELECT status FROM jobs") == [("COMPLETED",)]


async def test_a_resubmitted_copy_that_fails_does_not_touch_the_original() -> None:
    async with flying() as it:
        follower = it.following()
        for action in ("create", "run", "succeed"):
            it.jobs.do(action, 1)
        await it.true()
        events = follower.telemetry.events
        it.jobs.do("resubmit", 1)
        await it.clock.until(lambda: follower.telemetry.events > events)
        await it.clock.run(5)
        assert it.differences() == []
        assert it.sql("SELECT job_id, status FROM jobs") == [(job_id(1), "COMPLETED")]
        await follower.kill()
        it.sql("DELETE FROM nbargo_checkpoint")  # so that the copy comes by a list, beside the original
        follower.start()
        await it.clock.until(lambda: SCOPE in follower.telemetry.ready)
        assert it.differences() == []
