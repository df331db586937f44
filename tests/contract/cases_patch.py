"""Cases about patches, their media types, and what they cannot change."""

from __future__ import annotations

from contract.script import (
    JSON_PATCH,
    MERGE,
    WORKFLOWS,
    Call,
    Case,
    Differs,
    Json,
    case,
    failure,
    get,
    not_local,
    patch,
    post,
    workflow,
)

VERSION = {"rv": "metadata.resourceVersion"}
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
LISTS: Json = {**workflow("a"), "spec": {"l": [1, 2], "m": {"k": 1}, "a/b": 1, "t~": 1}}
OTHER_JSON = "Malformed JSON is refused as by the real server, but without the words of Go's JSON decoder."

NOT_FITTING = failure(
    f"PATCH {WORKFLOWS}/a?fieldValidation=Warn",
    422,
    "Invalid",
    "the server rejected our request due to an error in our request",
)
NOT_FITTING["body"]["details"] = {}


def json_patch(*operations: Json | str, validation: str = "Warn") -> Call:
    return patch("a", list(operations), content_type=JSON_PATCH, fieldValidation=validation)


MERGES = (
    case(
        "merge-patch",
        post({**workflow("a", labels={"x": "1", "y": "1"}), "spec": {"list": [1, 2], "map": {"k": 1}}}),
        patch("a", {"metadata": {"labels": {"x": None, "z": "1"}}, "spec": {"list": [3], "map": {"l": 2}}}),
        patch("a", {"status": {"phase": "Running", "nodes": {"a": None}}}),
        patch("a", {"status": None}),
    ),
    case(
        "a-patch-that-changes-nothing",
        post(workflow("a", labels={"x": "1"})),
        patch("a", {"metadata": {"labels": {"x": "1"}}}),
        patch("a", {}),
        patch("a", {"spec": {"none": None}}, fieldManager="another"),
        get(f"{WORKFLOWS}/a"),
    ),
    case(
        "a-patch-of-a-version",
        post(workflow("a"), keep=VERSION),
        patch("a", {"metadata": {"resourceVersion": "$rv"}, "spec": {"x": 1}}),
        patch("a", {"metadata": {"resourceVersion": "$rv"}, "spec": {"x": 2}}),
        patch("a", {"metadata": {"resourceVersion": None}, "spec": {"x": 3}}),
        patch("a", {"metadata": {"resourceVersion": "abc"}}),
    ),
    case("a-patch-of-what-is-not-there", patch("none", {}), patch("none", [], content_type=JSON_PATCH)),
    case(
        "patches-cannot-make-another-object",
        post(workflow("a")),
        patch("a", {"metadata": {"name": "b"}}),
        patch("a", {"metadata": {"namespace": "b"}}),
        patch("a", {"metadata": {"uid": "3e9a7b52-7d7c-4a39-a6f0-3d2f1f4c9f11"}}),
        patch("a", {"kind": "Pod"}),
        patch("a", {"apiVersion": "v1"}),
        patch("a", {"metadata": {"name": None}}),
        patch("a", {"metadata": None}),
    ),
    case(
        "patches-do-not-change-what-the-server-sets",
        post(workflow("a")),
        patch("a", {"metadata": {"creationTimestamp": "2001-01-01T00:00:00Z", "generation": 77}}),
        patch("a", {"metadata": {"uid": None, "creationTimestamp": None, "generation": None}}),
        patch("a", {"metadata": {"deletionTimestamp": "2001-01-01T00:00:00Z"}}),
    ),
    case(
        "patched-objects-are-checked",
        post(workflow("a")),
        patch("a", {"metadata": {"labels": {"x": "a b"}}}),
        patch("a", {"spec": None}),
        patch("a", {"spec": 1}),
        patch("a", {"metadata": {"labels": {"x": 1}}}),
    ),
    case(
        "unknown-fields-in-patches",
        post(workflow("a")),
        patch("a", {"foo": 1}),
        patch("a", {"foo": 1}, fieldValidation="Strict"),
        patch("a", {"foo": 1}, fieldValidation="Ignore"),
        patch("a", {"metadata": {"colour": "red"}}),
        json_patch({"op": "add", "path": "/foo", "value": 1}),
        json_patch({"op": "add", "path": "/foo", "value": 1}, validation="Strict"),
    ),
    case(
        "merge-patches-that-are-none",
        post(workflow("a")),
        patch("a", []),
        patch("a", b"3"),
        patch("a", b'"x"'),
        patch("a", b"null"),
    ),
    case("forced-patches", post(workflow("a")), patch("a", {}, force="true")),
)

MEDIA_TYPES = (
    case(
        "media-types-that-are-no-patches",
        post(workflow("a")),
        patch("a", {}, content_type=STRATEGIC),
        patch("a", {}, content_type="application/json"),
        patch("a", {}, content_type=""),
        patch("none", {}, content_type=STRATEGIC),
    ),
    case(
        "media-types-with-parameters",
        post(workflow("a")),
        patch("a", {"spec": {"x": 1}}, content_type=f"{MERGE}; charset=utf-8"),
    ),
    case(
        "server-side-apply",
        patch("a", workflow("a"), content_type=APPLY, fieldManager="one"),
        differs=Differs(
            reason="Server-side apply is refused with 415.",
            answers={
                0: not_local(f"PATCH {WORKFLOWS}/a?fieldManager=one", 415, "UnsupportedMediaType", "server-side apply")
            },
        ),
    ),
    case(
        "yaml-bodies",
        Call(method="POST", path=WORKFLOWS, body=b"kind: Workflow", headers={"Content-Type": "application/yaml"}),
        differs=Differs(
            reason="Bodies are JSON: YAML is refused with 415.",
            answers={0: not_local(f"POST {WORKFLOWS}", 415, "UnsupportedMediaType", "a body of application/yaml")},
        ),
    ),
    case(
        "malformed-json",
        post(b'{"kind": "Workflow",}'),
        patch("a", b'{"spec": tru}'),
        differs=Differs(
            reason=OTHER_JSON,
            answers={
                0: failure(
                    f"POST {WORKFLOWS}",
                    400,
                    "BadRequest",
                    "the object provided is unrecognized (must be of type Workflow): couldn't get version/kind; json "
                    'parse error: the body is not JSON ({"kind": "Workflow",})',
                ),
                1: failure(f"PATCH {WORKFLOWS}/a", 400, "BadRequest", "error decoding patch: the body is not JSON"),
            },
        ),
    ),
)

JSON_PATCHES = (
    case(
        "json-patch",
        post(LISTS),
        json_patch(
            {"op": "test", "path": "/spec/m/k", "value": 1},
            {"op": "add", "path": "/metadata/labels", "value": {"x": "1"}},
            {"op": "add", "path": "/metadata/labels/z~1q", "value": "1"},
            {"op": "replace", "path": "/spec/a~1b", "value": 2},
            {"op": "replace", "path": "/spec/t~0", "value": 2},
        ),
        json_patch(
            {"op": "add", "path": "/spec/l/-", "value": 3},
            {"op": "add", "path": "/spec/l/0", "value": 0},
            {"op": "remove", "path": "/spec/l/1"},
            {"op": "copy", "from": "/spec/l", "path": "/spec/n"},
            {"op": "move", "from": "/spec/l", "path": "/spec/o"},
        ),
        json_patch(),
    ),
    case(
        "json-patches-that-do-not-fit",
        post(LISTS),
        json_patch({"op": "test", "path": "/spec/m/k", "value": 2}),
        json_patch({"op": "test", "path": "/spec/none", "value": 2}),
        json_patch({"op": "remove", "path": "/spec/none"}),
        json_patch({"op": "add", "path": "/spec/none/x", "value": 1}),
        json_patch({"op": "add", "path": "/spec/l/9", "value": 1}),
        json_patch({"op": "move", "from": "/spec/none", "path": "/spec/x"}),
        json_patch({"op": "add", "path": "/spec/x", "value": 1}, {"op": "remove", "path": "/spec/none"}),
        get(f"{WORKFLOWS}/a"),
    ),
    case(
        "json-patches-where-the-real-one-is-lax",
        post(LISTS),
        json_patch({"op": "replace", "path": "/spec/new", "value": 1}),
        json_patch({"op": "add", "path": "/spec/null"}),
        json_patch({"op": "add", "path": "/spec/l/-1", "value": 7}),
    ),
    case(
        "json-patches-that-are-none",
        post(LISTS),
        patch("a", {}, content_type=JSON_PATCH),
        patch("a", b"3", content_type=JSON_PATCH),
        json_patch("x"),
        json_patch({"op": "foo", "path": "/spec/x"}),
        json_patch({"op": "add", "value": 1}),
        json_patch({"path": "/spec/x", "value": 1}),
        json_patch({"op": "move", "path": "/spec/x"}),
    ),
    case(
        "json-patch-paths-without-a-slash",
        post(LISTS),
        json_patch({"op": "add", "path": "spec/x", "value": 1}),
        differs=Differs(
            reason="A JSON patch's path has to begin with a slash; the real server drops what stands before it.",
            answers={1: NOT_FITTING},
        ),
    ),
    case("json-patch-of-the-whole-object", post(LISTS), json_patch({"op": "replace", "path": "", "value": {}})),
    case(
        "json-patches-of-too-many-operations",
        post(workflow("a")),
        patch("a", [{"op": "test", "path": "/kind", "value": "Workflow"}] * 10_001, content_type=JSON_PATCH),
    ),
)

CASES: tuple[Case, ...] = (*MERGES, *MEDIA_TYPES, *JSON_PATCHES)
