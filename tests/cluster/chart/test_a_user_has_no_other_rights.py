"""What labs and jobs may do, as the server says it, and what it answers to whoever tries something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluster.chart.attempts import APPLY, BY_RIGHTS, MERGE, Request, refused
from cluster.chart.installed import ALICE, JOB_ACCOUNT, OTHER

if TYPE_CHECKING:
    from cluster.chart.installed import Installed
    from cluster.kube import Kube

Json = dict[str, Any]

REVIEWS = "/apis/authorization.k8s.io/v1"
CALLERS = ("lab", "job")
LAB = {
    (resource, verb)
    for resource in ("workflows", "cronworkflows")
    for verb in ("create", "get", "list", "watch", "patch", "delete")
}
JOB = {("workflowtaskresults", "create"), ("workflowtaskresults", "patch")}
EVERY_VERB = ("create", "get", "list", "watch", "patch", "update", "delete", "deletecollection")
READ = ("get", "list", "watch")
# Resources by group, with the verbs that are asked for.
NOT_GRANTED: dict[str, dict[str, tuple[str, ...]]] = {
    "": {
        "secrets": EVERY_VERB,
        "configmaps": EVERY_VERB,
        "pods": EVERY_VERB,
        "pods/exec": ("create", "get"),
        "pods/attach": ("create", "get"),
        "pods/portforward": ("create", "get"),
        "pods/proxy": ("create", "get"),
        "pods/log": ("get",),
        "pods/eviction": ("create",),
        "pods/ephemeralcontainers": ("patch", "update"),
        "serviceaccounts": (*EVERY_VERB, "impersonate"),
        "serviceaccounts/token": ("create",),
        "persistentvolumeclaims": EVERY_VERB,
        "persistentvolumes": EVERY_VERB,
        "services": EVERY_VERB,
        "endpoints": EVERY_VERB,
        "events": EVERY_VERB,
        "namespaces": EVERY_VERB,
        "nodes": EVERY_VERB,
        "nodes/proxy": ("create", "get"),
        "users": ("impersonate",),
        "groups": ("impersonate",),
    },
    "rbac.authorization.k8s.io": dict.fromkeys(
        ("roles", "rolebindings", "clusterroles", "clusterrolebindings"), (*EVERY_VERB, "bind", "escalate")
    ),
    "admissionregistration.k8s.io": dict.fromkeys(
        ("validatingadmissionpolicies", "validatingadmissionpolicybindings", "mutatingwebhookconfigurations"),
        EVERY_VERB,
    ),
    "authentication.k8s.io": {"userextras/authentication.kubernetes.io/pod-name": ("impersonate",)},
    "authorization.k8s.io": {"subjectaccessreviews": ("create",)},
    "apiextensions.k8s.io": {"customresourcedefinitions": EVERY_VERB},
    "networking.k8s.io": {"networkpolicies": EVERY_VERB},
    "apps": {"deployments": EVERY_VERB},
    "batch": {"jobs": EVERY_VERB, "cronjobs": EVERY_VERB},
    "argoproj.io": {
        "workflows": ("update", "deletecollection"),
        "cronworkflows": ("update", "deletecollection"),
        "workflows/status": ("get", "patch", "update"),
        "workflows/finalizers": ("patch", "update"),
        "cronworkflows/status": ("get", "patch", "update"),
        "workflowtemplates": EVERY_VERB,
        "clusterworkflowtemplates": EVERY_VERB,
        "workfloweventbindings": EVERY_VERB,
        "workflowtaskresults": (*READ, "update", "delete", "deletecollection"),
        "workflowtasksets": EVERY_VERB,
        "workflowartifactgctasks": EVERY_VERB,
        "sensors": EVERY_VERB,
    },
}


@pytest.fixture(params=CALLERS)
def caller(request: pytest.FixtureRequest, release: Installed) -> Kube:
    """A lab, or the pod of a job."""
    if request.param == "lab":
        return release.lab(ALICE)
    return release.unbound(JOB_ACCOUNT, namespace=release.namespaces[ALICE])


@pytest.mark.parametrize(
    ("resource", "group"), [(name, group) for group, names in NOT_GRANTED.items() for name in names]
)
def test_nothing_else_is_allowed_in_ones_own_namespace_or_in_all(
    release: Installed, caller: Kube, resource: str, group: str
) -> None:
    for namespace in (release.namespaces[ALICE], ""):
        asked = NOT_GRANTED[group][resource]
        assert not [verb for verb in asked if is_allowed(caller, verb, resource, group, namespace)], namespace


def is_allowed(kube: Kube, verb: str, resource: str, group: str, namespace: str) -> bool:
    name, _, below = resource.partition("/")
    asked = {"verb": verb, "resource": name, "subresource": below, "group": group, "namespace": namespace}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    answer = kube.create(f"{REVIEWS}/selfsubjectaccessreviews", {**body, "spec": {"resourceAttributes": asked}})
    allowed: bool = answer["status"]["allowed"]
    return allowed


@pytest.mark.parametrize("who", CALLERS)
def test_the_server_knows_of_no_other_rule(release: Installed, who: str) -> None:
    place = release.namespaces[ALICE]
    kube = release.lab(ALICE) if who == "lab" else release.unbound(JOB_ACCOUNT, namespace=place)
    assert rules(kube, place) == (LAB if who == "lab" else JOB)
    assert rules(kube, "kube-system") == set()


def test_in_anothers_namespace_a_lab_has_no_rule(release: Installed) -> None:
    expected = set() if release.is_alone else LAB
    assert rules(release.lab(ALICE), release.namespaces[OTHER]) == expected


def rules(kube: Kube, namespace: str) -> set[tuple[str, str]]:
    """Return resources and verbs that a caller is allowed in a namespace, without those that everybody has."""
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}}
    status = kube.create(f"{REVIEWS}/selfsubjectrulesreviews", body)["status"]
    assert not status["incomplete"]
    return {
        (resource, verb)
        for rule in status["resourceRules"]
        for resource in rule.get("resources", [])
        for verb in rule["verbs"]
        if not {"authorization.k8s.io", "authentication.k8s.io"} & set(rule["apiGroups"])
    }


CORE = "/api/v1/namespaces/<namespace>"
ARGO = "/apis/argoproj.io/v1alpha1/namespaces/<namespace>"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
POLICIES = "/apis/admissionregistration.k8s.io/v1"
# Requests, and what of the answer says why.
TRIES = {
    "read Secrets": (Request("GET", f"{CORE}/secrets"), 'cannot list resource "secrets"'),
    "read a Secret": (Request("GET", f"{CORE}/secrets/hub"), 'cannot get resource "secrets"'),
    "read ConfigMaps": (Request("GET", f"{CORE}/configmaps"), 'cannot list resource "configmaps"'),
    "change the lab's configuration": (
        Request("PATCH", f"{CORE}/configmaps/nbargo-lab", {"data": {}}, MERGE),
        'cannot patch resource "configmaps"',
    ),
    "list pods": (Request("GET", f"{CORE}/pods"), 'cannot list resource "pods"'),
    "start a pod": (Request("POST", f"{CORE}/pods", {"metadata": {"name": "a"}}), 'cannot create resource "pods"'),
    "read a log": (Request("GET", f"{CORE}/pods/jupyter-alice/log"), 'cannot get resource "pods/log"'),
    "enter a pod": (
        Request("POST", f"{CORE}/pods/jupyter-alice/exec?command=id&stdout=true"),
        'resource "pods/exec"',
    ),
    "evict a pod": (
        Request(
            "POST",
            f"{CORE}/pods/jupyter-alice/eviction",
            {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "jupyter-alice"}},
        ),
        'cannot create resource "pods/eviction"',
    ),
    "get a token": (
        Request("POST", f"{CORE}/serviceaccounts/nbargo-job/token", {"spec": {}}),
        'cannot create resource "serviceaccounts/token"',
    ),
    "get more rights": (
        Request("POST", f"{RBAC}/namespaces/<namespace>/rolebindings", {"metadata": {"name": "a"}}),
        'cannot create resource "rolebindings"',
    ),
    "widen the role": (
        Request("PATCH", f"{RBAC}/namespaces/<namespace>/roles/nbargo-user", {"rules": []}, MERGE),
        'cannot patch resource "roles"',
    ),
    "delete the policy": (
        Request("DELETE", f"{POLICIES}/validatingadmissionpolicies/<release>-nbargo"),
        'cannot delete resource "validatingadmissionpolicies"',
    ),
    "unbind the policy": (
        Request("DELETE", f"{POLICIES}/validatingadmissionpolicybindings/<release>-nbargo"),
        'cannot delete resource "validatingadmissionpolicybindings"',
    ),
    "rename the namespace for the policy": (
        Request("PATCH", CORE, {"metadata": {"labels": {"kubernetes.io/metadata.name": "a"}}}, MERGE),
        'cannot patch resource "namespaces"',
    ),
    "open the network": (
        Request("DELETE", "/apis/networking.k8s.io/v1/namespaces/<namespace>/networkpolicies/nbargo-lab"),
        'cannot delete resource "networkpolicies"',
    ),
    "make a template": (
        Request("POST", f"{ARGO}/workflowtemplates", {"metadata": {"name": "a"}}),
        'cannot create resource "workflowtemplates"',
    ),
    "make a template for all": (
        Request("POST", "/apis/argoproj.io/v1alpha1/clusterworkflowtemplates", {"metadata": {"name": "a"}}),
        'cannot create resource "clusterworkflowtemplates"',
    ),
    "be started by events": (
        Request("POST", f"{ARGO}/workfloweventbindings", {"metadata": {"name": "a"}}),
        'cannot create resource "workfloweventbindings"',
    ),
    "read results": (Request("GET", f"{ARGO}/workflowtaskresults"), 'cannot list resource "workflowtaskresults"'),
    "make a task set": (
        Request("PATCH", f"{ARGO}/workflowtasksets/a?fieldManager=a", {"metadata": {"name": "a"}}, APPLY),
        'cannot patch resource "workflowtasksets"',
    ),
}


@pytest.mark.parametrize("what", TRIES)
def test_whoever_tries_is_told_which_right_is_missing(release: Installed, caller: Kube, what: str) -> None:
    request, says = TRIES[what]
    place = request.path.replace("<namespace>", release.namespaces[ALICE]).replace("<release>", release.namespace)
    refused(Request(request.method, place, request.body, request.content_type), of=caller, status=BY_RIGHTS, says=says)


IMPERSONATED = {
    "the other's account": ({"Impersonate-User": "system:serviceaccount:<namespace>:nbargo-user"}, "serviceaccounts"),
    "an administrator": ({"Impersonate-User": "admin", "Impersonate-Group": "system:masters"}, "users"),
}


@pytest.mark.parametrize("what", IMPERSONATED)
def test_nobody_acts_as_another(release: Installed, caller: Kube, what: str) -> None:
    headers, resource = IMPERSONATED[what]
    place = release.namespaces[ALICE]
    named = {name: value.replace("<namespace>", place) for name, value in headers.items()}
    extra = {"Impersonate-Extra-authentication.kubernetes.io%2fpod-name": f"jupyter-{OTHER}"}
    answer = caller.http.get(release.path("workflows"), headers={**named, **extra})
    assert answer.status_code == BY_RIGHTS
    assert f'cannot impersonate resource "{resource}"' in answer.json()["message"]
