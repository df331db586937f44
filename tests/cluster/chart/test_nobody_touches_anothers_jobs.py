"""Whose a job is: nobody makes one in another's name, takes one, gives one away, or writes what only Argo writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluster.chart.attempts import (
    APPLY,
    BY_POLICY,
    BY_RIGHTS,
    JSON_PATCH,
    MERGE,
    Change,
    Request,
    filled,
    refused,
    refused_by_policy,
    table,
)
from cluster.chart.installed import ALICE, KINDS, OTHER

if TYPE_CHECKING:
    from cluster.chart.installed import Installed

Json = dict[str, Any]

NAMES = {"user": ALICE, "other": OTHER}
LABELS = ("metadata", "labels")
RUN = ("spec", "workflowMetadata")
FORGED = "the label nbargo/user says '<other>', and the caller is '<user>'"
UNNAMED = "the label nbargo/user says '', and the caller is '<user>'"
ARGOS = "only Argo sets labels that begin with workflows.argoproj.io/"
STATUS = "only Argo writes the status"
NAMED = "the name is nb- and a UUID"

ANY_KIND = (
    Change("the other's label", (*LABELS, "nbargo/user"), "<other>", FORGED),
    Change("no label", (*LABELS, "nbargo/user"), None, UNNAMED),
    Change("no labels", LABELS, None, UNNAMED),
    Change("the label of a part of the name", (*LABELS, "nbargo/user"), "alic", "says 'alic', and the caller"),
    Change("the run of a schedule", (*LABELS, "workflows.argoproj.io/cron-workflow"), "nb-1", ARGOS),
    Change("already completed", (*LABELS, "workflows.argoproj.io/completed"), "true", ARGOS),
    Change("with a status", ("status",), {"phase": "Succeeded"}, STATUS),
    Change("another name", ("metadata", "name"), "report", NAMED),
    Change(
        "the name of a scheduled run",
        ("metadata", "name"),
        "nb-0b8ff6a5-9f7c-4f1c-9a0e-3a8e6d1f2c77-1763900000",
        NAMED,
    ),
    Change(
        "a name that the server makes up",
        ("metadata",),
        {"generateName": "nb-", "labels": {"nbargo/user": "<user>"}},
        NAMED,
    ),
)
SCHEDULES = (
    Change("runs of the other", (*RUN, "labels", "nbargo/user"), "<other>", "in spec.workflowMetadata says '<other>'"),
    Change("runs of nobody", RUN, None, "the label nbargo/user in spec.workflowMetadata says ''"),
    Change("runs by an expression", (*RUN, "labelsFrom"), {"nbargo/user": {"expression": "1"}}, "labelsFrom, for one"),
    Change("runs with another case", (*RUN, "lAbels"), {"nbargo/user": "<other>"}, "no more than labels"),
    Change("runs with names", (*RUN, "name"), "nb-1", "no more than labels and annotations"),
    Change("runs with Argo's labels", (*RUN, "labels", "workflows.argoproj.io/completed"), "true", ARGOS),
    Change("only when", ("spec", "when"), "true", "not allowed in spec: when"),
    Change("until", ("spec", "stopStrategy"), {"expression": "true"}, "not allowed in spec: stopStrategy"),
    Change("another case", ("spec", "WorkflowSpec"), {}, "not allowed in spec: WorkflowSpec"),
)


@pytest.fixture(params=KINDS)
def resource(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@table(ANY_KIND)
def test_nothing_is_made_in_anothers_name_or_argos(release: Installed, resource: str, change: Change) -> None:
    request = release.creation(change.applied(release.manifest(resource), **NAMES))
    refused_by_policy(request, of=release.lab(ALICE), api=release.api, says=filled(change.says, **NAMES))


@table(SCHEDULES)
def test_no_schedule_makes_runs_of_another(release: Installed, change: Change) -> None:
    request = release.creation(change.applied(release.manifest("cronworkflows"), **NAMES))
    refused_by_policy(request, of=release.lab(ALICE), api=release.api, says=filled(change.says, **NAMES))


def test_server_side_apply_makes_nothing_in_anothers_name(release: Installed, resource: str) -> None:
    manifest = release.manifest(resource)
    manifest["metadata"]["labels"]["nbargo/user"] = OTHER
    path = f"{release.path_of(manifest)}?fieldManager=lab"
    says = filled(FORGED, **NAMES)
    refused_by_policy(Request("PATCH", path, manifest, APPLY), of=release.lab(ALICE), api=release.api, says=says)
    assert release.api.find(release.path_of(manifest)) is None


def test_a_dry_run_is_refused_for_the_same_reason(release: Installed, resource: str) -> None:
    manifest = release.manifest(resource)
    manifest["metadata"]["labels"]["nbargo/user"] = OTHER
    request = Request("POST", f"{release.path(resource)}?dryRun=All", manifest)
    refused(request, of=release.lab(ALICE), status=BY_POLICY, says=filled(FORGED, **NAMES))


TOUCHED = {
    "phase": "Running",
    "persistentVolumeClaims": [{"name": "a", "persistentVolumeClaim": {"claimName": "claim-alice"}}],
    "active": [{"name": "nb-1"}],
    "lastScheduledTime": "2026-11-23T09:00:00Z",
}
OWN = {
    "giving it away": ({"metadata": {"labels": {"nbargo/user": OTHER}}}, FORGED),
    "leaving it to nobody": ({"metadata": {"labels": {"nbargo/user": None}}}, UNNAMED),
    "setting Argo's labels": ({"metadata": {"labels": {"workflows.argoproj.io/phase": "Failed"}}}, ARGOS),
    "adding one of Argo's labels": ({"metadata": {"labels": {"workflows.argoproj.io/completed": "true"}}}, ARGOS),
    "taking Argo's labels away": (
        {"metadata": {"labels": {"workflows.argoproj.io/phase": None}}},
        "only Argo takes labels away",
    ),
    "saying that it has ended": ({"status": {"phase": "Succeeded"}}, STATUS),
    "having claims deleted": (
        {"status": {"persistentVolumeClaims": [{"name": "a", "persistentVolumeClaim": {"claimName": "hub"}}]}},
        STATUS,
    ),
    "having runs stopped": ({"status": {"active": [{"name": "nb-2"}]}}, STATUS),
    "forgetting its runs": ({"status": {"active": None}}, STATUS),
    "forgetting all": ({"status": None}, STATUS),
}


@pytest.mark.parametrize("what", OWN)
def test_of_ones_own_only_argo_writes_the_state(release: Installed, resource: str, what: str) -> None:
    made = release.create(resource)
    labels = {"workflows.argoproj.io/phase": "Running"}
    release.api.merge(release.path_of(made), {"metadata": {"labels": labels}, "status": TOUCHED})
    body, says = OWN[what]
    request = Request("PATCH", release.path_of(made), body, MERGE)
    refused_by_policy(request, of=release.lab(ALICE), api=release.api, says=filled(says, **NAMES))
    release.lab(ALICE).delete(release.path_of(made))


def test_a_job_has_no_last_scheduled_time(release: Installed) -> None:
    body = {"status": {"lastScheduledTime": "2026-11-23T09:00:00Z"}}
    request = Request("PATCH", release.path_of(release.standing("workflows")), body, MERGE)
    refused_by_policy(request, of=release.lab(ALICE), api=release.api, says=STATUS)


BELONGS = "it belongs to '<other>', and the caller is '<user>'"
# What is done to an object of another user: the request without its path, and what the policy says.
THEFTS = {
    "taking it": (("PATCH", {"metadata": {"labels": {"nbargo/user": "<user>"}}}, MERGE), BELONGS),
    "taking it by a JSON patch": (
        ("PATCH", [{"op": "replace", "path": "/metadata/labels/nbargo~1user", "value": "<user>"}], JSON_PATCH),
        BELONGS,
    ),
    "moving its label": (
        (
            "PATCH",
            [
                {"op": "move", "from": "/metadata/labels/nbargo~1user", "path": "/metadata/labels/gone"},
                {"op": "add", "path": "/metadata/labels/nbargo~1user", "value": "<user>"},
            ],
            JSON_PATCH,
        ),
        BELONGS,
    ),
    "stopping it": (("PATCH", {"spec": {"shutdown": "Terminate"}}, MERGE), FORGED),
    "pausing it": (("PATCH", {"spec": {"suspend": True}}, MERGE), FORGED),
    "renaming it": (("PATCH", {"metadata": {"annotations": {"nbargo/job": "{}"}}}, MERGE), FORGED),
    "changing nothing": (("PATCH", {}, MERGE), FORGED),
    "deleting it": (("DELETE", None, "application/json"), BELONGS),
    "deleting it alone": (("DELETE", {"propagationPolicy": "Orphan"}, "application/json"), BELONGS),
}


@pytest.mark.parametrize(("thief", "owner"), [(ALICE, OTHER), (OTHER, ALICE)], ids=["from the other", "by the other"])
@pytest.mark.parametrize("what", THEFTS)
def test_nobody_changes_or_deletes_what_is_anothers(
    release: Installed, resource: str, what: str, thief: str, owner: str
) -> None:
    names = {"user": thief, "other": owner}
    there = release.standing(resource, user=owner)
    (method, body, content_type), says = THEFTS[what]
    request = Request(method, release.path_of(there), filled(body, **names), content_type)
    if release.is_alone:
        verb = {"PATCH": "patch", "DELETE": "delete"}[method]
        says = f'cannot {verb} resource "{resource}" in API group "argoproj.io"'
        refused(request, of=release.lab(thief), status=BY_RIGHTS, says=says)
    else:
        refused_by_policy(request, of=release.lab(thief), api=release.api, says=filled(says, **names))
    assert release.api.get(release.path_of(there))["metadata"]["labels"] == there["metadata"]["labels"]


@pytest.mark.parametrize(("thief", "owner"), [(ALICE, OTHER), (OTHER, ALICE)], ids=["from the other", "by the other"])
def test_server_side_apply_takes_nothing_of_anothers(release: Installed, resource: str, thief: str, owner: str) -> None:
    there = release.standing(resource, user=owner)
    body = {
        "apiVersion": there["apiVersion"],
        "kind": there["kind"],
        "metadata": {"name": there["metadata"]["name"], "labels": {"nbargo/user": thief}},
        "spec": there["spec"],
    }
    request = Request("PATCH", f"{release.path_of(there)}?fieldManager=lab&force=true", body, APPLY)
    if release.is_alone:
        refused(request, of=release.lab(thief), status=BY_RIGHTS, says=f'cannot patch resource "{resource}"')
    else:
        says = filled(BELONGS, user=thief, other=owner)
        refused_by_policy(request, of=release.lab(thief), api=release.api, says=says)


def test_nothing_is_replaced_not_even_ones_own(release: Installed, resource: str) -> None:
    there = release.standing(resource)
    request = Request("PUT", release.path_of(there), there)
    refused(request, of=release.lab(ALICE), status=BY_RIGHTS, says=f'cannot update resource "{resource}"')


def test_nothing_is_deleted_in_bulk_not_even_ones_own(release: Installed, resource: str) -> None:
    request = Request("DELETE", f"{release.path(resource)}?labelSelector=nbargo/user={ALICE}")
    refused(request, of=release.lab(ALICE), status=BY_RIGHTS, says=f'cannot deletecollection resource "{resource}"')
