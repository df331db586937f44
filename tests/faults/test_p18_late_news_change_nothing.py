"""P18: resourceVersions order what is known of an object; what has no order is looked at; deletions may be SAME."""

import random
from collections.abc import Sequence

import pytest

from nbargo_local.api.store import WORKFLOWS
from support.flying import flying
from support.following import Scene
from support.jobs import Json
from unit.watcher_reflector.scripted import Hold, ScriptedServer, event, listing

HISTORY = ("create", "run", "touch", "fail", "retry", "run", "touch", "succeed", "touch")


def recorded(it: Scene, actions: Sequence[str], number: int) -> list[tuple[str, Json]]:
    """Play a history, and return the events that the server sent of it."""
    after = it.server.store.revision
    for action in actions:
        it.jobs.do(action, number)
    return [(found.type, found.object) for found in it.server.store.events_after(WORKFLOWS, after)]


async def told(it: Scene, server: ScriptedServer, lines: Sequence[bytes]) -> None:
    """Follow a server that says these lines, until everything is written."""
    server.watches = [[*lines, Hold()]]
    follower = it.follower(url=server.url)
    follower.start()
    await it.clock.until(lambda: follower.telemetry.events >= len(lines))
    await it.clock.run(3)
    await follower.stop()


@pytest.mark.parametrize(
    ("actions", "stale"), [(HISTORY, "Running"), (("create", "run"), ""), (("create", "run", "succeed"), "Running")]
)
async def test_a_list_from_the_past_brings_nothing_back(actions: Sequence[str], stale: str) -> None:
    async with flying() as it, ScriptedServer().serving() as server:
        events = recorded(it, actions, 1)
        past = next(body for _, body in events if body.get("status", {}).get("phase", "") == stale)
        newest = events[-1][1]
        server.lists = [
            listing(newest, version=int(newest["metadata"]["resourceVersion"])),
            listing(past, version=int(past["metadata"]["resourceVersion"])),
        ]
        follower = it.follower(url=server.url)
        follower.start()
        await it.true()
        await it.clock.until(lambda: len(server.listed) == 2, within=1300)
        await it.clock.run(5)
        assert it.differences() == []


@pytest.mark.parametrize("seed", range(6))
async def test_a_shuffled_replay_of_a_stream_ends_as_the_stream_did(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - repeatable
    async with flying() as it, ScriptedServer().serving() as server:
        events = [made for number in range(3) for made in recorded(it, HISTORY, number)]
        events += recorded(it, ("delete",), 0)
        replay = events * 2
        rng.shuffle(replay)
        await told(it, server, [event(kind, body) for kind, body in replay])
        assert it.differences() == []


async def test_a_deletion_with_the_last_bodys_own_version_is_taken() -> None:
    async with flying() as it, ScriptedServer().serving() as server:
        (*before, (_, running)) = recorded(it, ("create", "run"), 1)
        it.jobs.do("delete", 1)
        lines = [event(kind, body) for kind, body in before]
        await told(it, server, [*lines, event("MODIFIED", running), event("DELETED", running)])
        assert it.sql("SELECT status FROM jobs") == [("FAILED",)]
        assert it.differences() == []


async def test_versions_that_are_no_numbers_are_always_looked_at() -> None:
    async with flying() as it, ScriptedServer().serving() as server:
        events = recorded(it, ("create", "run", "succeed"), 1)
        named = [(kind, _renamed(body, f"v-{chr(122 - place)}")) for place, (kind, body) in enumerate(events)]
        await told(it, server, [event(kind, body) for kind, body in named])
        assert it.differences() == []


def _renamed(body: Json, version: str) -> Json:
    return body | {"metadata": body["metadata"] | {"resourceVersion": version}}
