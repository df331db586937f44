"""Every mode renders, and Kubernetes knows every member of every object, in its oldest and its newest version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import kubernetes_validate  # type: ignore[import-untyped]  # published without types
import pytest

from chart.helm import CHART, KUBERNETES_VERSION, NAMESPACE
from chart.rendered import MODES

if TYPE_CHECKING:
    from chart.helm import Helm
    from chart.rendered import Rendered

VERSIONS = (KUBERNETES_VERSION, "1.37")
OPERATOR = "monitoring.coreos.com/v1"


def validate(document: dict[str, Any], version: str) -> None:
    used = kubernetes_validate.validate(document, version, strict=True)
    assert used == version, "the package has no schema for this version"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mode", MODES)
def test_kubernetes_knows_every_member(helm: Helm, mode: str, version: str) -> None:
    objects = helm.render(values=MODES[mode], version=version)
    for document in objects:
        if document["apiVersion"] != OPERATOR:  # whose kinds are not Kubernetes' own
            validate(document, version)


def test_a_member_that_kubernetes_does_not_know_is_seen() -> None:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "x"}, "rule": []}
    for version in VERSIONS:
        with pytest.raises(kubernetes_validate.ValidationError, match="rule"):
            validate(role, version)


@pytest.mark.parametrize("mode", MODES)
def test_helm_finds_nothing_to_complain_of(helm: Helm, mode: str) -> None:
    assert "0 chart(s) failed" in helm.run("lint", "--strict", CHART, "-f", MODES[mode])


@pytest.mark.parametrize("mode", MODES)
def test_no_two_objects_are_the_same(modes: dict[str, Rendered], mode: str) -> None:
    names = [
        (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in modes[mode].objects
    ]
    assert len(names) == len(set(names))


def test_each_user_has_a_namespace_with_all_that_jobs_need(modes: dict[str, Rendered]) -> None:
    chart = modes["user-namespaces"]
    assert chart.namespaces() == ["jupyter-alice", "jupyter-bob"]
    made = {each["metadata"]["name"]: each for each in chart.of_kind("Namespace")}
    assert set(made) == {"jupyter-alice", "jupyter-bob"}
    assert all(each["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep" for each in made.values())
    for namespace in made:
        kinds = [each["kind"] for each in chart.objects if each["metadata"].get("namespace") == namespace]
        assert sorted(kinds) == [
            *("ConfigMap", "NetworkPolicy", "Role", "Role", "Role", "RoleBinding", "RoleBinding", "RoleBinding"),
            *("ServiceAccount", "ServiceAccount"),
        ]
    assert {each["metadata"]["name"] for each in chart.objects if each["metadata"].get("namespace") == NAMESPACE} == {
        "nbargo-z2jh"
    }


def test_an_older_kubernetes_is_refused(helm: Helm) -> None:
    with pytest.raises(Exception, match=r"requires kubeVersion: >=1\.31"):
        helm.render(version="1.30")
