"""What the chart gives the hub where each user has a namespace: all that KubeSpawner asks for, and nothing more."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from chart.rendered import Rendered
from chart.spawned import Lab, kubespawner
from cluster.controlplane import service_account_token
from cluster.kube import ApiError, Kube
from cluster.release import install, kubeconfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chart.helm import Helm
    from cluster.access import Cluster

NAMESPACE = "hub-of-namespaces"
USERS = {"alice": "spawned-alice", "bob": "spawned-bob"}
SETTINGS = (
    "--set=isolation=namespace",
    "--set=users={alice,bob}",
    "--set=namespacePrefix=spawned-",
    "--set=createNamespaces=true",
    "--set=hub.serviceAccount=hub",
    "--set=policy.enabled=false",
)


@pytest.fixture(scope="module")
def values(cluster: Cluster, helm: Helm) -> dict[str, Any]:
    """What the chart tells zero-to-jupyterhub; it is installed, and there is a hub."""
    cluster.api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    cluster.api.create(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": {"name": "hub"}})
    objects = helm.render(*SETTINGS, namespace=NAMESPACE)
    install(cluster.api, sorted(objects, key=lambda each: each["kind"] != "Namespace"), namespace=NAMESPACE)
    return Rendered(objects).z2jh()


@pytest.fixture(scope="module")
def hub(cluster: Cluster, values: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    assert values
    path: Path = tmp_path_factory.mktemp("hub") / "kubeconfig"
    token = service_account_token(cluster.api, NAMESPACE, "hub")
    with Kube(kubeconfig(cluster.api, path, namespace=NAMESPACE, token=token)) as client:
        yield client


def test_it_starts_and_stops_a_lab_as_kubespawner_does(hub: Kube, values: dict[str, Any]) -> None:
    (pod,) = kubespawner().pods(values, labs=[Lab("alice")])
    assert pod.namespace == USERS["alice"]
    with pytest.raises(ApiError) as there:
        hub.create("/api/v1/namespaces", {"metadata": {"name": pod.namespace}})
    assert there.value.status == HTTPStatus.CONFLICT, "KubeSpawner goes on when the namespace is there"
    path = f"/api/v1/namespaces/{pod.namespace}"
    claim, _ = pod.home()
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    hub.create(f"{path}/persistentvolumeclaims", {"metadata": {"name": claim}, "spec": wanted})
    hub.create(f"{path}/pods", pod.body)
    found = hub.get("/api/v1/pods?labelSelector=component=singleuser-server")["items"]
    assert pod.name in {each["metadata"]["name"] for each in found}
    with hub.watch("/api/v1/pods?resourceVersion=0&timeoutSeconds=5") as events:
        assert next(events)["type"] == "ADDED"
    hub.get("/api/v1/events")
    hub.delete(f"{path}/pods/{pod.name}?gracePeriodSeconds=0")
    hub.delete(f"{path}/persistentvolumeclaims/{claim}")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/namespaces/kube-system/pods", {"metadata": {"name": "x"}}),
        ("POST", "/api/v1/namespaces/default/persistentvolumeclaims", {"metadata": {"name": "x"}}),
        ("GET", "/api/v1/namespaces/spawned-alice/secrets", None),
        ("POST", "/api/v1/namespaces/spawned-alice/pods/x/exec", None),
        ("GET", "/api/v1/namespaces/spawned-alice/pods/x/log", None),
        ("POST", "/api/v1/namespaces/spawned-alice/serviceaccounts/nbargo-user/token", {"spec": {}}),
        ("DELETE", "/api/v1/namespaces/spawned-alice", None),
        ("GET", "/apis/argoproj.io/v1alpha1/namespaces/spawned-alice/workflows", None),
        ("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/spawned-alice/roles", {"metadata": {"name": "x"}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_may_do_nothing_else(hub: Kube, method: str, path: str, body: dict[str, Any] | None) -> None:
    with pytest.raises(ApiError) as refused:
        hub.request(method, path, body)
    assert refused.value.status == HTTPStatus.FORBIDDEN
