import asyncio
from typing import Any

import pytest

from unit.local_api.harness import BASE, WORKFLOWS, Api, WatchStream, workflow

CRONS = f"{BASE}/namespaces/argo/cronworkflows"


def owned_by(owner: dict[str, Any], *, kind: str = "Workflow") -> dict[str, Any]:
    metadata = owner["metadata"]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
    }


async def until_deleted(stream: WatchStream, name: str) -> None:
    while await stream.told() != ("DELETED", name):
        pass


async def test_a_delete_answers_with_a_status(api: Api) -> None:
    created = await api.create(workflow("a"))
    answer = await api.delete("a")
    assert answer.status == 200
    assert answer.json == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {
            "name": "a",
            "group": "argoproj.io",
            "kind": "workflows",
            "uid": created["metadata"]["uid"],
        },
    }
    assert (await api.list()).names == []


async def test_a_finalizer_holds_the_object_until_it_is_removed(api: Api) -> None:
    created = await api.create(workflow("a", finalizers=["nbargo.io/hold"]))
    version = created["metadata"]["resourceVersion"]
    answer = await api.delete("a")
    assert answer.json["kind"] == "Workflow"
    assert answer.json["metadata"]["deletionTimestamp"]
    assert answer.json["metadata"]["deletionGracePeriodSeconds"] == 0
    assert answer.json["metadata"]["generation"] == 2
    assert (await api.delete("a")).json == answer.json
    await api.patch("a", {"metadata": {"finalizers": None}})
    assert (await api.call("GET", f"{WORKFLOWS}/a")).status == 404
    async with api.watch(resourceVersion=version) as stream:
        assert [await stream.told(), await stream.told()] == [("MODIFIED", "a"), ("DELETED", "a")]


async def test_no_finalizer_is_added_to_an_object_that_is_being_deleted(api: Api) -> None:
    await api.create(workflow("a", finalizers=["nbargo.io/hold"]))
    await api.delete("a")
    patch = {"metadata": {"finalizers": ["nbargo.io/hold", "nbargo.io/more"]}}
    answer = await api.call("PATCH", f"{WORKFLOWS}/a", patch, content_type="application/merge-patch+json")
    assert set(answer.causes) == {("FieldValueForbidden", "metadata.finalizers")}


async def test_a_deletion_cannot_be_undone(api: Api) -> None:
    await api.create(workflow("a", finalizers=["nbargo.io/hold"]))
    deleted = (await api.delete("a")).json
    patch = {"metadata": {"deletionTimestamp": None, "deletionGracePeriodSeconds": None}}
    assert await api.patch("a", patch) == deleted


@pytest.mark.parametrize(("field", "label"), [("uid", "UID"), ("resourceVersion", "ResourceVersion")])
async def test_a_precondition_that_does_not_hold_is_a_conflict(api: Api, field: str, label: str) -> None:
    created = await api.create(workflow("a"))
    answer = await api.delete("a", {"preconditions": {field: "1"}})
    code, reason, message = answer.refusal
    assert (code, reason) == (409, "Conflict")
    assert f"the {label} in the precondition (1) does not match" in message
    assert (await api.delete("a", {"preconditions": {field: created["metadata"][field]}})).status == 200


@pytest.mark.parametrize("body", [None, {"propagationPolicy": "Foreground"}, {"dryRun": ["All"]}])
async def test_a_body_takes_the_place_of_the_query(api: Api, body: Any) -> None:
    await api.create(workflow("a", finalizers=["nbargo.io/hold"]))
    answer = await api.delete("a", body, propagationPolicy="Orphan")
    finalizers = answer.json["metadata"]["finalizers"]
    assert ("orphan" in finalizers) is (body is None)


@pytest.mark.parametrize(
    "query",
    [{"propagationPolicy": "Foo"}, {"propagationPolicy": "Orphan", "orphanDependents": "true"}, {"dryRun": "x"}],
)
async def test_bad_delete_options_are_invalid(api: Api, query: dict[str, str]) -> None:
    await api.create(workflow("a"))
    answer = await api.delete("a", **query)
    assert answer.refusal[:2] == (422, "Invalid")
    assert answer.json["details"]["kind"] == "DeleteOptions"
    assert (await api.list()).names == ["a"]


async def test_a_collection_is_deleted_by_its_selector(api: Api) -> None:
    await api.create(workflow("a", labels={"x": "1"}))
    await api.create(workflow("b", labels={"x": "1"}))
    await api.create(workflow("c"))
    answer = await api.call("DELETE", WORKFLOWS, labelSelector="x=1")
    assert answer.json["kind"] == "WorkflowList"
    assert answer.names == ["a", "b"]
    assert (await api.list()).names == ["c"]


async def test_dependents_go_with_their_owner(api: Api) -> None:
    body = workflow("cron") | {"kind": "CronWorkflow"}
    cron = (await api.call("POST", CRONS, body)).json
    reference = owned_by(cron, kind="CronWorkflow")
    await api.create(workflow("child", ownerReferences=[reference]))
    other = await api.create(workflow("other"))
    async with api.watch(resourceVersion=other["metadata"]["resourceVersion"]) as stream:
        assert (await api.call("DELETE", f"{CRONS}/cron")).status == 200
        await until_deleted(stream, "child")
    assert (await api.list()).names == ["other"]


async def test_a_dependent_with_another_owner_stays(api: Api) -> None:
    one, two = await api.create(workflow("one")), await api.create(workflow("two"))
    await api.create(workflow("both", ownerReferences=[owned_by(one), owned_by(two)]))
    created = await api.create(workflow("single", ownerReferences=[owned_by(one)]))
    async with api.watch(resourceVersion=created["metadata"]["resourceVersion"]) as stream:
        await api.delete("one")
        await until_deleted(stream, "single")
    assert (await api.list()).names == ["both", "two"]


async def test_an_owner_of_an_unknown_kind_keeps_its_dependents(api: Api) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}
    lost = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "gone", "uid": "u"}
    async with api.watch() as stream:
        await api.create(workflow("kept", ownerReferences=[pod]))
        await api.create(workflow("lost", ownerReferences=[lost]))
        await until_deleted(stream, "lost")
    assert (await api.list()).names == ["kept"]


async def test_orphans_stay_without_their_owner(api: Api) -> None:
    owner = await api.create(workflow("owner"))
    await api.create(workflow("child", ownerReferences=[owned_by(owner)]))
    async with api.watch() as stream:
        assert (await api.delete("owner", propagationPolicy="Orphan")).json["metadata"]["finalizers"] == ["orphan"]
        await until_deleted(stream, "owner")
    child = (await api.call("GET", f"{WORKFLOWS}/child")).json
    assert "ownerReferences" not in child["metadata"]


async def test_in_the_foreground_the_owner_waits_for_its_dependents(api: Api) -> None:
    owner = await api.create(workflow("owner"))
    await api.create(workflow("child", ownerReferences=[owned_by(owner)], finalizers=["nbargo.io/hold"]))
    async with api.watch() as stream:
        answer = await api.delete("owner", propagationPolicy="Foreground")
        assert answer.json["metadata"]["finalizers"] == ["foregroundDeletion"]
        async with asyncio.timeout(10):
            while "deletionTimestamp" not in (await api.call("GET", f"{WORKFLOWS}/child")).json["metadata"]:
                pass
        assert (await api.list()).names == ["child", "owner"]
        await api.patch("child", {"metadata": {"finalizers": None}})
        await until_deleted(stream, "owner")
    assert (await api.list()).names == []
