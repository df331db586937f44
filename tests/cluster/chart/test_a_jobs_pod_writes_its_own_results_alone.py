"""What a job's code can do with the token of its pod: report the result of the pod, which Argo's executor does."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from cluster.chart.attempts import BY_RIGHTS, MERGE, Request, refused, refused_by_policy
from cluster.chart.installed import JOB_ACCOUNT, KINDS

if TYPE_CHECKING:
    from cluster.chart.installed import Installed

Json = dict[str, Any]

WORKFLOW = "workflows.argoproj.io/workflow"
# Argo numbers what is in a workflow by a hash of 32 bits.
NUMBER = "2876321144"
SECONDS = "1763900000"
"""When a scheduled run is due, in seconds since 1970: the end of its name."""


def new_name() -> str:
    return f"nb-{uuid.uuid4()}"


def result(name: str, workflow: str) -> Json:
    """Return what Argo's executor sends; an empty workflow leaves it out."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTaskResult",
        "metadata": {"name": name, "labels": {WORKFLOW: workflow} if workflow else {}},
        "outputs": {"parameters": [{"name": "nbargo-outcome", "value": "{}"}]},
    }


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as Argo names it, and the only result that is its own.

    Args:
        name: The pod's, after the name of a workflow of the user's.
        workflow: The workflow's, after the same.
        result: The result's, after the same.
    """

    name: str
    workflow: str
    result: str


PODS = {
    "a job that is tried once": Pod("", "", ""),
    "a job that may be tried again": Pod(f"-notebook-{NUMBER}", "", f"-{NUMBER}"),
    "a scheduled run": Pod(f"-{SECONDS}", f"-{SECONDS}", f"-{SECONDS}"),
    "a scheduled run that may be tried again": Pod(
        f"-{SECONDS}-notebook-{NUMBER}", f"-{SECONDS}", f"-{SECONDS}-{NUMBER}"
    ),
}


@pytest.mark.parametrize("kind", PODS)
def test_a_pod_creates_and_patches_its_result(release: Installed, kind: str) -> None:
    own, pod = new_name(), PODS[kind]
    kube = release.pod(own + pod.name, account=JOB_ACCOUNT)
    made = kube.create(release.path("workflowtaskresults"), result(own + pod.result, own + pod.workflow))
    path = release.path("workflowtaskresults", made["metadata"]["name"])
    done = {"metadata": {"labels": {"workflows.argoproj.io/report-outputs-completed": "true"}}, "progress": "1/1"}
    assert kube.merge(path, done)["progress"] == "1/1"


# The pod, the result's name and its workflow, where <own> is a workflow of the job's user and <other> of another one.
FORGED = {
    "of another workflow": ("<own>", "<other>", "<other>", "the pod <own> is none of the workflow '<other>'"),
    "of another workflow, by a retry": (
        f"<own>-notebook-{NUMBER}",
        f"<other>-{NUMBER}",
        "<other>",
        f"the pod <own>-notebook-{NUMBER} is none of the workflow '<other>'",
    ),
    "of no workflow": ("<own>", "<own>", "", "the pod <own> is none of the workflow ''"),
    "of a part of its name": ("<own>", "<part>", "<part>", "the pod <own> is none of the workflow '<part>'"),
    # What is named here is taken: the other's executor could not report its own.
    "with the other's name": ("<own>", "<other>", "<own>", "the result of the pod <own> is named <own>"),
    "with the name of another retry": (
        f"<own>-notebook-{NUMBER}",
        "<own>-1",
        "<own>",
        f"the result of the pod <own>-notebook-{NUMBER} is named <own>-{NUMBER}",
    ),
    "with the name of a scheduled run": (
        "<own>",
        f"<own>-{SECONDS}",
        "<own>",
        "the result of the pod <own> is named <own>",
    ),
    # A schedule can be named as another user's job is, and a job as another user's schedule.
    "of a job that its schedule is named after": (
        f"<other>-{SECONDS}",
        f"<other>-{SECONDS}",
        "<other>",
        f"the pod <other>-{SECONDS} is none of the workflow '<other>'",
    ),
    "of that job, by a retry": (
        f"<other>-{SECONDS}-notebook-{NUMBER}",
        f"<other>-{NUMBER}",
        "<other>",
        f"the pod <other>-{SECONDS}-notebook-{NUMBER} is none of the workflow '<other>'",
    ),
    "of a scheduled run": (
        f"<other>-notebook-{NUMBER}",
        f"<other>-{SECONDS}-{NUMBER}",
        f"<other>-{SECONDS}",
        f"is none of the workflow '<other>-{SECONDS}'",
    ),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_pod_creates_no_other_result(release: Installed, what: str) -> None:
    own, other = new_name(), new_name()

    def named(text: str) -> str:
        return text.replace("<own>", own).replace("<other>", other).replace("<part>", own[:-1])

    pod, name, workflow, says = map(named, FORGED[what])
    request = Request("POST", release.path("workflowtaskresults"), result(name, workflow))
    refused_by_policy(request, of=release.pod(pod, account=JOB_ACCOUNT), api=release.api, says=says)


PATCHES = {
    "progress": ({"progress": "1/1"}, "is none of the workflow '<other>'"),
    "outputs": ({"outputs": {"parameters": []}}, "is none of the workflow '<other>'"),
    "its workflow": ({"metadata": {"labels": {WORKFLOW: "<own>"}}}, "it is a result of the workflow '<other>'"),
    "no workflow": ({"metadata": {"labels": {WORKFLOW: None}}}, "is none of the workflow ''"),
}


@pytest.mark.parametrize("what", PATCHES)
def test_a_pod_patches_no_other_result(release: Installed, what: str) -> None:
    own, other = new_name(), new_name()
    release.api.create(release.path("workflowtaskresults"), result(other, other))
    body, says = PATCHES[what]
    if what == "its workflow":
        body = {"metadata": {"labels": {WORKFLOW: own}}}
    request = Request("PATCH", release.path("workflowtaskresults", other), body, MERGE)
    kube = release.pod(own, account=JOB_ACCOUNT)
    refused_by_policy(request, of=kube, api=release.api, says=says.replace("<other>", other))


def test_a_result_is_not_made_another_workflows(release: Installed) -> None:
    own, other = new_name(), new_name()
    kube = release.pod(own, account=JOB_ACCOUNT)
    kube.create(release.path("workflowtaskresults"), result(own, own))
    body = {"metadata": {"labels": {WORKFLOW: other}}}
    request = Request("PATCH", release.path("workflowtaskresults", own), body, MERGE)
    refused_by_policy(request, of=kube, api=release.api, says=f"the pod {own} is none of the workflow '{other}'")


def test_a_token_without_a_pod_writes_no_result(release: Installed) -> None:
    own = new_name()
    kube = release.unbound(JOB_ACCOUNT, namespace=release.namespaces["alice"])
    request = Request("POST", release.path("workflowtaskresults"), result(own, own))
    refused_by_policy(request, of=kube, api=release.api, says="the caller's token is not bound to a pod")


def test_a_lab_writes_no_result(release: Installed) -> None:
    own = new_name()
    request = Request("POST", release.path("workflowtaskresults"), result(own, own))
    refused(request, of=release.lab("alice"), status=BY_RIGHTS, says='cannot create resource "workflowtaskresults"')


@pytest.mark.parametrize("resource", KINDS)
def test_a_pod_starts_changes_and_reads_no_job(release: Installed, resource: str) -> None:
    kube, there = release.pod(new_name(), account=JOB_ACCOUNT), release.standing(resource)
    for verb, request in {
        "create": release.creation(release.manifest(resource)),
        "patch": Request("PATCH", release.path_of(there), {}, MERGE),
        "delete": Request("DELETE", release.path_of(there)),
        "get": Request("GET", release.path_of(there)),
        "list": Request("GET", release.path(resource)),
    }.items():
        refused(request, of=kube, status=BY_RIGHTS, says=f'cannot {verb} resource "{resource}"')


@pytest.mark.parametrize(("verb", "method"), [("get", "GET"), ("delete", "DELETE"), ("update", "PUT")])
def test_a_pod_reads_deletes_and_replaces_no_result_not_even_its_own(
    release: Installed, verb: str, method: str
) -> None:
    own = new_name()
    kube = release.pod(own, account=JOB_ACCOUNT)
    made = kube.create(release.path("workflowtaskresults"), result(own, own))
    request = Request(method, release.path("workflowtaskresults", own), made if method == "PUT" else None)
    refused(request, of=kube, status=BY_RIGHTS, says=f'cannot {verb} resource "workflowtaskresults"')
