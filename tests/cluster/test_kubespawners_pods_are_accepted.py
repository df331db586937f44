"""The labs' pods that KubeSpawner makes with the chart's values, in the real API server with Pod Security Admission."""

from __future__ import annotations

from copy import deepcopy
from functools import reduce
from typing import TYPE_CHECKING, Any

import pytest

from chart.rendered import MODES, Rendered
from chart.spawned import Lab, Pod, Spawner, kubespawner
from chart.z2jh import DEFAULTS, IPTABLES, merged
from cluster.kube import ApiError
from cluster.release import install

if TYPE_CHECKING:
    from chart.helm import Helm
    from cluster.access import Cluster

NAMESPACE = "labs"
ENFORCE = "pod-security.kubernetes.io/enforce"
CHART = {"policy.enabled": "false", "home.accessMode": "ReadWriteOnce"}
"""Policies are of the whole cluster, and other tests are there."""
LONG = "a-person-whose-name-has-sixty-characters-at-some.example-no1"
LABS = [Lab(user, server) for user in ("alice", "Alice", "alice@example.org", LONG) for server in ("", f"{LONG}-srv")]
WITHOUT_IPTABLES = {"singleuser": {"cloudMetadata": {"blockWithIptables": False}}}
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
NOTEBOOK_RESTRICTED = {"hub": {"config": {"KubeSpawner": {"container_security_context": RESTRICTED}}}}


@pytest.fixture(scope="module")
def spawner() -> Spawner:
    return kubespawner()


@pytest.fixture(scope="module")
def values(helm: Helm, cluster: Cluster) -> dict[str, Any]:
    """What the chart tells zero-to-jupyterhub, installed in a namespace that enforces `baseline`."""
    labels = {ENFORCE: "baseline", f"{ENFORCE}-version": "latest"}
    cluster.api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE, "labels": labels}})
    settings = [part for name, value in CHART.items() for part in ("--set", f"{name}={value}")]
    objects = helm.render(*settings, namespace=NAMESPACE)
    install(cluster.api, objects, namespace=NAMESPACE)
    return Rendered(objects).z2jh()


def enforce(cluster: Cluster, level: str) -> None:
    cluster.api.merge(f"/api/v1/namespaces/{NAMESPACE}", {"metadata": {"labels": {ENFORCE: level}}})


def create(cluster: Cluster, pod: Pod, *, dry: bool = False) -> Pod:
    """Create a pod, and return it as the server keeps it."""
    path = f"/api/v1/namespaces/{NAMESPACE}/pods"
    created = cluster.api.create(f"{path}?dryRun=All" if dry else path, pod.body)
    return Pod(NAMESPACE, created if dry else cluster.api.get(f"{path}/{pod.name}"))


def test_baseline_lets_every_lab_in(cluster: Cluster, values: dict[str, Any], spawner: Spawner) -> None:
    enforce(cluster, "baseline")
    pods = spawner.pods(values, WITHOUT_IPTABLES, labs=LABS)
    kept = [create(cluster, pod) for pod in pods]
    assert len({pod.name for pod in kept}) == len(LABS)
    for sent, pod in zip(pods, kept, strict=True):
        assert pod.spec["initContainers"][0]["name"] == "watcher"
        assert pod.watcher["restartPolicy"] == "Always"
        assert pod.watcher["securityContext"] == sent.watcher["securityContext"]
        assert pod.watcher["resources"] == sent.watcher["resources"]
        assert not {"startupProbe", "readinessProbe", "lifecycle"} & set(pod.watcher)
        assert pod.labels == sent.labels
        assert pod.home("watcher") == pod.home("notebook") == sent.home()


def test_the_server_adds_no_token_to_the_charts_own(cluster: Cluster, values: dict[str, Any], spawner: Spawner) -> None:
    enforce(cluster, "baseline")
    more = {"singleuser": {"extraContainers": [{"name": "cleaner", "image": "cleaner"}]}}
    pod = create(cluster, spawner.pod(values, WITHOUT_IPTABLES, more, lab=Lab("token")))
    (volume,) = (each for each in pod.spec["volumes"] if "serviceAccountToken" in str(each))
    assert {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}} in volume["projected"]["sources"]
    mounted = [each["name"] for each in pod.containers() if volume["name"] in str(each.get("volumeMounts"))]
    assert mounted == ["watcher", "notebook"]
    for name in mounted:
        (user,) = (each for each in pod.container(name)["env"] if each["name"] == "NBARGO_USER")
        assert user["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.labels['nbargo/user']"


def test_the_server_takes_the_pod_of_every_mode(
    cluster: Cluster, values: dict[str, Any], spawner: Spawner, helm: Helm
) -> None:
    enforce(cluster, "privileged")
    account = {"singleuser": {"serviceAccountName": values["singleuser"]["serviceAccountName"]}}
    told = [Rendered(helm.render(values=path)).z2jh() for path in MODES.values()]
    hubs = [reduce(merged, (of_mode, account), DEFAULTS) for of_mode in told]
    for (pod,) in spawner.of_hubs(hubs, labs=[Lab("every-mode")]):
        assert create(cluster, pod, dry=True).watcher["restartPolicy"] == "Always"
        assert IPTABLES in [each["name"] for each in pod.containers()]


def test_baseline_refuses_zero_to_jupyterhubs_own_container_and_nothing_else(
    cluster: Cluster, values: dict[str, Any], spawner: Spawner
) -> None:
    enforce(cluster, "baseline")
    with pytest.raises(ApiError) as refused:
        create(cluster, spawner.pod(values, lab=Lab("iptables")), dry=True)
    assert IPTABLES in str(refused.value)
    assert "watcher" not in str(refused.value)
    assert "notebook" not in str(refused.value)


def test_the_watcher_is_as_restricted_as_can_be(cluster: Cluster, values: dict[str, Any], spawner: Spawner) -> None:
    enforce(cluster, "restricted")
    with pytest.raises(ApiError) as refused:
        create(cluster, spawner.pod(values, WITHOUT_IPTABLES, lab=Lab("restricted")), dry=True)
    assert "notebook" in str(refused.value)
    assert "watcher" not in str(refused.value)
    pod = spawner.pod(values, WITHOUT_IPTABLES, NOTEBOOK_RESTRICTED, lab=Lab("restricted"))
    assert create(cluster, pod, dry=True).watcher["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("member", ["allowPrivilegeEscalation", "capabilities", "seccompProfile"])
def test_a_watcher_that_may_do_more_is_refused(
    cluster: Cluster, values: dict[str, Any], spawner: Spawner, member: str
) -> None:
    enforce(cluster, "restricted")
    pod = spawner.pod(values, WITHOUT_IPTABLES, NOTEBOOK_RESTRICTED, lab=Lab("more"))
    loose = deepcopy(pod.body)
    del Pod(NAMESPACE, loose).watcher["securityContext"][member]
    with pytest.raises(ApiError, match="watcher"):
        create(cluster, Pod(NAMESPACE, loose), dry=True)
