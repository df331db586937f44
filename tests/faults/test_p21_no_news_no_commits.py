"""P21: what changes nothing writes nothing, however often it comes."""

from nbargo_local.api.store import WORKFLOWS
from support.flying import flying
from support.following import Scene
from support.jobs import Json
from unit.watcher_reflector.scripted import Hold, ScriptedServer, event, listing

TIMES = 10_000


def ended(it: Scene) -> Json:
    for action in ("create", "run", "fail"):
        it.jobs.do(action, 1)
    return it.server.store.list(WORKFLOWS)[0]


def again(body: Json, *, version: str, note: str) -> Json:
    """Return a body as Argo's archive leaves it: one more label, and another resourceVersion."""
    labels = {**body["metadata"]["labels"], "workflows.argoproj.io/workflow-archiving-status": note}
    return body | {"metadata": body["metadata"] | {"resourceVersion": version, "labels": labels}}


async def test_ten_thousand_events_that_say_nothing_new_leave_the_file_as_it_is() -> None:
    async with flying() as it, ScriptedServer().serving() as server:
        body = ended(it)
        version = int(body["metadata"]["resourceVersion"])
        server.lists = [listing(body, version=version)]
        same = [event("MODIFIED", body)] * TIMES
        newer = [event("MODIFIED", again(body, version=str(version + n), note=str(n))) for n in range(1, TIMES)]
        server.watches = [[Hold()]]
        follower = it.follower(url=server.url)
        follower.start()
        await it.true()
        await it.clock.until(lambda: "heartbeat" in follower.telemetry.moved_at and follower.telemetry.watches > 0)
        await it.clock.run(1)  # until the heartbeat's commit is done, and long before the next one
        before = (it.database.read_bytes(), it.database.stat().st_mtime_ns)
        server.watches = [[b"".join(same), b"".join(newer), Hold()]]
        server.release()
        await it.clock.until(lambda: follower.telemetry.events == 2 * TIMES - 1)
        await follower.kill()  # a checkpoint that moved alone is kept in memory, and written only in an orderly end
        assert it.differences() == []
        assert (it.database.read_bytes(), it.database.stat().st_mtime_ns) == before
        assert follower.telemetry.changes.total() == 1
        assert server.listed[1:] == []


async def test_a_list_of_what_is_known_already_writes_no_row() -> None:
    async with flying() as it:
        follower = it.following()
        ended(it)
        await it.true()
        before = it.sql("SELECT * FROM jobs"), it.sql("SELECT * FROM nbargo_projected")
        await it.clock.until(lambda: follower.telemetry.lists == 4, within=1500)
        assert (it.sql("SELECT * FROM jobs"), it.sql("SELECT * FROM nbargo_projected")) == before
        assert follower.telemetry.changes["changed"] + follower.telemetry.changes["added"] <= 3
