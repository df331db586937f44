"""The chart's objects in a real API server: it takes them as they are written, and finds nothing wrong with them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from chart.rendered import MODES, Rendered
from cluster.access import unique
from cluster.kube import wait_until
from cluster.release import install

if TYPE_CHECKING:
    from chart.helm import Helm
    from cluster.access import Cluster
    from cluster.controlplane import ControlPlane
    from cluster.kube import Kube

Json = dict[str, Any]

POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
GROUPS = {"v1": "/api/v1"}
COLLECTIONS = {"NetworkPolicy": "networkpolicies", "ValidatingAdmissionPolicy": "validatingadmissionpolicies"}
CLUSTER_WIDE = {
    *("Namespace", "ClusterRole", "ClusterRoleBinding"),
    *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
}
PROMETHEUS = {"PodMonitor", "PrometheusRule"}
"""Kinds of an operator that is not there."""


@pytest.mark.parametrize("mode", MODES)
def test_the_server_keeps_each_object_as_it_is_written(
    control_plane: ControlPlane, cluster: Cluster, helm: Helm, mode: str
) -> None:
    assert control_plane.namespace == cluster.namespace
    namespace = unique("taken")
    options = ["--set", f"namespacePrefix={namespace}-"] if mode.startswith("user-namespaces") else []
    chart = Rendered(helm.render(*options, values=MODES[mode], namespace=namespace))
    given = {each["metadata"]["name"] for each in chart.of_kind("Namespace")}
    for name in {namespace, *chart.namespaces()} - given:
        cluster.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    install(cluster.api, chart.objects, namespace=namespace)
    for each in chart.objects:
        if each["kind"] not in PROMETHEUS:
            assert_holds(cluster.api.get(path_of(each, namespace)), each, where=each["kind"])


def path_of(made: Json, namespace: str) -> str:
    """Return where the server has an object."""
    version, kind, metadata = made["apiVersion"], made["kind"], made["metadata"]
    collection = COLLECTIONS.get(kind, f"{kind.lower()}s")
    place = "" if kind in CLUSTER_WIDE else f"/namespaces/{metadata.get('namespace', namespace)}"
    return f"{GROUPS.get(version, f'/apis/{version}')}{place}/{collection}/{metadata['name']}"


def assert_holds(there: Any, written: Any, *, where: str) -> None:
    """Assert that what the server has holds all that was written; it adds defaults."""
    if isinstance(written, dict):
        for name, value in written.items():
            assert name in there or value in ({}, [], ""), f"{where}.{name}"
            assert_holds(there.get(name, value), value, where=f"{where}.{name}")
    elif isinstance(written, list):
        assert len(there) == len(written), where
        for index, value in enumerate(written):
            assert_holds(there[index], value, where=f"{where}[{index}]")
    else:
        assert there == written, where


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "no-policy"])
def test_the_servers_type_check_has_nothing_against_the_policies(
    control_plane: ControlPlane, cluster: Cluster, helm: Helm, mode: str
) -> None:
    assert control_plane.namespace == cluster.namespace
    for policy in Rendered(helm.render(values=MODES[mode])).of_kind("ValidatingAdmissionPolicy"):
        assert warnings(cluster.api, policy) == []
        wrong = {"expression": "object == null || object.none == 1", "message": "shows that there is a check"}
        policy["spec"]["validations"].append(wrong)
        (warning,) = warnings(cluster.api, policy)
        assert "undefined field 'none'" in warning["warning"]


def warnings(api: Kube, policy: Json) -> list[Json]:
    """Return what the server has against a policy, which is not in force; it looks into no "*" of versions."""
    tried = copy.deepcopy(policy)
    tried["metadata"]["name"] = unique("checked")
    for rule in tried["spec"]["matchConstraints"]["resourceRules"]:
        rule["apiVersions"] = ["v1alpha1"]
    path = f"{POLICIES}/{api.create(POLICIES, tried)['metadata']['name']}"
    # The CRDs' schemas have been there since before the first test.
    status = wait_until("the policy is checked", lambda: checked(api.get(path)))
    api.delete(path)
    found: list[Json] = status["typeChecking"].get("expressionWarnings", [])
    return found


def checked(policy: Json) -> Json | None:
    status: Json = policy.get("status", {})
    return status if status.get("observedGeneration") else None
