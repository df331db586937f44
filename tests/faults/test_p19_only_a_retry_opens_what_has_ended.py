"""P19: an end is sticky within an attempt, and only a retry begins another one."""

from nbargo_local.api.store import WORKFLOWS
from support.flying import flying
from support.following import Scene
from support.jobs import PHASE_LABEL, Json
from unit.watcher_reflector.scripted import Hold, ScriptedServer, event

STEPS = (
    ("fail", "FAILED"),
    ("retry", "QUEUED"),
    ("run", "IN_PROGRESS"),
    ("fail", "IN_PROGRESS"),
    ("succeed", "COMPLETED"),
    ("fail", "COMPLETED"),
    ("run", "COMPLETED"),
    ("retry", "COMPLETED"),
)
"""What the watcher is told next, and what the row says then; what comes again is late."""


def status(it: Scene) -> object:
    return it.sql("SELECT status FROM jobs")


def recorded(it: Scene, *actions: str) -> list[Json]:
    after = it.server.store.revision
    for action in actions:
        assert it.jobs.do(action, 1)
    return [found.object for found in it.server.store.events_after(WORKFLOWS, after)]


async def test_a_retry_opens_the_row_and_late_news_of_the_failure_do_not_close_it() -> None:
    async with flying() as it, ScriptedServer().serving() as server:
        recorded(it, "create", "run")
        follower, bodies = it.follower(url=server.url), dict[str, Json]()
        for action, wanted in STEPS:
            if action not in bodies:
                bodies[action] = recorded(it, action)[-1]
            body = bodies[action]
            # A watcher and a watch for each step: what comes together would be gathered into one.
            server.watches = [[event("MODIFIED", body), Hold()]]
            follower.start()
            await it.clock.until(lambda: follower.telemetry.batches == 1)
            await follower.stop()
            assert status(it) == [(wanted,)], body["status"]
        assert bodies["retry"]["status"].get("phase", "") == ""
        assert bodies["retry"]["metadata"]["labels"][PHASE_LABEL] == "Failed"
        assert it.differences() == []


async def test_a_retry_opens_a_row_that_its_file_made_before_any_event_came() -> None:
    async with flying() as it, ScriptedServer().serving() as server:
        recorded(it, "create", "run", "fail")
        retried = recorded(it, "retry")[-1]
        follower = it.follower(url=server.url)
        server.watches = [[Hold()]]
        follower.start()
        await it.clock.until(lambda: status(it) == [("FAILED",)])
        await follower.stop()
        server.watches = [[event("MODIFIED", retried), Hold()]]
        follower.start()
        await it.clock.until(lambda: follower.telemetry.batches == 1)
        await follower.stop()
        assert it.differences() == []


async def test_an_end_is_final_even_where_versions_tell_no_order() -> None:
    async with flying() as it, ScriptedServer().serving() as server:
        recorded(it, "create")
        bodies = [recorded(it, action)[-1] for action in ("run", "succeed")]
        follower = it.follower(url=server.url)
        for place, body in enumerate([*bodies, bodies[0]]):
            opaque = body | {"metadata": body["metadata"] | {"resourceVersion": f"v{place}"}}
            server.watches = [[event("MODIFIED", opaque), Hold()]]
            follower.start()
            await it.clock.until(lambda: follower.telemetry.batches == 1)
            await follower.stop()
        assert status(it) == [("COMPLETED",)]
        assert it.differences() == []


async def test_what_follows_an_end_without_a_retry_changes_nothing() -> None:
    async with flying() as it:
        it.following()
        for action in ("create", "run", "succeed"):
            it.jobs.do(action, 1)
        await it.true()
        before = it.sql("SELECT * FROM jobs")
        for action in ("touch", "touch", "collect"):
            it.jobs.do(action, 1)
        await it.clock.run(5)
        assert it.sql("SELECT * FROM jobs") == before


async def test_a_retry_of_an_attempt_that_was_stopped_is_not_stopped() -> None:
    async with flying() as it:
        it.following()
        for action in ("create", "run", "stop", "kill"):
            it.jobs.do(action, 1)
        await it.true()
        assert status(it) == [("STOPPED",)]
        for action in ("retry", "run"):
            it.jobs.do(action, 1)
        await it.true()
        assert status(it) == [("IN_PROGRESS",)]
