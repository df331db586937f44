"""P21: what changes nothing writes nothing, however often it comes."""

import sqlite3
from contextlib import closing

from nbargo_local.api.store import WORKFLOWS
from nbargo_shared.tables import HEARTBEAT_TABLE
from support.flying import flying
from support.following import Scene
from support.jobs import Json
from unit.watcher_reflector.scripted import Hold, ScriptedServer, event, listing

TIMES = 10_000
HEARTBEATS = 3
"""At most so many, in the time that a slow machine takes for the events."""


def ended(it: Scene) -> Json:
    for action in ("create", "run", "fail"):
        it.jobs.do(action, 1)
    return it.server.store.list(WORKFLOWS)[0]


def again(body: Json, *, version: str, note: str) -> Json:
    """Return a body as Argo's archive leaves it: one more label, and another resourceVersion."""
    labels = {**body["metadata"]["labels"], "workflows.argoproj.io/workflow-archiving-status": note}
    return body | {"metadata": body["metadata"] | {"resourceVersion": version, "labels": labels}}


def rows(it: Scene) -> list[str]:
    """Return all that the file holds but the heartbeat."""
    with closing(sqlite3.connect(it.database)) as connection:
        return [line for line in connection.iterdump() if HEARTBEAT_TABLE not in line]


def commits_of(it: Scene) -> int:
    """Return SQLite's own count of the transactions that changed the file (its header's bytes 24 to 27)."""
    return int.from_bytes(it.database.read_bytes()[24:28], "big")


async def test_ten_thousand_events_that_say_nothing_new_leave_all_rows_as_they_are() -> None:
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
        before, commits = rows(it), commits_of(it)
        server.watches = [[b"".join(same), b"".join(newer), Hold()]]
        server.release()
        await it.clock.until(lambda: follower.telemetry.events == 2 * TIMES - 1)
        await follower.kill()  # a checkpoint that moved alone is kept in memory, and written only in an orderly end
        assert it.differences() == []
        assert rows(it) == before
        assert commits_of(it) - commits <= HEARTBEATS
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
