"""List, then watch: whatever happens, the two together show what a list shows now."""

import asyncio
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from hypothesis import given, settings
from hypothesis import strategies as st

from nbargo_local.api.patches import json_patch, merge_patch
from nbargo_local.api.selectors import Selector
from nbargo_local.api.server import LocalServer
from nbargo_local.api.store import WORKFLOWS, Store
from nbargo_local.api.watch import view
from unit.local_api.harness import Api, workflow

NAMES = st.sampled_from(["a", "b", "c", "d"])
STATES = st.sampled_from(["open", "closed", None])
SELECTORS = ["", "state=open", "state!=open", "!state", "state in (open,closed)"]
FINALIZER = "nbargo.io/hold"

OPEN = workflow("last", labels={"state": "open"}, namespace="argo")

LENIENT = settings(deadline=None)  # two cores, and others at work on them

Operation = tuple[str, str, str | None]
OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["create", "label", "spec", "hold", "release", "delete"]), NAMES, STATES),
    max_size=25,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text("xyz", max_size=2), children, max_size=3),
    max_leaves=8,
)


def perform(store: Store, operation: Operation) -> None:
    """Do one thing to a store, if it can be done."""
    kind, name, state = operation
    found = store.get(WORKFLOWS, "argo", name)
    if kind == "create" and found is None:
        store.create(WORKFLOWS, "argo", workflow(name, labels={"state": state} if state else {}))
    if found is None:
        return
    held = "deletionTimestamp" in found["metadata"]
    patches: dict[str, Any] = {
        "label": {"metadata": {"labels": {"state": state}}},
        "spec": {"spec": {"x": state}},
        "hold": {} if held else {"metadata": {"finalizers": [FINALIZER]}},
        "release": {"metadata": {"finalizers": None}},
    }
    if kind in patches:
        store.patch(WORKFLOWS, "argo", name, patches[kind])
    elif kind == "delete":
        store.delete(WORKFLOWS, "argo", name)


def state_of(store: Store, selector: str) -> dict[str, Any]:
    return {each["metadata"]["name"]: each for each in store.list(WORKFLOWS, "argo", label_selector=selector)}


def apply(seen: dict[str, Any], event_type: str, obj: dict[str, Any]) -> None:
    name = obj["metadata"]["name"]
    assert (name in seen) is (event_type != "ADDED")
    if event_type == "DELETED":
        del seen[name]
    else:
        seen[name] = obj


@LENIENT
@given(before=OPERATIONS, after=OPERATIONS, selector=st.sampled_from(SELECTORS))
def test_views_of_events_turn_a_list_into_the_next_one(
    before: list[Operation], after: list[Operation], selector: str
) -> None:
    store = Store()
    for operation in before:
        perform(store, operation)
    seen, version = state_of(store, selector), store.revision
    for operation in after:
        perform(store, operation)
    for event in store.events_after(WORKFLOWS, version):
        told = view(event, Selector.parse("argo", labels=selector))
        if told is not None:
            apply(seen, *told)
    assert seen == state_of(store, selector)


@LENIENT
@given(operations=OPERATIONS)
def test_every_past_can_be_rebuilt(operations: list[Operation]) -> None:
    store = Store()
    pasts = {}
    for operation in operations:
        pasts[store.revision] = store.snapshot(WORKFLOWS, store.revision)
        perform(store, operation)
    for revision, past in pasts.items():
        assert store.snapshot(WORKFLOWS, revision) == past


@LENIENT
@given(operations=OPERATIONS)
def test_a_stored_object_is_never_changed(operations: list[Operation]) -> None:
    store = Store()
    with store.subscribe() as subscription:
        texts = []
        for operation in operations:
            perform(store, operation)
            texts.append([json.dumps(event.object) for event in subscription._events])
        final = [json.dumps(event.object) for event in subscription._events]
    assert all(text == final[: len(text)] for text in texts)


@LENIENT
@given(operations=OPERATIONS)
def test_a_dumped_state_loads_as_it_was(operations: list[Operation]) -> None:
    store, again = Store(), Store()
    for operation in operations:
        perform(store, operation)
    again.load(json.loads(json.dumps(store.dump())))
    assert again.list(WORKFLOWS) == store.list(WORKFLOWS)
    assert again.revision == store.revision


@LENIENT
@given(target=JSON, patch=JSON)
def test_a_merge_patch_is_idempotent_and_changes_neither_argument(target: Any, patch: Any) -> None:
    texts = json.dumps(target), json.dumps(patch)
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once
    assert (json.dumps(target), json.dumps(patch)) == texts


@LENIENT
@given(target=st.dictionaries(st.text("ab~/", max_size=3), JSON, max_size=3), value=JSON)
def test_a_json_patch_reaches_every_key(target: dict[str, Any], value: Any) -> None:
    text = json.dumps(target)
    for key in target:
        path = "/" + key.replace("~", "~0").replace("/", "~1")
        assert json_patch(target, [{"op": "replace", "path": path, "value": value}]) == target | {key: value}
        removed = {each: kept for each, kept in target.items() if each != key}
        assert json_patch(target, [{"op": "remove", "path": path}]) == removed
    assert json.dumps(target) == text


async def list_then_watch(before: list[Operation], after: list[Operation], selector: str) -> None:
    with TemporaryDirectory() as directory:
        async with LocalServer(Path(directory) / "kubeconfig") as server:
            headers = {"Authorization": f"Bearer {server.token}"}
            async with aiohttp.ClientSession(headers=headers) as session:
                api = Api(server, session)
                for operation in before:
                    perform(server.store, operation)
                listed = await api.list(labelSelector=selector)
                seen = {each["metadata"]["name"]: each for each in listed.json["items"]}
                half = len(after) // 2
                for operation in after[:half]:
                    perform(server.store, operation)
                async with api.watch(resourceVersion=listed.version, labelSelector=selector) as stream:
                    for operation in after[half:]:
                        perform(server.store, operation)
                        await asyncio.sleep(0)
                    marker = {"state": "open"} if Selector.parse(None, labels=selector).matches(OPEN) else {}
                    last = server.store.create(WORKFLOWS, "argo", workflow("last", labels=marker))
                    final = ("last", last["metadata"]["resourceVersion"])
                    while (event := await stream.event()) is not None:
                        apply(seen, event["type"], event["object"])
                        metadata = event["object"]["metadata"]
                        if (metadata["name"], metadata["resourceVersion"]) == final:
                            break
                assert seen == state_of(server.store, selector)


@settings(max_examples=25, deadline=None)
@given(before=OPERATIONS, after=OPERATIONS, selector=st.sampled_from(SELECTORS))
def test_a_list_and_a_watch_from_its_version_show_the_present(
    before: list[Operation], after: list[Operation], selector: str
) -> None:
    asyncio.run(list_then_watch(before, after, selector))
