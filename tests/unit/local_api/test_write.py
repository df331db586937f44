import json
import re
from typing import Any

import pytest

from unit.local_api.harness import BASE, JSON_PATCH, MERGE, WORKFLOWS, Api, workflow

OWNER = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "o", "uid": "u"}
INVALID = {
    "a name": (workflow("Bad_Name"), [("FieldValueInvalid", "metadata.name")]),
    "a long name": (workflow("a" * 254), [("FieldValueInvalid", "metadata.name")]),
    "no name": (workflow(), [("FieldValueRequired", "metadata.name")]),
    "a label value": (workflow("a", labels={"x": "a b"}), [("FieldValueInvalid", "metadata.labels")]),
    "a label key": (workflow("a", labels={"a/b/c": "v"}), [("FieldValueInvalid", "metadata.labels")]),
    "a long label": (workflow("a", labels={"x": "v" * 64}), [("FieldValueInvalid", "metadata.labels")]),
    "an annotation key": (workflow("a", annotations={"a b": ""}), [("FieldValueInvalid", "metadata.annotations")]),
    "annotations of over 256 KiB": (
        workflow("a", annotations={"a": "x" * 256 * 1024}),
        [("FieldValueTooLong", "metadata.annotations")],
    ),
    "a finalizer": (workflow("a", finalizers=["a b"]), [("FieldValueInvalid", "metadata.finalizers")]),
    "an owner": (
        workflow("a", ownerReferences=[OWNER | {"uid": ""}]),
        [("FieldValueInvalid", "metadata.ownerReferences.uid")],
    ),
    "two controllers": (
        workflow("a", ownerReferences=[OWNER | {"controller": True}] * 2),
        [("FieldValueInvalid", "metadata.ownerReferences")],
    ),
    "the kind": (workflow("a") | {"kind": "Pod"}, [("FieldValueInvalid", "kind")]),
    "spec": (workflow("a") | {"spec": "x"}, [("FieldValueTypeInvalid", "spec")]),
    "no spec": (workflow("a") | {"spec": None}, [("FieldValueRequired", "spec")]),
    "status": (workflow("a") | {"status": []}, [("FieldValueTypeInvalid", "status")]),
}
STALE = (
    'Operation cannot be fulfilled on workflows.argoproj.io "a": the object has been modified; '
    "please apply your changes to the latest version and try again"
)


async def test_a_created_object_has_what_the_server_sets(api: Api) -> None:
    answer = await api.call("POST", WORKFLOWS, workflow("a", uid="mine", generation=7), fieldManager="me")
    assert answer.status == 201
    metadata = answer.json["metadata"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", metadata["uid"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["creationTimestamp"])
    assert metadata["generation"] == 1
    assert metadata["namespace"] == "argo"
    assert metadata["resourceVersion"] == str(api.server.store.revision)
    assert (await api.call("GET", f"{WORKFLOWS}/a")).json == answer.json


async def test_managed_fields_say_who_set_what(api: Api) -> None:
    await api.create(workflow("a", labels={"x": "1", "y": "1"}), fieldManager="one")
    await api.patch("a", {"metadata": {"labels": {"x": "2"}}, "status": {"phase": "Running"}}, fieldManager="two")
    entries = (await api.call("GET", f"{WORKFLOWS}/a")).json["metadata"]["managedFields"]
    assert {(each["manager"], each["operation"], each["fieldsType"]) for each in entries} == {
        ("one", "Update", "FieldsV1"),
        ("two", "Update", "FieldsV1"),
    }
    owned = {each["manager"]: each["fieldsV1"] for each in entries}
    assert owned["one"] == {"f:metadata": {"f:labels": {".": {}, "f:y": {}}}, "f:spec": {}}
    assert owned["two"] == {"f:metadata": {"f:labels": {"f:x": {}}}, "f:status": {}}


async def test_a_request_without_a_field_manager_is_managed_by_its_user_agent(api: Api) -> None:
    created = await api.create(workflow("a"))
    assert created["metadata"]["managedFields"][0]["manager"] == "Python"


@pytest.mark.parametrize("query", [{"fieldManager": "x" * 129}, {"fieldManager": "a\x07"}, {"dryRun": "Some"}])
async def test_bad_write_options_are_invalid(api: Api, query: dict[str, str]) -> None:
    answer = await api.call("POST", WORKFLOWS, workflow("a"), **query)
    assert answer.refusal[:2] == (422, "Invalid")
    assert answer.json["details"]["kind"] == "CreateOptions"


async def test_generate_name_adds_five_characters(api: Api) -> None:
    created = await api.create(workflow(generateName="job-"))
    assert re.fullmatch("job-[bcdfghjklmnpqrstvwxz2456789]{5}", created["metadata"]["name"])
    long = await api.create(workflow(generateName="x" * 80))
    assert len(long["metadata"]["name"]) == 63


async def test_a_name_that_is_taken_already_exists(api: Api) -> None:
    await api.create(workflow("a"))
    answer = await api.call("POST", WORKFLOWS, workflow("a"))
    assert answer.refusal == (409, "AlreadyExists", 'workflows.argoproj.io "a" already exists')
    assert answer.json["details"] == {"name": "a", "group": "argoproj.io", "kind": "workflows"}


@pytest.mark.parametrize("what", INVALID)
async def test_an_invalid_object_is_refused_with_its_causes(api: Api, what: str) -> None:
    body, causes = INVALID[what]
    answer = await api.call("POST", WORKFLOWS, body)
    assert answer.refusal[:2] == (422, "Invalid")
    assert answer.causes == causes
    assert (await api.list()).names == []


async def test_the_message_for_a_bad_name_is_the_real_servers(api: Api) -> None:
    answer = await api.call("POST", WORKFLOWS, workflow("Bad_Name"))
    assert answer.json["message"] == (
        'Workflow.argoproj.io "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 '
        "subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
        "alphanumeric character (e.g. 'example.com', regex used for validation is "
        r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    )


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'{"a": NaN}', json.dumps(workflow("a") | {"apiVersion": "v1"}).encode(), b'{"metadata": {}}'],
)
async def test_what_is_no_object_of_this_api_is_a_bad_request(api: Api, body: bytes) -> None:
    assert (await api.call("POST", WORKFLOWS, body)).refusal[:2] == (400, "BadRequest")


@pytest.mark.parametrize("metadata", [{"labels": {"a": 1}}, {"labels": []}, {"finalizers": "x"}, {"name": 5}])
async def test_metadata_of_another_type_is_a_bad_request(api: Api, metadata: dict[str, Any]) -> None:
    answer = await api.call("POST", WORKFLOWS, workflow("", **metadata))
    code, reason, message = answer.refusal
    assert (code, reason) == (400, "BadRequest")
    assert "cannot unmarshal" in message


async def test_another_namespace_in_the_object_is_a_bad_request(api: Api) -> None:
    answer = await api.call("POST", WORKFLOWS, workflow("a", namespace="other"))
    assert answer.refusal[:2] == (400, "BadRequest")


async def test_a_resource_version_in_a_new_object_is_refused(api: Api) -> None:
    answer = await api.call("POST", WORKFLOWS, workflow("a", resourceVersion="1"))
    assert (answer.status, answer.json["message"]) == (
        500,
        "resourceVersion should not be set on objects to be created",
    )


async def test_unknown_fields_are_pruned_with_a_warning_or_refused_if_strict(api: Api) -> None:
    body = workflow("a") | {"extra": 1}
    strict = await api.call("POST", WORKFLOWS, body, fieldValidation="Strict")
    assert strict.refusal[:2] == (400, "BadRequest")
    answer = await api.call("POST", WORKFLOWS, body)
    assert "extra" not in answer.json
    assert answer.headers["Warning"] == '299 - "unknown field \\"extra\\""'


async def test_bodies_are_bounded(api: Api) -> None:
    body = workflow("a") | {"spec": {"x": "x" * 3 * 1024 * 1024}}
    answer = await api.call("POST", WORKFLOWS, body)
    assert answer.refusal == (
        413,
        "RequestEntityTooLarge",
        "Request entity too large: limit is 3145728",
    )


async def test_objects_are_bounded_by_etcd(api: Api) -> None:
    body = workflow("a") | {"spec": {"x": "x" * 1_600_000}}
    answer = await api.call("POST", WORKFLOWS, body)
    assert (answer.status, answer.json["message"]) == (500, "etcdserver: request is too large")


@pytest.mark.parametrize("content_type", ["text/plain", "application/yaml", "application/vnd.kubernetes.protobuf"])
async def test_a_body_that_is_not_json_is_unsupported(api: Api, content_type: str) -> None:
    answer = await api.call("POST", WORKFLOWS, b"a: b", content_type=content_type)
    assert answer.refusal[:2] == (415, "UnsupportedMediaType")


async def test_dry_run_stores_nothing(api: Api) -> None:
    created = await api.create(workflow("a"), dryRun="All")
    assert created["metadata"]["uid"]
    assert "resourceVersion" not in created["metadata"]
    assert (await api.list()).names == []
    await api.create(workflow("a"))
    revision = api.server.store.revision
    assert (await api.patch("a", {"spec": {"x": 1}}, dryRun="All"))["spec"]["x"] == 1
    assert (await api.delete("a", dryRun="All")).status == 200
    assert api.server.store.revision == revision
    assert (await api.list()).names == ["a"]


async def test_an_absent_object_is_not_found(api: Api) -> None:
    for method, body in (("GET", None), ("DELETE", None), ("PUT", workflow("a", resourceVersion="1"))):
        answer = await api.call(method, f"{WORKFLOWS}/a", body)
        assert answer.refusal == (404, "NotFound", 'workflows.argoproj.io "a" not found')
    answer = await api.call("PATCH", f"{WORKFLOWS}/a", {}, content_type=MERGE)
    assert answer.refusal[:2] == (404, "NotFound")


@pytest.mark.parametrize("path", [f"{BASE}/namespaces/argo/pods", f"{BASE}/pods", "/api/v1/pods", "/apis/x/v1", "/x"])
async def test_an_unknown_resource_is_plain_text(api: Api, path: str) -> None:
    answer = await api.call("GET", path)
    assert (answer.status, answer.text) == (404, "404 page not found\n")
    assert answer.headers["Content-Type"].startswith("text/plain")


async def test_there_is_no_status_subresource(api: Api) -> None:
    await api.create(workflow("a"))
    for method in ("GET", "PUT", "PATCH"):
        answer = await api.call(method, f"{WORKFLOWS}/a/status", {})
        assert answer.refusal[:2] == (404, "NotFound")


async def test_a_put_replaces(api: Api) -> None:
    body = await api.create(workflow("a", labels={"x": "1"}))
    body["spec"] = {"other": True}
    del body["metadata"]["labels"]
    answer = await api.call("PUT", f"{WORKFLOWS}/a", body)
    assert answer.json["spec"] == {"other": True}
    assert "labels" not in answer.json["metadata"]
    assert answer.json["metadata"]["generation"] == 2


async def test_a_stale_put_is_a_conflict(api: Api) -> None:
    body = await api.create(workflow("a"))
    await api.relabel("a", x="1")
    answer = await api.call("PUT", f"{WORKFLOWS}/a", body)
    assert answer.refusal == (409, "Conflict", STALE)


async def test_a_put_of_another_uid_is_a_conflict(api: Api) -> None:
    body = await api.create(workflow("a"))
    await api.delete("a")
    await api.create(workflow("a"))
    answer = await api.call("PUT", f"{WORKFLOWS}/a", body)
    code, reason, message = answer.refusal
    assert (code, reason) == (409, "Conflict")
    assert "Precondition failed: UID in precondition" in message


async def test_a_put_without_a_version_is_invalid(api: Api) -> None:
    await api.create(workflow("a"))
    answer = await api.call("PUT", f"{WORKFLOWS}/a", workflow("a"))
    assert answer.causes == [("FieldValueInvalid", "metadata.resourceVersion")]


@pytest.mark.parametrize("metadata", [{"name": "b"}, {"name": ""}, {"namespace": "other"}])
async def test_a_put_of_another_name_is_a_bad_request(api: Api, metadata: dict[str, str]) -> None:
    body = await api.create(workflow("a"))
    body["metadata"] |= metadata
    assert (await api.call("PUT", f"{WORKFLOWS}/a", body)).refusal[:2] == (400, "BadRequest")


async def test_a_write_that_changes_nothing_keeps_the_version_and_sends_no_event(api: Api) -> None:
    body = await api.create(workflow("a", labels={"x": "1"}))
    version = body["metadata"]["resourceVersion"]
    async with api.watch(resourceVersion=version) as stream:
        assert await api.relabel("a", x="1") == body
        assert (await api.call("PUT", f"{WORKFLOWS}/a", body)).json == body
        await api.relabel("a", x="2")
        event = await stream.event()
    assert event is not None
    assert event["object"]["metadata"]["resourceVersion"] == str(int(version) + 1)


async def test_true_and_1_are_not_the_same(api: Api) -> None:
    created = await api.create(workflow("a") | {"spec": {"x": True}})
    patched = await api.patch("a", {"spec": {"x": 1}})
    assert patched["metadata"]["resourceVersion"] != created["metadata"]["resourceVersion"]


async def test_the_generation_moves_with_spec_and_status_but_not_with_metadata(api: Api) -> None:
    await api.create(workflow("a"))
    assert (await api.relabel("a", x="1"))["metadata"]["generation"] == 1
    assert (await api.patch("a", {"spec": {"x": 1}}))["metadata"]["generation"] == 2
    assert (await api.patch("a", {"status": {"phase": "Running"}}))["metadata"]["generation"] == 3


async def test_a_merge_patch_merges_removes_and_replaces(api: Api) -> None:
    await api.create(workflow("a", labels={"x": "1", "y": "1"}) | {"spec": {"list": [1, 2], "map": {"k": 1}}})
    patched = await api.patch(
        "a",
        {"metadata": {"labels": {"x": None, "z": "1"}}, "spec": {"list": [3], "map": {"l": 2}}},
    )
    assert patched["metadata"]["labels"] == {"y": "1", "z": "1"}
    assert patched["spec"] == {"list": [3], "map": {"k": 1, "l": 2}}


async def test_a_patch_with_a_stale_version_is_a_conflict(api: Api) -> None:
    await api.create(workflow("a"))
    patch = {"metadata": {"resourceVersion": "1", "labels": {"x": "1"}}}
    answer = await api.call("PATCH", f"{WORKFLOWS}/a", patch, content_type=MERGE)
    assert answer.refusal == (409, "Conflict", STALE)


async def test_server_fields_cannot_be_patched(api: Api) -> None:
    created = await api.create(workflow("a"))
    patch = {"metadata": {"creationTimestamp": "2001-01-01T00:00:00Z", "generation": 9, "selfLink": "x"}}
    assert await api.patch("a", patch) == created
    for field in ("uid", "deletionTimestamp"):
        patch = {"metadata": {field: "2001-01-01T00:00:00Z"}}
        answer = await api.call("PATCH", f"{WORKFLOWS}/a", patch, content_type=MERGE)
        assert set(answer.causes) == {("FieldValueInvalid", f"metadata.{field}")}


@pytest.mark.parametrize("patch", [{"metadata": {"labels": {"x": "a b"}}}, {"kind": "Pod"}, {"spec": None}])
async def test_a_patch_cannot_make_an_object_invalid(api: Api, patch: dict[str, Any]) -> None:
    await api.create(workflow("a"))
    answer = await api.call("PATCH", f"{WORKFLOWS}/a", patch, content_type=MERGE)
    assert answer.refusal[:2] == (422, "Invalid")


async def test_a_json_patch_applies_its_operations_in_order(api: Api) -> None:
    await api.create(workflow("a", labels={"x/y": "1"}) | {"spec": {"list": [1, 2]}})
    patch = [
        {"op": "test", "path": "/metadata/labels/x~1y", "value": "1"},
        {"op": "replace", "path": "/metadata/labels/x~1y", "value": "2"},
        {"op": "add", "path": "/spec/list/-", "value": 3},
        {"op": "add", "path": "/spec/list/0", "value": 0},
        {"op": "remove", "path": "/spec/list/1"},
        {"op": "copy", "from": "/spec/list", "path": "/spec/copied"},
        {"op": "move", "from": "/spec/list", "path": "/spec/moved"},
    ]
    answer = await api.call("PATCH", f"{WORKFLOWS}/a", patch, content_type=JSON_PATCH)
    assert answer.json["spec"] == {"copied": [0, 2, 3], "moved": [0, 2, 3]}
    assert answer.json["metadata"]["labels"] == {"x/y": "2"}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/spec/entrypoint", "value": "other"},
        {"op": "remove", "path": "/spec/nothing"},
        {"op": "add", "path": "/nothing/there", "value": 1},
        {"op": "jump", "path": "/spec"},
        {"op": "add", "value": 1},
        {"op": "add", "path": "spec/x", "value": 1},
    ],
)
async def test_a_json_patch_that_does_not_fit_changes_nothing(api: Api, operation: dict[str, Any]) -> None:
    created = await api.create(workflow("a"))
    patch = [{"op": "add", "path": "/spec/new", "value": 1}, operation]
    answer = await api.call("PATCH", f"{WORKFLOWS}/a", patch, content_type=JSON_PATCH)
    assert answer.refusal == (
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
    )
    assert (await api.call("GET", f"{WORKFLOWS}/a")).json == created


@pytest.mark.parametrize(
    ("content_type", "body"),
    [(JSON_PATCH, b"{}"), (JSON_PATCH, b'["x"]'), (JSON_PATCH, b"["), (MERGE, b"[]"), (MERGE, b"{")],
)
async def test_a_patch_that_cannot_be_read_is_a_bad_request(api: Api, content_type: str, body: bytes) -> None:
    await api.create(workflow("a"))
    answer = await api.call("PATCH", f"{WORKFLOWS}/a", body, content_type=content_type)
    assert answer.refusal[:2] == (400, "BadRequest")


@pytest.mark.parametrize("content_type", ["application/strategic-merge-patch+json", "application/json"])
async def test_other_patches_are_an_unsupported_media_type(api: Api, content_type: str) -> None:
    await api.create(workflow("a"))
    answer = await api.call("PATCH", f"{WORKFLOWS}/a", {}, content_type=content_type)
    assert answer.refusal == (
        415,
        "UnsupportedMediaType",
        (
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
        ),
    )


async def test_server_side_apply_is_refused_loudly(api: Api) -> None:
    answer = await api.call("PATCH", f"{WORKFLOWS}/a", {}, content_type="application/apply-patch+yaml")
    assert answer.refusal == (
        415,
        "UnsupportedMediaType",
        "server-side apply is not supported by the local API of nbargo",
    )
