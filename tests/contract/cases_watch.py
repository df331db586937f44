"""Cases about watches: where they start, what they tell, how they end."""

from __future__ import annotations

from contract.script import (
    FUTURE,
    GROUP,
    PARTIAL,
    PARTIAL_LIST,
    WORKFLOWS,
    Case,
    Differs,
    Forget,
    Read,
    Step,
    case,
    delete,
    get,
    patch,
    post,
    show,
    watch,
    whole_watch,
    workflow,
)

NOW = show(keep={"rv": "metadata.resourceVersion"})
STREAMED = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
LIFE: tuple[Step, ...] = (
    post(workflow("a", labels={"t": "1"})),
    post(workflow("b")),
    patch("a", {"metadata": {"labels": {"t": "2"}}, "spec": {"x": 1}}),
    patch("b", {"metadata": {"labels": {"t": "1"}}}),
    patch("b", {"metadata": {"labels": {"u": "1"}}}),
    patch("b", {"metadata": {"labels": {"u": "1"}}}),
    patch("a", {"metadata": {"labels": {"t": "1"}}}),
    delete("b"),
    patch("a", {"metadata": {"labels": None}}),
    delete("a"),
)


def replay(**query: str) -> tuple[Step, ...]:
    return whole_watch({"resourceVersion": "$rv"} | query)


STARTS = (
    case("watch-from-a-version-replays-what-came-after-it", NOW, LIFE, replay()),
    case("watch-of-a-label-selector", NOW, LIFE, replay(labelSelector="t=1")),
    case("watch-of-a-negated-label-selector", NOW, LIFE, replay(labelSelector="t!=1")),
    case("watch-of-a-label-that-is-there", NOW, LIFE, replay(labelSelector="t")),
    case("watch-of-one-name", NOW, LIFE, replay(fieldSelector="metadata.name=b")),
    case("watch-of-all-but-one-name", NOW, LIFE, replay(fieldSelector="metadata.name!=b", labelSelector="t=1")),
    case(
        "watch-from-the-last-write-tells-nothing-of-it",
        post(workflow("a"), keep={"rv": "metadata.resourceVersion"}),
        replay(),
    ),
    case("watch-without-a-version-begins-with-what-is-there", LIFE[:3], post(workflow("c")), show(), whole_watch({})),
    case("watch-from-zero-begins-with-what-is-there", LIFE[:3], show(), whole_watch({"resourceVersion": "0"})),
    case("watch-without-a-version-selects", LIFE[:3], show(), whole_watch({"labelSelector": "t=2"})),
    case("watch-from-the-future-is-silent", post(workflow("a")), whole_watch({"resourceVersion": FUTURE})),
    case(
        "watch-from-before-what-is-remembered",
        post(workflow("a"), keep={"rv": "metadata.resourceVersion"}),
        patch("a", {"spec": {"x": 1}}),
        Forget(),
        show(),
        whole_watch({"resourceVersion": "$rv", "timeoutSeconds": "5"}),
        whole_watch({"resourceVersion": "1", "timeoutSeconds": "5"}),
        whole_watch({}),
    ),
    case(
        "watch-from-the-first-version",
        post(workflow("a")),
        whole_watch({"resourceVersion": "1", "fieldSelector": "metadata.name=none"}),
        differs=Differs(
            reason="A new local API remembers all events since its first one, so that a watch may start at version 1.",
            answers={2: {"request": "(read watch)", "events": [], "ends": "at its timeout"}},
        ),
    ),
    case(
        "watches-that-are-refused",
        *whole_watch({"resourceVersion": "abc"}),
        *whole_watch({"resourceVersion": "-1"}),
        *whole_watch({"labelSelector": "x in"}),
        *whole_watch({"fieldSelector": "status.phase=Running"}),
        *whole_watch({"resourceVersionMatch": "NotOlderThan"}),
        *whole_watch({"sendInitialEvents": "true"}),
        *whole_watch({"sendInitialEvents": "true", "resourceVersionMatch": "Exact"}),
        *whole_watch({"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "resourceVersion": "abc"}),
        get(WORKFLOWS, watch="true", timeoutSeconds="abc"),
    ),
    case(
        "watch-is-a-flag",
        post(workflow("a")),
        show(),
        *whole_watch({"watch": "1"}),
        *whole_watch({"watch": "True"}),
        show({"watch": "false"}),
        show({"watch": "0"}),
    ),
    case("watch-of-a-resource-that-is-not-there", *whole_watch({}, path=f"{GROUP}/namespaces/$ns/foos")),
)

LIVE = (
    case(
        "watch-tells-what-happens",
        watch({}),
        *LIFE,
        Read(name="watch", count=9),
    ),
    case(
        "an-object-that-leaves-a-selector-is-told-as-deleted",
        watch({"labelSelector": "t=1"}),
        post(workflow("a", labels={"t": "1", "old": "yes"})),
        patch("a", {"metadata": {"labels": {"t": "2", "old": "no"}}, "status": {"phase": "Running"}}),
        patch("a", {"status": {"phase": "Failed"}}),
        patch("a", {"metadata": {"labels": {"t": "1"}}}),
        patch("a", {"status": {"phase": "Succeeded"}}),
        delete("a"),
        Read(name="watch", count=5),
    ),
    case(
        "what-leaves-and-is-deleted-is-told-once",
        watch({"labelSelector": "t=1", "timeoutSeconds": "2"}),
        post(workflow("a", labels={"t": "1"})),
        patch("a", {"metadata": {"labels": {"t": None}}}),
        delete("a"),
        Read(name="watch"),
    ),
    case(
        "what-changes-nothing-is-not-told",
        watch({"timeoutSeconds": "2"}),
        post(workflow("a", labels={"t": "1"})),
        patch("a", {"metadata": {"labels": {"t": "1"}}}),
        post(workflow("b"), dryRun="All"),
        delete("a", dryRun="All"),
        post(workflow("a")),
        Read(name="watch"),
    ),
    case(
        "a-deletion-has-a-version-of-its-own",
        post(workflow("a", finalizers=["a.b/c"])),
        watch({"resourceVersion": "0"}),
        delete("a"),
        patch("a", {"metadata": {"finalizers": None}}),
        Read(name="watch", count=3),
        post(workflow("b")),
        delete("b"),
        Read(name="watch", count=2),
    ),
    case(
        "watch-across-namespaces",
        watch({"labelSelector": "case=$ns"}, path=f"{GROUP}/workflows"),
        post(workflow("a", labels={"case": "$ns"})),
        post(workflow("a", labels={"case": "$ns"}), path=f"{GROUP}/namespaces/$ns2/workflows"),
        delete("a"),
        Read(name="watch", count=3),
    ),
    case(
        "watches-of-one-resource-do-not-tell-of-another",
        watch({"timeoutSeconds": "2"}, path=f"{GROUP}/namespaces/$ns/cronworkflows"),
        watch({"timeoutSeconds": "2"}, name="elsewhere", path=f"{GROUP}/namespaces/$ns2/workflows"),
        post(workflow("a")),
        post({**workflow("a"), "kind": "CronWorkflow"}, path=f"{GROUP}/namespaces/$ns/cronworkflows"),
        Read(name="watch"),
        Read(name="elsewhere"),
    ),
    case(
        "two-watches-are-told-the-same",
        watch({}, name="one"),
        watch({"labelSelector": "t"}, name="two"),
        post(workflow("a", labels={"t": "1"})),
        delete("a"),
        Read(name="one", count=2),
        Read(name="two", count=2),
    ),
    case(
        "watch-again-from-the-last-version-that-was-told",
        watch({}, name="first"),
        post(workflow("a")),
        patch("a", {"spec": {"x": 1}}),
        Read(name="first", count=2, keep={"rv": "events.1.object.metadata.resourceVersion"}),
        patch("a", {"spec": {"x": 2}}),
        delete("a"),
        replay(),
    ),
)

INITIAL = (
    case("initial-events-end-with-a-bookmark", LIFE[:2], *whole_watch(STREAMED)),
    case("initial-events-of-nothing", *whole_watch(STREAMED)),
    case("initial-events-of-a-selection", LIFE[:2], *whole_watch(STREAMED | {"labelSelector": "t=1"})),
    case("initial-events-from-zero", LIFE[:2], show(), *whole_watch(STREAMED | {"resourceVersion": "0"})),
    case(
        "initial-events-without-bookmarks",
        LIFE[:2],
        *whole_watch({"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}),
    ),
    case(
        "no-initial-events",
        LIFE[:2],
        show(),
        watch({"sendInitialEvents": "false", "resourceVersionMatch": "NotOlderThan", "resourceVersion": "0"}),
        post(workflow("c")),
        Read(name="watch", count=1),
    ),
    case(
        "initial-events-and-then-live-ones",
        LIFE[:2],
        watch(STREAMED),
        Read(name="watch", count=3, keep={"rv": "events.2.object.metadata.resourceVersion"}),
        delete("a"),
        Read(name="watch", count=1),
        replay(),
    ),
    case(
        "initial-events-of-the-future",
        *whole_watch(STREAMED | {"resourceVersion": FUTURE, "timeoutSeconds": "5"}),
    ),
)

FORMS_AND_ENDS = (
    case(
        "watch-of-metadata",
        NOW,
        LIFE[:4],
        *whole_watch({"resourceVersion": "$rv", "labelSelector": "t=1"}, accept=PARTIAL),
    ),
    case("initial-events-of-metadata", LIFE[:2], *whole_watch(STREAMED, accept=PARTIAL)),
    case("watch-of-metadata-of-a-list", LIFE[:1], show(), *whole_watch({}, accept=PARTIAL_LIST)),
    case("watch-in-a-form-that-is-not-there", *whole_watch({}, accept="text/html")),
    case("a-watch-ends-at-its-timeout", *whole_watch({"timeoutSeconds": "2"})),
    case(
        "bookmarks-come-before-the-timeout",
        post(workflow("a")),
        show(),
        watch({"resourceVersion": "0", "allowWatchBookmarks": "true", "timeoutSeconds": "6"}),
        Read(name="watch"),
    ),
    case(
        "bookmarks-of-metadata",
        post(workflow("a"), keep={"rv": "metadata.resourceVersion"}),
        watch(
            {"resourceVersion": "$rv", "allowWatchBookmarks": "true", "timeoutSeconds": "6"},
            accept=PARTIAL,
        ),
        Read(name="watch"),
    ),
    case(
        "a-bookmark-is-a-place-to-start-from",
        post(workflow("a")),
        watch(STREAMED, name="first"),
        Read(name="first", count=2, keep={"rv": "events.1.object.metadata.resourceVersion"}),
        patch("a", {"spec": {"x": 1}}),
        replay(),
    ),
)

CASES: tuple[Case, ...] = (*STARTS, *LIVE, *INITIAL, *FORMS_AND_ENDS)
