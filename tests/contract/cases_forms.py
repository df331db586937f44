"""Cases about the forms of answers, what is not there, who may ask, and what the API says of itself."""

from __future__ import annotations

from contract.script import (
    GROUP,
    PARTIAL,
    PARTIAL_LIST,
    THREE,
    WORKFLOWS,
    Call,
    Case,
    Differs,
    case,
    failure,
    get,
    not_local,
    patch,
    post,
    workflow,
)

TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"

REPRESENTATIONS = (
    case("metadata-of-one", post(workflow("a", labels={"x": "1"})), get(f"{WORKFLOWS}/a", accept=PARTIAL)),
    case(
        "metadata-of-a-list",
        THREE,
        get(WORKFLOWS, accept=PARTIAL_LIST),
        get(WORKFLOWS, accept=PARTIAL_LIST, limit="1"),
        get(WORKFLOWS, accept=PARTIAL_LIST, limit="1", labelSelector="x"),
    ),
    case(
        "metadata-forms-that-do-not-fit",
        post(workflow("a")),
        get(WORKFLOWS, accept=PARTIAL),
        get(f"{WORKFLOWS}/a", accept=PARTIAL_LIST),
    ),
    case(
        "metadata-of-what-was-written",
        Call(method="POST", path=WORKFLOWS, body=workflow("a"), headers={"Accept": PARTIAL}),
        Call(
            method="PATCH",
            path=f"{WORKFLOWS}/a",
            body={"spec": {"x": 1}},
            headers={"Accept": PARTIAL, "Content-Type": "application/merge-patch+json"},
        ),
        Call(method="GET", path=f"{WORKFLOWS}/none", headers={"Accept": PARTIAL}),
    ),
    case(
        "media-types-that-are-accepted",
        post(workflow("a")),
        *(
            get(f"{WORKFLOWS}/a", accept=each)
            for each in (
                "*/*",
                "application/*",
                "",
                "text/html, application/json;q=0.9",
                f"{PARTIAL},application/json",
                "application/json;as=Foo;g=meta.k8s.io;v=v1,application/json",
            )
        ),
    ),
    case(
        "media-types-that-are-not",
        post(workflow("a")),
        get(f"{WORKFLOWS}/a", accept="text/html"),
        get(f"{WORKFLOWS}/a", accept="application/json;as=Foo;g=meta.k8s.io;v=v1"),
        get(f"{WORKFLOWS}/none", accept="text/html"),
    ),
    case(
        "yaml-answers",
        get(f"{WORKFLOWS}/none", accept="application/yaml"),
        differs=Differs(
            reason="Answers are JSON: YAML is refused with 406.",
            answers={0: not_local(f"GET {WORKFLOWS}/none", 406, "NotAcceptable", "the media type application/yaml")},
        ),
    ),
    case(
        "table-answers",
        get(WORKFLOWS, accept=TABLE),
        get(WORKFLOWS, accept=f"{TABLE},application/json"),
        differs=Differs(
            reason="There are no Tables: what accepts nothing else is refused with 406, and kubectl gets the list.",
            answers={
                0: not_local(f"GET {WORKFLOWS}", 406, "NotAcceptable", "the Table representation"),
                1: {
                    "request": f"GET {WORKFLOWS}",
                    "status": 200,
                    "headers": {"Content-Type": "application/json"},
                    "body": {
                        "apiVersion": "argoproj.io/v1alpha1",
                        "kind": "WorkflowList",
                        "metadata": {"continue": "", "resourceVersion": "v0+"},
                        "items": [],
                    },
                },
            },
        ),
    ),
    case(
        "metadata-in-its-first-version",
        get(f"{WORKFLOWS}/none", accept=PARTIAL),
        get(WORKFLOWS, accept=PARTIAL_LIST.replace("v=v1", "v=v1beta1")),
        differs=Differs(
            reason="Of the forms of metadata only v1 is served; v1beta1 is refused with 406.",
            answers={
                1: failure(
                    f"GET {WORKFLOWS}",
                    406,
                    "NotAcceptable",
                    "only the following media types are accepted: application/json, application/yaml, "
                    "application/vnd.kubernetes.protobuf",
                ),
            },
        ),
    ),
)

NOT_THERE = (
    case(
        "paths-that-are-not-there",
        get(f"{GROUP}/namespaces/$ns/foos"),
        get(f"{GROUP}/namespaces/$ns/foos/a"),
        get(f"{GROUP}/foos"),
        get("/apis/argoproj.io/v1beta9/namespaces/$ns/workflows"),
        get("/apis/example.com/v1"),
        get("/nope"),
        Call(method="DELETE", path=f"{GROUP}/namespaces/$ns/foos/a"),
    ),
    case(
        "workflows-have-no-subresources",
        post(workflow("a")),
        get(f"{WORKFLOWS}/a/status"),
        Call(method="PUT", path=f"{WORKFLOWS}/a/status", body=workflow("a")),
        patch("a/status", {"status": {"phase": "Running"}}),
        get(f"{WORKFLOWS}/none/status"),
        get(f"{WORKFLOWS}/a/scale"),
    ),
    case(
        "methods-that-are-not-there",
        post(workflow("a")),
        Call(method="PUT", path=WORKFLOWS, body=workflow("a")),
        Call(method="PATCH", path=WORKFLOWS, body={}, headers={"Content-Type": "application/merge-patch+json"}),
        Call(method="OPTIONS", path=WORKFLOWS),
        Call(method="OPTIONS", path=f"{WORKFLOWS}/a"),
    ),
    case("health", get("/readyz"), get("/livez"), get("/healthz")),
    case("a-wrong-token", Call(method="GET", path=WORKFLOWS, headers={"Authorization": "Bearer wrong"})),
    case(
        "no-token",
        Call(method="GET", path=WORKFLOWS, headers={"Authorization": ""}),
        differs=Differs(
            reason="There are no anonymous users: a request without a token gets 401, where RBAC says 403.",
            answers={0: failure(f"GET {WORKFLOWS}", 401, "Unauthorized", "Unauthorized")},
        ),
    ),
    case("discovery-of-the-group", get("/apis/argoproj.io")),
    case(
        "discovery-of-the-resources",
        get(GROUP),
        differs=Differs(
            reason="Of Argo's resources only workflows and cronworkflows are served, and discovery lists only those.",
            answers={
                0: {
                    "request": f"GET {GROUP}",
                    "status": 200,
                    "headers": {"Content-Type": "application/json"},
                    "body": {
                        "kind": "APIResourceList",
                        "apiVersion": "v1",
                        "groupVersion": "argoproj.io/v1alpha1",
                        "resources": [
                            {
                                "name": plural,
                                "singularName": kind.lower(),
                                "namespaced": True,
                                "kind": kind,
                                "verbs": [
                                    *("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
                                ],
                                "shortNames": short,
                            }
                            for plural, kind, short in (
                                ("cronworkflows", "CronWorkflow", ["cwf", "cronwf"]),
                                ("workflows", "Workflow", ["wf"]),
                            )
                        ],
                    },
                }
            },
        ),
    ),
)

CASES: tuple[Case, ...] = (*REPRESENTATIONS, *NOT_THERE)
