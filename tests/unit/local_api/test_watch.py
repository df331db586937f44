import asyncio
import json
import time
from pathlib import Path

import aiohttp
import pytest

from nbargo_local.api.server import LocalServer, ServerSettings
from nbargo_local.api.store import WORKFLOWS as WF
from nbargo_local.api.watch import WatchSettings
from unit.local_api.harness import WORKFLOWS, Api, workflow

INITIAL = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


async def test_events_after_the_version_are_replayed_in_order_then_live(api: Api) -> None:
    await api.create(workflow("before"))
    version = (await api.list()).version
    await api.create(workflow("a"))
    await api.relabel("before", x="1")
    await api.delete("a")
    async with api.watch(resourceVersion=version) as stream:
        replayed = [await stream.told() for _ in range(3)]
        await api.create(workflow("live"))
        live = await stream.told()
    assert replayed == [("ADDED", "a"), ("MODIFIED", "before"), ("DELETED", "a")]
    assert live == ("ADDED", "live")


async def test_each_event_carries_its_own_version(api: Api) -> None:
    version = (await api.list()).version
    created = await api.create(workflow("a"))
    patched = await api.relabel("a", x="1")
    await api.delete("a")
    async with api.watch(resourceVersion=version) as stream:
        events = [await stream.event() for _ in range(3)]
    versions = [each and each["object"]["metadata"]["resourceVersion"] for each in events]
    deleted = str(int(patched["metadata"]["resourceVersion"]) + 1)
    assert versions == [
        created["metadata"]["resourceVersion"],
        patched["metadata"]["resourceVersion"],
        deleted,
    ]


async def test_what_leaves_the_selector_is_deleted_with_its_old_labels_and_the_new_version(api: Api) -> None:
    await api.create(workflow("a", labels={"state": "open"}))
    version = (await api.list()).version
    async with api.watch(resourceVersion=version, labelSelector="state=open") as stream:
        patched = await api.relabel("a", state="closed")
        event = await stream.event()
    assert event is not None
    assert event["type"] == "DELETED"
    assert event["object"]["metadata"]["labels"] == {"state": "open"}
    assert event["object"]["metadata"]["resourceVersion"] == patched["metadata"]["resourceVersion"]
    assert (await api.call("GET", f"{WORKFLOWS}/a")).status == 200


async def test_what_enters_the_selector_is_added(api: Api) -> None:
    await api.create(workflow("a"))
    version = (await api.list()).version
    async with api.watch(resourceVersion=version, labelSelector="state=open") as stream:
        await api.relabel("a", state="open")
        await api.relabel("a", other="1")
        assert [await stream.told(), await stream.told()] == [("ADDED", "a"), ("MODIFIED", "a")]


async def test_changes_outside_the_selector_are_not_told(api: Api) -> None:
    version = (await api.list()).version
    async with api.watch(resourceVersion=version, labelSelector="state=open") as stream:
        await api.create(workflow("closed"))
        await api.relabel("closed", x="1")
        await api.delete("closed")
        await api.create(workflow("open", labels={"state": "open"}))
        assert await stream.told() == ("ADDED", "open")


async def test_a_watch_of_one_name(api: Api) -> None:
    version = (await api.list()).version
    async with api.watch(resourceVersion=version, fieldSelector="metadata.name=b") as stream:
        await api.create(workflow("a"))
        await api.create(workflow("b"))
        assert await stream.told() == ("ADDED", "b")


@pytest.mark.parametrize("query", [{}, {"resourceVersion": "0"}])
async def test_without_a_version_the_present_objects_are_added_by_name_then_live(
    api: Api, query: dict[str, str]
) -> None:
    await api.create(workflow("b"))
    await api.create(workflow("a"))
    async with api.watch(**query) as stream:
        present = [await stream.told() for _ in range(2)]
        await api.create(workflow("live"))
        assert present == [("ADDED", "a"), ("ADDED", "b")]
        assert await stream.told() == ("ADDED", "live")


async def test_a_version_behind_the_window_is_an_error_event_and_the_end(api: Api) -> None:
    version = (await api.list()).version
    await api.create(workflow("a"))
    api.server.store.compact()
    async with api.watch(resourceVersion=version) as stream:
        events = await stream.rest()
    message = f"too old resource version: {version} ({api.server.store.revision})"
    assert events == [
        {
            "type": "ERROR",
            "object": {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Failure",
                "message": message,
                "reason": "Expired",
                "code": 410,
            },
        }
    ]


async def test_a_future_version_is_silent_until_the_timeout(api: Api) -> None:
    async with api.watch(resourceVersion="99999", timeoutSeconds="1") as stream:
        await api.create(workflow("a"))
        assert await stream.rest() == []


async def test_a_version_that_is_no_number_is_an_internal_error(api: Api) -> None:
    answer = await api.list(watch="true", resourceVersion="abc")
    assert answer.status == 500
    assert "invalid syntax" in answer.json["message"]


async def test_a_bad_selector_is_a_bad_request(api: Api) -> None:
    assert (await api.list(watch="true", labelSelector="x in")).refusal[:2] == (400, "BadRequest")


@pytest.mark.parametrize(
    "query",
    [
        {"resourceVersionMatch": "NotOlderThan"},
        {"sendInitialEvents": "true"},
        {"sendInitialEvents": "true", "resourceVersionMatch": "Exact"},
        {**INITIAL, "continue": "x"},
    ],
)
async def test_options_that_do_not_go_together_are_invalid(api: Api, query: dict[str, str]) -> None:
    assert (await api.list(watch="true", **query)).refusal[:2] == (422, "Invalid")


async def test_a_watch_ends_cleanly_at_its_timeout(api: Api) -> None:
    started = time.monotonic()
    async with api.watch(timeoutSeconds="1") as stream:
        assert await stream.rest() == []
    assert 0.9 < time.monotonic() - started < 3


async def test_events_are_json_lines_in_chunks(api: Api) -> None:
    await api.create(workflow("a"))
    async with api.watch(timeoutSeconds="1") as stream:
        assert stream.response.headers["Transfer-Encoding"] == "chunked"
        assert stream.response.headers["Content-Type"] == "application/json"
        assert "Content-Length" not in stream.response.headers


async def test_initial_events_end_with_a_marked_bookmark(api: Api) -> None:
    await api.create(workflow("a"))
    async with api.watch(**INITIAL, allowWatchBookmarks="true") as stream:
        assert await stream.told() == ("ADDED", "a")
        assert await stream.event() == {
            "type": "BOOKMARK",
            "object": {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Workflow",
                "metadata": {
                    "resourceVersion": str(api.server.store.revision),
                    "annotations": {"k8s.io/initial-events-end": "true"},
                },
            },
        }
        await api.create(workflow("live"))
        assert await stream.told() == ("ADDED", "live")


async def test_initial_events_at_a_version_that_does_not_come_are_an_error_event(api: Api) -> None:
    async with api.watch(**INITIAL, resourceVersion="99999") as stream:
        (event,) = await stream.rest()
    assert event["type"] == "ERROR"
    assert event["object"]["code"] == 504


async def test_no_initial_events_when_they_are_declined(api: Api) -> None:
    await api.create(workflow("a"))
    async with api.watch(sendInitialEvents="false", resourceVersionMatch="NotOlderThan") as stream:
        await api.create(workflow("live"))
        assert await stream.told() == ("ADDED", "live")


async def test_a_watch_of_metadata_alone(api: Api) -> None:
    version = (await api.list()).version
    await api.create(workflow("a", labels={"x": "1"}))
    async with (
        api.watch(resourceVersion=version, accept=PARTIAL) as partial,
        api.watch(resourceVersion=version) as whole,
    ):
        seen, all_of_it = await partial.event(), await whole.event()
    assert seen is not None
    assert all_of_it is not None
    assert seen["object"]["kind"] == "PartialObjectMetadata"
    assert seen["object"]["metadata"] == all_of_it["object"]["metadata"]
    assert "spec" not in seen["object"]
    assert "spec" in all_of_it["object"]


async def test_an_event_is_serialised_once_for_all_watchers(api: Api, server: LocalServer) -> None:
    version = (await api.list()).version
    await api.create(workflow("a"))
    async with api.watch(resourceVersion=version) as one:
        first = await one.event()
    (event,) = server.store.events_after(WF, int(version))
    assert json.loads(event.encodings["ADDED whole"]) == first
    event.encodings["ADDED whole"] = b'{"type":"ADDED","object":{"metadata":{"name":"kept"}}}\n'
    async with api.watch(resourceVersion=version) as two:
        assert await two.told() == ("ADDED", "kept")


async def test_events_up_to_a_future_version_are_not_told(api: Api) -> None:
    version = str(int((await api.list()).version) + 1)
    async with api.watch(resourceVersion=version) as stream:
        assert (await api.create(workflow("at")))["metadata"]["resourceVersion"] == version
        await api.create(workflow("after"))
        assert await stream.told() == ("ADDED", "after")


async def test_a_watcher_that_goes_away_leaves_nothing_behind(api: Api, server: LocalServer) -> None:
    before = len(server.store._subscriptions)
    async with api.watch() as stream:
        await api.create(workflow("a"))
        await stream.event()
        assert len(server.store._subscriptions) == before + 1
    async with asyncio.timeout(10):
        while len(server.store._subscriptions) > before:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)


class TestBookmarks:
    @pytest.fixture
    def settings(self) -> ServerSettings:
        return ServerSettings(watch=WatchSettings(bookmark_seconds=0.3, bookmark_lead_seconds=0.1))

    async def test_a_bookmark_holds_the_version_and_nothing_else(self, api: Api) -> None:
        await api.create(workflow("a"))
        version = (await api.list()).version
        await api.call("POST", WORKFLOWS.replace("argo/", "other/"), workflow("b"))
        async with api.watch(resourceVersion=version, allowWatchBookmarks="true") as stream:
            assert await stream.event() == {
                "type": "BOOKMARK",
                "object": {
                    "apiVersion": "argoproj.io/v1alpha1",
                    "kind": "Workflow",
                    "metadata": {"resourceVersion": str(int(version) + 1)},
                },
            }

    async def test_bookmarks_come_again_and_again_and_shortly_before_the_timeout(self, api: Api) -> None:
        version = (await api.list()).version
        async with api.watch(resourceVersion=version, allowWatchBookmarks="true", timeoutSeconds="1") as stream:
            events = await stream.rest()
        # at 0.3, 0.6, and 0.9 which is the last one's time; a slow machine may lose one
        assert {each["type"] for each in events} == {"BOOKMARK"}
        assert 2 <= len(events) <= 4

    async def test_no_bookmarks_unless_allowed(self, api: Api) -> None:
        async with api.watch(timeoutSeconds="1") as stream:
            assert await stream.rest() == []

    async def test_a_bookmark_is_never_behind_a_future_version(self, api: Api) -> None:
        async with api.watch(resourceVersion="99999", allowWatchBookmarks="true", timeoutSeconds="1") as stream:
            assert await stream.rest() == []


class TestASmallWindow:
    @pytest.fixture
    def settings(self) -> ServerSettings:
        return ServerSettings(window=1)

    async def test_the_window_bounds_how_old_a_version_may_be(self, api: Api) -> None:
        version = (await api.list()).version
        await api.create(workflow("a"))
        async with api.watch(resourceVersion=version) as stream:
            assert await stream.told() == ("ADDED", "a")
        await api.create(workflow("b"))
        async with api.watch(resourceVersion=version) as stream:
            (event,) = await stream.rest()
        assert event["object"]["code"] == 410

    async def test_a_live_watcher_misses_nothing_of_a_burst(self, api: Api, server: LocalServer) -> None:
        version = (await api.list()).version
        async with api.watch(resourceVersion=version) as stream:
            for index in range(20):
                server.store.create(WF, "argo", workflow(f"w{index}"))
            assert [await stream.told() for _ in range(20)] == [("ADDED", f"w{index}") for index in range(20)]


class TestASlowClient:
    @pytest.fixture
    def settings(self) -> ServerSettings:
        return ServerSettings(watch=WatchSettings(backlog=5))

    async def test_a_watch_that_falls_behind_is_ended_without_a_gap(self, api: Api, server: LocalServer) -> None:
        version = (await api.list()).version
        async with api.watch(resourceVersion=version) as stream:
            for index in range(50):
                server.store.create(WF, "argo", workflow(f"w{index:02}"))
            events = await stream.rest()
        names = [each["object"]["metadata"]["name"] for each in events]
        assert 0 < len(names) < 50
        assert names == [f"w{index:02}" for index in range(len(names))]


async def test_watches_end_cleanly_when_the_server_stops(tmp_path: Path) -> None:
    async with LocalServer(tmp_path / "kubeconfig") as server:
        headers = {"Authorization": f"Bearer {server.token}"}
        async with aiohttp.ClientSession(headers=headers) as session, Api(server, session).watch() as stream:
            await server.__aexit__(None, None, None)
            assert await stream.rest() == []
