"""Cases about creating and replacing objects: what the server sets, checks, prunes and refuses."""

from __future__ import annotations

import json

from contract.script import (
    GROUP,
    JSON_PATCH,
    WORKFLOWS,
    Call,
    Case,
    case,
    get,
    patch,
    post,
    put,
    show,
    without,
    workflow,
)

VERSION = {"rv": "metadata.resourceVersion"}
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "u-1"}
PARENT = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "owner", "uid": "$uid"}
SPEC_OVER_BODY_LIMIT = 3 * 1024 * 1024
SPEC_OVER_ETCD_LIMIT = 2_000_000


def with_spec_of(size: int) -> bytes:
    return json.dumps({**workflow("big"), "spec": {"text": "x" * size}}).encode()


CREATES = (
    case("create-sets-what-the-server-knows", post(workflow("a", labels={"x": "1"}, annotations={"y": "2"}))),
    case(
        "create-ignores-what-a-client-makes-up",
        post(
            {
                **workflow("a", uid="abc", creationTimestamp="2001-01-01T00:00:00Z", generation=9, selfLink="/a"),
                "status": {"phase": "Running"},
            }
        ),
        post(workflow("b", deletionTimestamp="2001-01-01T00:00:00Z", deletionGracePeriodSeconds=5)),
        post(workflow("c", resourceVersion="0")),
    ),
    case("create-twice", post(workflow("a")), post(workflow("a")), show()),
    case("create-with-a-resource-version", post(workflow("a", resourceVersion="12"))),
    case("create-in-another-namespace", post(workflow("a", namespace="other")), post(workflow("b", namespace="$ns"))),
    case("create-does-not-read-the-name-of-the-path", post(workflow("b"), path=f"{WORKFLOWS}/a"), show()),
    case(
        "generated-names",
        post(workflow(generateName="job-")),
        post(workflow(generateName="job-")),
        post(workflow("named", generateName="job-")),
        post(workflow(generateName=f"long-{'a' * 70}")),
        post(workflow(generateName="Bad_")),
        post(workflow(generateName="")),
    ),
    case(
        "names-that-are-not-valid",
        *(post(workflow(each)) for each in ("Bad_Name", "-a", "a..b", "a" * 254, "a/b", "")),
    ),
    case(
        "labels-that-are-not-valid",
        post(workflow("a", labels={"x": "a b"})),
        post(workflow("a", labels={"x": "a" * 64})),
        post(workflow("a", labels={"a/b/c": "v"})),
        post(workflow("a", labels={"UP/q": "v"})),
        post(workflow("a", labels={"": "v"})),
        post(workflow("a", labels={"-x": "v"})),
        post(workflow("a", labels={"x": "-v"})),
    ),
    case(
        "annotations-that-are-not-valid",
        post(workflow("a", annotations={"a b": "x"})),
        post(workflow("a", annotations={"a": "x" * (256 * 1024)})),
    ),
    case(
        "owner-references-that-are-not-valid",
        post(workflow("a", ownerReferences=[{}])),
        post(workflow("a", ownerReferences=[without(OWNER, "uid")])),
        post(workflow("a", ownerReferences=[OWNER | {"controller": True}, OWNER | {"uid": "u-2", "controller": True}])),
    ),
    case(
        "owner-references",
        post(workflow("owner"), keep={"uid": "metadata.uid"}),
        post(workflow("a", ownerReferences=[PARENT | {"controller": True, "blockOwnerDeletion": True}])),
        patch("a", {"metadata": {"ownerReferences": [PARENT]}}, fieldManager="another"),
        patch("a", {"metadata": {"ownerReferences": None}}),
    ),
    case(
        "finalizers-that-are-not-valid",
        post(workflow("a", finalizers=["a b"])),
        post(workflow("a", finalizers=["orphan", "foregroundDeletion"])),
    ),
    case(
        "finalizers-that-others-may-choose",
        post(workflow("a", finalizers=["plain", "a.b/c"])),
        patch("a", {"metadata": {"finalizers": ["plain", "common"]}}),
        patch("a", {"metadata": {"finalizers": ["plain"]}}),
    ),
    case(
        "metadata-of-wrong-types",
        post(workflow("a", labels={"x": 1})),
        post(workflow("a", labels={"x": True})),
        post(workflow("a", labels=["x"])),
        post(workflow("a", finalizers="x")),
        post(workflow("a") | {"metadata": "x"}),
        post(workflow("a") | {"metadata": {"name": 5}}),
    ),
    case(
        "nothing-said-is-nothing-stored",
        post(workflow("a", labels={}, annotations={}, finalizers=[], ownerReferences=[])),
        post(workflow("b", labels={"x": None}, annotations=None)),
        post({**workflow("c"), "status": None}),
        post({**workflow("d"), "metadata": None}),
    ),
    case(
        "kinds-and-versions-that-are-others",
        post({**workflow("a"), "kind": "Pod"}),
        post({**workflow("a"), "apiVersion": "v1"}),
        post(without(workflow("a"), "apiVersion")),
        post({**workflow("a"), "kind": "CronWorkflow"}),
    ),
    case("no-kind", post(without(workflow("a"), "kind")), post({})),
    case(
        "specs-that-are-not-valid",
        post(without(workflow("a"), "spec")),
        post({**workflow("a"), "spec": "x"}),
        post({**workflow("a"), "spec": None}),
        post({**workflow("a"), "status": [1]}),
        post({**workflow("-"), "spec": 1}),
        post({**workflow("a"), "spec": 1.5}),
        post({**workflow("a"), "spec": True}),
    ),
    case(
        "unknown-fields",
        post({**workflow("a", colour="red"), "foo": 1}),
        post({**workflow("b"), "foo": 1}, fieldValidation="Ignore"),
        post({**workflow("c"), "foo": 1, "bar": 2}, fieldValidation="Strict"),
        post(workflow("d", colour="red"), fieldValidation="Strict"),
        post(workflow("e"), fieldValidation="Strict"),
        post(workflow("f"), fieldValidation="Sometimes"),
    ),
    case("true-and-one-are-not-the-same", post({**workflow("a"), "spec": {"x": 1}}), patch("a", {"spec": {"x": True}})),
    case("body-that-is-a-list", post([])),
    case("body-that-is-a-number", post(b"3")),
    case("no-body", Call(method="POST", path=WORKFLOWS, headers={"Content-Type": "application/json"})),
    case(
        "media-types-of-bodies",
        Call(method="POST", path=WORKFLOWS, body=workflow("a"), headers={"Content-Type": "text/plain"}),
        Call(method="POST", path=WORKFLOWS, body=workflow("b"), headers={"Content-Type": ""}),
        Call(
            method="POST",
            path=WORKFLOWS,
            body=workflow("c"),
            headers={"Content-Type": "application/json; charset=utf-8"},
        ),
        Call(method="PUT", path=f"{WORKFLOWS}/b", body=workflow("b"), headers={"Content-Type": "text/plain"}),
    ),
    case("a-body-over-the-limit", post(with_spec_of(SPEC_OVER_BODY_LIMIT))),
    case("an-object-over-the-limit-of-etcd", post(with_spec_of(SPEC_OVER_ETCD_LIMIT))),
)

MANAGERS_AND_DRY_RUNS = (
    case(
        "field-managers-own-what-they-set",
        post(workflow("a", labels={"x": "1"}, annotations={"p": "1"}), fieldManager="one"),
        patch("a", {"metadata": {"labels": {"y": "1"}}}, fieldManager="two"),
        patch("a", {"metadata": {"labels": {"x": "2"}}, "status": {"phase": "Running"}}, fieldManager="two"),
        patch("a", {"spec": {"shutdown": "Stop"}, "metadata": {"finalizers": ["a.b/c"]}}, fieldManager="three"),
        patch("a", {"metadata": {"labels": {"x": None}, "annotations": None}}, fieldManager="three"),
        patch("a", {"metadata": {"finalizers": None}}, fieldManager="one"),
    ),
    case(
        "the-user-agent-is-the-manager",
        Call(method="POST", path=WORKFLOWS, body=workflow("a"), headers={"User-Agent": "a b/c"}),
    ),
    case(
        "managers-that-are-not-valid",
        post(workflow("a"), fieldManager="x" * 129),
        post(workflow("a"), fieldManager="a\x07b"),
        put("a", workflow("a"), fieldManager="x" * 129),
    ),
    case(
        "managed-fields-can-be-given-up",
        post(workflow("a")),
        patch("a", {"metadata": {"managedFields": [{}]}}),
        patch("a", {"metadata": {"labels": {"x": "1"}}}),
    ),
    case(
        "managed-fields-of-nothing-change-nothing",
        post(workflow("a")),
        patch("a", {"metadata": {"managedFields": []}}),
        patch("a", {"metadata": {"managedFields": None}}),
    ),
    case(
        "dry-runs-store-nothing",
        post(workflow("a"), dryRun="All"),
        get(f"{WORKFLOWS}/a"),
        post(workflow("b"), keep=VERSION),
        post(workflow("b"), dryRun="All"),
        put("b", workflow("b", resourceVersion="$rv", labels={"x": "1"}), dryRun="All"),
        patch("b", {"spec": {"x": 1}}, dryRun="All"),
        Call(method="DELETE", path=f"{WORKFLOWS}/b", query={"dryRun": "All"}),
        get(f"{WORKFLOWS}/b"),
    ),
    case(
        "dry-runs-are-checked",
        post(workflow("Bad_Name"), dryRun="All"),
        post(workflow("a"), dryRun="Some"),
        Call(method="DELETE", path=f"{WORKFLOWS}/none", query={"dryRun": "All"}),
        Call(method="DELETE", path=f"{WORKFLOWS}/none", query={"dryRun": "Some"}),
    ),
)

UPDATES = (
    case(
        "update",
        post(workflow("a", labels={"x": "1"}), keep=VERSION),
        put("a", workflow("a", resourceVersion="$rv", labels={"y": "1"}), keep=VERSION),
        put("a", {**workflow("a", resourceVersion="$rv"), "status": {"phase": "Running"}}, keep=VERSION),
        get(f"{WORKFLOWS}/a"),
    ),
    case(
        "update-that-changes-nothing",
        post(workflow("a", labels={"x": "1"}), keep=VERSION),
        put("a", workflow("a", resourceVersion="$rv", labels={"x": "1"})),
        put("a", workflow("a", resourceVersion="$rv", labels={"x": "1"}), fieldManager="another"),
    ),
    case(
        "update-from-another-version",
        post(workflow("a"), keep=VERSION),
        patch("a", {"spec": {"x": 1}}),
        put("a", workflow("a", resourceVersion="$rv")),
        put("a", workflow("a")),
        put("a", workflow("a", resourceVersion="0")),
        put("a", workflow("a", resourceVersion="abc")),
    ),
    case(
        "update-of-what-is-not-there",
        put("none", workflow("none", resourceVersion="1")),
        put("none", workflow("none")),
        put("none", workflow("none", resourceVersion="1", uid="u")),
    ),
    case(
        "update-of-another-object",
        post(workflow("a"), keep=VERSION),
        put("a", workflow("b", resourceVersion="$rv")),
        put("a", workflow(resourceVersion="$rv")),
        put("a", workflow("a", resourceVersion="$rv", namespace="other")),
        put("a", workflow("a", resourceVersion="$rv", uid="3e9a7b52-7d7c-4a39-a6f0-3d2f1f4c9f11")),
    ),
    case(
        "update-cannot-change-what-the-server-sets",
        post(workflow("a"), keep=VERSION),
        put(
            "a",
            workflow("a", resourceVersion="$rv", generation=7, creationTimestamp="2001-01-01T00:00:00Z"),
            keep=VERSION,
        ),
        put("a", workflow("a", resourceVersion="$rv", deletionTimestamp="2001-01-01T00:00:00Z")),
    ),
    case(
        "update-is-checked-as-a-create-is",
        post(workflow("a"), keep=VERSION),
        put("a", workflow("a", resourceVersion="$rv", labels={"x": "a b"})),
        put("a", without(workflow("a", resourceVersion="$rv"), "spec")),
        put("a", {**workflow("a", resourceVersion="$rv"), "kind": "Pod"}),
        put("a", {**workflow("a", resourceVersion="$rv"), "foo": 1}, fieldValidation="Strict"),
        put("a", without(workflow("a", resourceVersion="$rv"), "kind")),
        put("a", []),
    ),
    case(
        "generation-moves-with-spec-and-status-but-not-with-metadata",
        post(workflow("a")),
        patch("a", {"metadata": {"labels": {"x": "1"}, "annotations": {"y": "1"}}}),
        patch("a", {"status": {"phase": "Running"}}),
        patch("a", {"spec": {"suspend": True}}),
        patch("a", [{"op": "add", "path": "/status/phase", "value": "Failed"}], content_type=JSON_PATCH),
    ),
    case(
        "the-order-of-versions-is-that-of-writes",
        post(workflow("a")),
        post(workflow("b")),
        patch("a", {"spec": {"x": 1}}),
        post({**workflow("c"), "kind": "CronWorkflow"}, path=f"{GROUP}/namespaces/$ns/cronworkflows"),
        patch("b", {"spec": {"x": 1}}),
        get(WORKFLOWS),
    ),
)

CASES: tuple[Case, ...] = (*CREATES, *MANAGERS_AND_DRY_RUNS, *UPDATES)
