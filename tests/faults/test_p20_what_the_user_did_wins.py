"""P20: a user's stop or delete, and another watcher's better knowledge, win at whichever await they come between."""

from collections.abc import Callable

import pytest

from support.flying import flying
from support.following import Follower, Scene
from support.jobs import job_id

AWAITS = 4
"""At least so many there are between an event's arrival and its commit; a lock that is free costs none."""


async def interleaved(
    *, intent: Callable[[Scene], None], event: str, expected: list[tuple[str]], until_written: bool = False
) -> int:
    """Let something happen at each await of the handling of an event, at one in each round.

    Args:
        intent: What happens.
        event: What happens to the job, and is told to the watcher.
        expected: The row's status in the end.
        until_written: Whether the intent comes too late once the watcher has written what it knows.

    Returns:
        How many awaits there were.
    """
    async with flying() as it:
        for number in range(1, 100):
            follower = it.follower()
            follower.start()
            for action in ("create", "run"):
                it.jobs.do(action, number)
            await it.true()
            late = await _told(it, follower, number, intent=intent, event=event)
            if late and until_written:
                return number
            found = it.sql("SELECT status FROM jobs WHERE job_id = ?", job_id(number))
            assert found == expected, f"await {number}"
            if late is None:
                return number
            await follower.stop()
            it.jobs.jobs.clear()
            it.sql("DELETE FROM jobs")
    raise AssertionError("no end")


async def _told(
    it: Scene, follower: Follower, number: int, *, intent: Callable[[Scene], None], event: str
) -> bool | None:
    """Return whether the intent came after the watcher had written, and None if the watcher has no such await."""
    late: list[bool] = []
    written = follower.telemetry.changes["changed"]

    def meanwhile() -> None:
        late.append(follower.telemetry.changes["changed"] > written)
        intent(it)

    assert follower.life is not None
    follower.life.then, follower.life.left = meanwhile, number
    assert it.jobs.do(event, number)
    # Time stands still: what follows are awaits of the event's own handling.
    await it.clock.run(0.1)
    follower.life.left = None
    reached = bool(late)
    if not reached:
        intent(it)
    await it.clock.run(3)
    return late[0] if reached else None


@pytest.mark.parametrize("intent", ["STOPPING", "STOPPED"])
async def test_a_stop_is_not_undone_by_a_running_event(intent: str) -> None:
    def stop(it: Scene) -> None:
        it.sql("UPDATE jobs SET status = ?", intent)

    assert await interleaved(intent=stop, event="touch", expected=[(intent,)]) >= AWAITS


async def test_a_deleted_row_is_not_brought_back_by_the_end_of_the_job() -> None:
    def delete(it: Scene) -> None:
        it.sql("DELETE FROM jobs")

    assert await interleaved(intent=delete, event="succeed", expected=[]) > AWAITS


async def test_a_success_that_another_watcher_wrote_is_not_made_a_failure() -> None:
    def success(it: Scene) -> None:
        it.sql("UPDATE jobs SET status = 'COMPLETED', end_time = 1")
        it.sql("UPDATE nbargo_projected SET status = 'COMPLETED'")

    assert await interleaved(intent=success, event="delete", expected=[("COMPLETED",)], until_written=True) > AWAITS
