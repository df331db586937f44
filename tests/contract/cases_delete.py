"""Cases about deletes: preconditions, finalizers, dependents, collections."""

from __future__ import annotations

from contract.script import (
    WORKFLOWS,
    Case,
    Differs,
    Json,
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

KEPT = {"rv": "metadata.resourceVersion", "uid": "metadata.uid"}
HELD: tuple[Step, ...] = (post(workflow("a", finalizers=["a.b/c"])),)
LET_GO = patch("a", {"metadata": {"finalizers": None}})


def owned_by(**also: bool) -> list[Json]:
    return [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "owner", "uid": "$uid"} | also]


def family(**also: bool) -> tuple[Step, ...]:
    """Make an owner and its dependent, and watch what comes after that."""
    return (
        post(workflow("owner"), keep=KEPT),
        post(workflow("child", ownerReferences=owned_by(**also)), keep={"rv": "metadata.resourceVersion"}),
        watch({"resourceVersion": "$rv"}),
    )


DELETES = (
    case("delete", post(workflow("a")), delete("a"), get(f"{WORKFLOWS}/a"), delete("a")),
    case(
        "delete-with-options",
        post(workflow("a")),
        delete("a", {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}),
    ),
    case("delete-of-what-is-not-there", delete("none")),
    case(
        "delete-with-preconditions-that-do-not-hold",
        post(workflow("a"), keep=KEPT),
        patch("a", {"spec": {"x": 1}}),
        delete("a", {"preconditions": {"uid": "another"}}),
        delete("a", {"preconditions": {"resourceVersion": "$rv"}}),
        get(f"{WORKFLOWS}/a"),
    ),
    case(
        "delete-with-preconditions-that-hold",
        post(workflow("a"), keep=KEPT),
        delete("a", {"preconditions": {"uid": "$uid", "resourceVersion": "$rv"}}),
        get(f"{WORKFLOWS}/a"),
    ),
    case(
        "deletes-that-are-refused",
        post(workflow("a")),
        delete("a", propagationPolicy="Sometimes"),
        delete("a", propagationPolicy="Orphan", orphanDependents="true"),
        delete("a", {"dryRun": ["Some"]}),
        delete("a", {"kind": "Foo", "apiVersion": "v1"}),
        delete("a", b"[]"),
        show(),
    ),
    case("an-object-made-again-is-another-one", post(workflow("a")), delete("a"), post(workflow("a"))),
)

FINALIZERS = (
    case(
        "finalizers-hold-an-object",
        HELD,
        delete("a"),
        get(f"{WORKFLOWS}/a"),
        delete("a"),
        LET_GO,
        get(f"{WORKFLOWS}/a"),
    ),
    case(
        "finalizers-hold-it-in-a-dry-run", HELD, delete("a", dryRun="All"), get(f"{WORKFLOWS}/a"), LET_GO, delete("a")
    ),
    case("the-old-way-to-say-background", HELD, delete("a", orphanDependents="false"), LET_GO),
    case(
        "a-marked-object-may-change-but-not-its-marks",
        HELD,
        delete("a"),
        patch("a", {"metadata": {"labels": {"x": "1"}}, "spec": {"x": 1}}),
        patch("a", {"metadata": {"finalizers": ["a.b/c", "a.b/d"]}}),
        patch("a", {"metadata": {"deletionTimestamp": None}}),
        post(workflow("a")),
        LET_GO,
    ),
    case(
        "a-patch-that-lets-go-is-the-end",
        HELD,
        watch({"fieldSelector": "metadata.name=a"}),
        delete("a"),
        patch("a", {"metadata": {"finalizers": None, "labels": {"x": "1"}}}),
        Read(name="watch", count=3),
        get(f"{WORKFLOWS}/a"),
    ),
    case(
        "deletes-with-preconditions-on-a-marked-object",
        HELD,
        delete("a"),
        delete("a", {"preconditions": {"uid": "another"}}),
        LET_GO,
    ),
)

COLLECTIONS = (
    case(
        "delete-of-a-collection",
        post(workflow("a", labels={"x": "1"})),
        post(workflow("b", labels={"x": "1"})),
        post(workflow("c")),
        delete(labelSelector="x=1", dryRun="All"),
        show(),
        delete(labelSelector="x=1"),
        show(),
        delete(fieldSelector="metadata.name=none"),
        delete(),
        show(),
    ),
    case("delete-of-a-collection-holds-too", HELD, delete(), show(), LET_GO, show()),
)

DEPENDENTS = (
    case(
        "dependents-go-with-their-owner",
        family(),
        delete("owner"),
        Read(name="watch", count=2),
        show(),
    ),
    case(
        "an-orphaned-dependent-stays",
        family(),
        delete("owner", {"propagationPolicy": "Orphan"}),
        Read(name="watch", count=3),
        show(),
    ),
    case(
        "an-owner-in-the-foreground-goes-last",
        family(blockOwnerDeletion=True),
        delete("owner", propagationPolicy="Foreground"),
        Read(name="watch", count=3),
        show(),
    ),
    case(
        "what-never-had-its-owner-goes",
        post(
            workflow(
                "child",
                ownerReferences=[
                    {
                        "apiVersion": "argoproj.io/v1alpha1",
                        "kind": "Workflow",
                        "name": "never",
                        "uid": "3e9a7b52-7d7c-4a39-a6f0-3d2f1f4c9f11",
                    }
                ],
            ),
            keep={"rv": "metadata.resourceVersion"},
        ),
        watch({"resourceVersion": "$rv"}),
        Read(name="watch", count=1),
    ),
    case(
        "what-belongs-to-another-kind-goes-too",
        post(
            workflow(
                "child",
                ownerReferences=[
                    {
                        "apiVersion": "v1",
                        "kind": "ConfigMap",
                        "name": "never",
                        "uid": "3e9a7b52-7d7c-4a39-a6f0-3d2f1f4c9f11",
                    }
                ],
            ),
            keep={"rv": "metadata.resourceVersion"},
        ),
        *whole_watch({"resourceVersion": "$rv", "timeoutSeconds": "5"}),
        differs=Differs(
            reason="An object with an owner of a kind that is not served stays, as nobody can tell whether that owner "
            "is there.",
            answers={2: {"request": "(read watch)", "events": [], "ends": "at its timeout"}},
        ),
    ),
)

CASES: tuple[Case, ...] = (*DELETES, *FINALIZERS, *COLLECTIONS, *DEPENDENTS)
