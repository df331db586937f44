"""Cases about gets, lists, pages, selectors and the resourceVersions of lists."""

from __future__ import annotations

# On the real server, what is asked for at version 0 or without a watch's version comes from a cache that may be behind:
# where a case needs it to be up to date, it lists first, which waits for that.
from contract.script import (
    FUTURE,
    GROUP,
    PARTIAL_LIST,
    THREE,
    WORKFLOWS,
    Call,
    Case,
    Differs,
    Forget,
    case,
    delete,
    failure,
    get,
    patch,
    post,
    show,
    workflow,
)

ALL_OF_CASE = f"{GROUP}/workflows"

SELECTORS = (
    *("x", "!x", "x=1", "x==1", "x!=1", "x in (1,2)", "x in (1, 3),y", "x notin (1)", "x in ()", "x notin (,1)"),
    *("x=1,y=q", "x=1,,y", "x=", "y,x", " x = 1 ", "x>1", "x<2", "in", "x=1,y!=q", "in in (in)"),
)
BAD_SELECTORS = (
    *("x in", "x in (1", "x in 1", "x!1", "x===1", "=1", ",", "x,", "a b", "x gt 1", "x>a", "!x=1", "-x", "x=@"),
    *("x in (a b)", "a/b/c", "x=a b", "x in (-)", "UP/q=1"),
)
FIELD_SELECTORS = (
    *("metadata.name=a", "metadata.name==a", "metadata.name!=a", "metadata.namespace=$ns", "metadata.namespace=other"),
    *("metadata.name=a,metadata.name=b", "metadata.name=", "metadata.name!=a,metadata.name!=b", "="),
)
BAD_FIELD_SELECTORS = ("status.phase=Running", "metadata.name", "bad", "metadata.uid=1", "spec.x!=1", "=x")


GETS_AND_LISTS = (
    case("list-of-nothing", get(WORKFLOWS), get(WORKFLOWS, accept=PARTIAL_LIST)),
    case("list-is-ordered-by-name-and-items-have-kinds", THREE, get(WORKFLOWS)),
    case("get", post(workflow("a", labels={"x": "1"})), get(f"{WORKFLOWS}/a")),
    case("get-of-what-is-not-there", get(f"{WORKFLOWS}/none")),
    case(
        "get-with-a-resource-version",
        post(workflow("a"), keep={"rv": "metadata.resourceVersion"}),
        get(f"{WORKFLOWS}/a", resourceVersion="$rv"),
        get(f"{WORKFLOWS}/a", resourceVersion="0"),
        get(f"{WORKFLOWS}/a", resourceVersion="abc"),
        get(f"{WORKFLOWS}/a", resourceVersion="-1"),
    ),
    case("get-with-a-future-resource-version", post(workflow("a")), get(f"{WORKFLOWS}/a", resourceVersion=FUTURE)),
    case(
        "get-of-an-object-ignores-watch", post(workflow("a")), get(f"{WORKFLOWS}/a", watch="true", timeoutSeconds="1")
    ),
    case("get-ignores-parameters-it-does-not-know", post(workflow("a")), show({"pretty": "false", "foo": "1"})),
    case("head", post(workflow("a")), Call(method="HEAD", path=f"{WORKFLOWS}/a"), Call(method="HEAD", path=WORKFLOWS)),
    case(
        "list-across-namespaces",
        post(workflow("a", labels={"case": "$ns"})),
        post(workflow("b", labels={"case": "$ns"}), path=f"{GROUP}/namespaces/$ns2/workflows"),
        post(workflow("z", labels={"case": "$ns"})),
        get(ALL_OF_CASE, labelSelector="case=$ns"),
        show({"labelSelector": "case=$ns", "limit": "2"}, path=ALL_OF_CASE, keep={"token": "metadata.continue"}),
        show({"labelSelector": "case=$ns", "limit": "2", "continue": "$token"}, path=ALL_OF_CASE),
        show({"fieldSelector": "metadata.namespace=$ns2,metadata.name=b"}, path=ALL_OF_CASE),
    ),
    case(
        "writes-need-a-namespace",
        Call(method="POST", path=ALL_OF_CASE, body=workflow("a")),
        Call(method="GET", path=f"{ALL_OF_CASE}/a"),
    ),
    case(
        "cron-workflows-are-a-resource-of-their-own",
        post(
            {**workflow("a"), "kind": "CronWorkflow", "spec": {"schedule": "* * * * *", "workflowSpec": {}}},
            path=f"{GROUP}/namespaces/$ns/cronworkflows",
        ),
        post(workflow("a"), path=f"{GROUP}/namespaces/$ns/cronworkflows"),
        show(),
        get(f"{GROUP}/namespaces/$ns/cronworkflows"),
        get(f"{GROUP}/namespaces/$ns/cronworkflows/none"),
    ),
)

SELECTION = (
    case("label-selectors", THREE, *(show({"labelSelector": each}) for each in SELECTORS)),
    case("bad-label-selectors", *(show({"labelSelector": each}) for each in BAD_SELECTORS)),
    case("field-selectors", THREE, *(show({"fieldSelector": each}) for each in FIELD_SELECTORS)),
    case("bad-field-selectors", THREE, *(show({"fieldSelector": each}) for each in BAD_FIELD_SELECTORS)),
    case("both-selectors", THREE, show({"labelSelector": "x", "fieldSelector": "metadata.name!=a"})),
)

PAGES = (
    case(
        "pages-tell-how-many-are-left",
        THREE,
        get(WORKFLOWS, limit="1"),
        show({"limit": "2"}, keep={"token": "metadata.continue"}),
        show({"limit": "2", "continue": "$token"}),
        show({"limit": "3"}),
        show({"limit": "4"}),
    ),
    case(
        "pages-of-a-selection-do-not-tell-how-many-are-left",
        THREE,
        show({"limit": "1", "labelSelector": "x"}, keep={"token": "metadata.continue"}),
        show({"limit": "1", "labelSelector": "x", "continue": "$token"}),
        show({"limit": "2", "labelSelector": "x"}),
        show({"limit": "1", "fieldSelector": "metadata.name!=a"}),
    ),
    case(
        "pages-show-the-moment-of-the-first",
        THREE,
        show({"limit": "1"}, keep={"token": "metadata.continue"}),
        post(workflow("d")),
        patch("b", {"metadata": {"labels": {"x": "changed"}}}),
        delete("c"),
        get(WORKFLOWS, limit="1", **{"continue": "$token"}),
        show({"continue": "$token"}),
        show({"continue": "$token", "resourceVersion": "0"}),
        show(),
    ),
    case(
        "what-a-continue-token-does-not-go-with",
        THREE,
        show({"limit": "1"}, keep={"token": "metadata.continue", "rv": "metadata.resourceVersion"}),
        show({"continue": "$token", "resourceVersion": "$rv"}),
        show({"continue": "$token", "resourceVersion": "0", "resourceVersionMatch": "NotOlderThan"}),
    ),
    case("a-list-of-any-version-has-no-pages", THREE, show(), show({"limit": "1", "resourceVersion": "0"})),
    case("limits-that-are-none", THREE, show({"limit": "-1"}), show({"limit": "0"}), show({"limit": "abc"})),
    case(
        "continue-tokens-made-up",
        *(
            show({"continue": each})
            for each in (
                "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MCwic3RhcnQiOiJhIn0",  # version 0
                "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NSwic3RhcnQiOiIifQ",  # no start
                "eyJ2IjoidjIiLCJydiI6NSwic3RhcnQiOiJhIn0",  # another format
                "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NSwic3RhcnQiOiIuLi9hIn0",  # out of the resource
            )
        ),
    ),
    case(
        "continue-tokens-that-cannot-be-read",
        show({"continue": "xx"}),
        differs=Differs(
            reason="A continue token that is no JSON gets the same 400 without the words of Go's JSON decoder.",
            answers={
                0: failure(
                    f"GET {WORKFLOWS}?continue=xx",
                    400,
                    "BadRequest",
                    "invalid continue token: continue key is not valid",
                )
            },
        ),
    ),
    case(
        "an-expired-continue-token-offers-the-rest",
        THREE,
        show({"limit": "1"}, keep={"token": "metadata.continue"}),
        delete("b"),
        Forget(),
        Call(
            method="GET",
            path=WORKFLOWS,
            query={"limit": "1", "continue": "$token"},
            keep={"token": "metadata.continue"},
        ),
        show({"continue": "$token"}),
    ),
)

VERSIONS = (
    case(
        "list-with-a-resource-version",
        THREE,
        show(keep={"rv": "metadata.resourceVersion"}),
        delete("a"),
        show(),
        show({"resourceVersion": "$rv"}),
        show({"resourceVersion": "$rv", "resourceVersionMatch": "NotOlderThan"}),
        show({"resourceVersion": "$rv", "resourceVersionMatch": "Exact"}),
        show({"resourceVersion": "$rv", "limit": "2"}),
        show({"resourceVersion": "0"}),
        show({"resourceVersion": "0", "resourceVersionMatch": "NotOlderThan"}),
    ),
    case(
        "list-with-what-is-no-resource-version",
        show({"resourceVersion": "abc"}),
        show({"resourceVersion": "-5"}),
        show({"resourceVersion": "1.5"}),
        show({"resourceVersion": "99999999999999999999"}),
    ),
    case("list-with-a-future-resource-version", show({"resourceVersion": FUTURE})),
    case("list-not-older-than-a-future-one", show({"resourceVersion": FUTURE, "resourceVersionMatch": "NotOlderThan"})),
    case("list-of-exactly-a-future-one", show({"resourceVersion": FUTURE, "resourceVersionMatch": "Exact"})),
    case(
        "resource-version-matches-that-make-no-sense",
        show({"resourceVersion": "0", "resourceVersionMatch": "Exact"}),
        show({"resourceVersionMatch": "NotOlderThan"}),
        show({"resourceVersionMatch": "Exact"}),
        show({"resourceVersion": "1", "resourceVersionMatch": "Foo"}),
        show({"sendInitialEvents": "true"}),
        show({"sendInitialEvents": "false", "resourceVersionMatch": "NotOlderThan"}),
    ),
    case(
        "list-of-exactly-an-expired-version",
        post(workflow("a"), keep={"rv": "metadata.resourceVersion"}),
        delete("a"),
        Forget(),
        show({"resourceVersion": "$rv", "resourceVersionMatch": "Exact"}),
        show({"resourceVersion": "$rv"}),
    ),
)

CASES: tuple[Case, ...] = (*GETS_AND_LISTS, *SELECTION, *PAGES, *VERSIONS)
