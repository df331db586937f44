"""What labs and jobs may do, in every mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chart.rendered import MODES

if TYPE_CHECKING:
    from chart.rendered import Rendered

ARGO = ["argoproj.io"]
LAB = {
    "apiGroups": ARGO,
    "resources": ["workflows", "cronworkflows"],
    "verbs": ["create", "get", "list", "watch", "patch", "delete"],
}
JOB = {"apiGroups": ARGO, "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}

HUB = "nbargo-hub"
HUBS_IN_A_NAMESPACE = {
    "apiGroups": [""],
    "resources": ["pods", "persistentvolumeclaims"],
    "verbs": ["create", "get", "list", "watch", "delete"],
}
HUBS_EVERYWHERE = [
    {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["create"]},
    {"apiGroups": [""], "resources": ["pods", "events"], "verbs": ["get", "list", "watch"]},
]


@pytest.fixture(params=MODES)
def chart(request: pytest.FixtureRequest, modes: dict[str, Rendered]) -> Rendered:
    return modes[request.param]


def test_labs_and_jobs_have_these_rights_and_no_others(chart: Rendered) -> None:
    for namespace in chart.namespaces():
        assert chart.named("Role", "nbargo-user", namespace)["rules"] == [LAB]
        assert chart.named("Role", "nbargo-job", namespace)["rules"] == [JOB]
    names = {each["metadata"]["name"] for each in chart.of_kind("Role")}
    assert names - {HUB} == {"nbargo-user", "nbargo-job"}


def test_labs_and_jobs_are_granted_nothing_beyond_a_namespace(chart: Rendered) -> None:
    assert not chart.of_kind("Secret")
    assert {each["roleRef"]["kind"] for each in chart.of_kind("RoleBinding")} == {"Role"}
    for binding in chart.of_kind("ClusterRoleBinding"):
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "hub", "namespace": "jhub"}]


def test_the_hub_may_start_labs_in_the_users_namespaces_if_it_is_named(modes: dict[str, Rendered]) -> None:
    chart = modes["user-namespaces"]
    assert chart.namespaces() == ["jupyter-alice", "jupyter-bob"]
    for namespace in chart.namespaces():
        assert chart.named("Role", HUB, namespace)["rules"] == [HUBS_IN_A_NAMESPACE]
        (subject,) = chart.named("RoleBinding", HUB, namespace)["subjects"]
        assert subject == {"kind": "ServiceAccount", "name": "hub", "namespace": "jhub"}
    (role,) = chart.of_kind("ClusterRole")
    assert role["rules"] == HUBS_EVERYWHERE


def test_the_hub_is_given_nothing_by_default(modes: dict[str, Rendered]) -> None:
    for name in set(modes) - {"user-namespaces"}:
        assert not [each for each in modes[name].objects if "hub" in each["metadata"]["name"].split("-")]


def test_no_rule_holds_a_wildcard_or_reaches_a_secret(chart: Rendered) -> None:
    for role in [*chart.of_kind("Role"), *chart.of_kind("ClusterRole")]:
        ours = "hub" not in role["metadata"]["name"]
        for rule in role["rules"]:
            said = [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
            assert not any("*" in each for each in said)
            assert not {"secrets", "pods/exec", "pods/log", "serviceaccounts/token"} & set(said)
            assert "pods" not in said or not ours
            assert not {"update", "deletecollection", "impersonate", "escalate", "bind"} & set(said)


def test_rights_go_to_the_charts_own_accounts_of_the_same_namespace(chart: Rendered) -> None:
    accounts = {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in chart.of_kind("ServiceAccount")}
    bound = set()
    for binding in chart.of_kind("RoleBinding"):
        metadata = binding["metadata"]
        if metadata["name"] == HUB:
            continue
        assert binding["roleRef"]["name"] == metadata["name"]
        for subject in binding["subjects"]:
            assert subject["kind"] == "ServiceAccount"
            assert subject["namespace"] == metadata["namespace"]
            is_job = subject["name"] == "nbargo-job"
            assert is_job == (metadata["name"] == "nbargo-job"), "no account has both roles"
            bound.add((subject["namespace"], subject["name"]))
    assert bound == accounts


def test_no_lab_has_a_token_by_default(chart: Rendered) -> None:
    for account in chart.of_kind("ServiceAccount"):
        if account["metadata"]["name"] != "nbargo-job":  # whose token Argo's executor needs
            assert account["automountServiceAccountToken"] is False


def test_each_user_has_an_account(modes: dict[str, Rendered]) -> None:
    chart = modes["service-accounts"]
    names = {each["metadata"]["name"] for each in chart.of_kind("ServiceAccount")}
    assert names == {"nbargo-user-alice", "nbargo-user-bob---1f2e3d4c", "nbargo-job"}
    assert chart.z2jh()["singleuser"]["serviceAccountName"] == "nbargo-user-{username}"
