"""The watcher in a lab's pod, as KubeSpawner makes it: a native sidecar, its identity, and who has the token."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate  # type: ignore[import-untyped]  # published without types
import pytest

from chart.helm import KUBERNETES_VERSION
from chart.rendered import MODES
from chart.spawned import Lab, Pod
from chart.z2jh import DEFAULTS, IPTABLES, merged

if TYPE_CHECKING:
    from chart.rendered import Rendered
    from chart.spawned import Spawner

TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"
USER = {"fieldRef": {"fieldPath": "metadata.labels['nbargo/user']"}}
PERFORMANCE = Path(__file__).parents[2] / "docs" / "performance.md"
HEALTH_PORT = 3
"""MiB, by docs/performance.md; the benchmark goes without."""


@pytest.fixture(scope="module")
def pods(modes: dict[str, Rendered], spawner: Spawner) -> dict[str, Pod]:
    """A lab's pod in every mode."""
    hubs = [merged(DEFAULTS, chart.z2jh()) for chart in modes.values()]
    made = spawner.of_hubs(hubs, labs=[Lab("alice")])
    return {mode: pod for mode, (pod,) in zip(modes, made, strict=True)}


@pytest.fixture(params=MODES)
def pod(request: pytest.FixtureRequest, pods: dict[str, Pod]) -> Pod:
    return pods[request.param]


def quantity(text: str) -> int:
    """Return a quantity of memory in MiB."""
    return int(text.removesuffix("Mi"))


def identity(container: dict[str, Any]) -> list[Any]:
    """Return where a container has its user from."""
    return [each.get("valueFrom") for each in container["env"] if each["name"] == "NBARGO_USER"]


@pytest.mark.parametrize("version", [KUBERNETES_VERSION, "1.37"])
def test_kubernetes_knows_every_member_of_the_pod(pod: Pod, version: str) -> None:
    assert kubernetes_validate.validate(pod.body, version, strict=True) == version


def test_it_is_a_native_sidecar_that_the_lab_does_not_wait_for(pod: Pod) -> None:
    assert [each["name"] for each in pod.spec["containers"]] == ["notebook"]
    assert pod.watcher["restartPolicy"] == "Always"
    assert pod.spec["initContainers"][0] == pod.watcher
    assert not {"startupProbe", "readinessProbe", "lifecycle"} & set(pod.watcher)


def test_it_can_do_nothing_but_its_work(pod: Pod) -> None:
    assert pod.watcher["securityContext"] == {
        "runAsUser": 1000,
        "runAsGroup": 100,
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod.notebook["securityContext"]["runAsUser"] == pod.watcher["securityContext"]["runAsUser"]
    assert pod.spec["securityContext"]["fsGroup"] == pod.watcher["securityContext"]["runAsGroup"]


def test_it_has_the_memory_that_was_measured_and_some_more(pod: Pod) -> None:
    row = re.search(r"^\| watcher only, as a sidecar \|(.*)\|$", PERFORMANCE.read_text(encoding="utf-8"), re.MULTILINE)
    assert row
    after_events, peak = (float(text) for text in row[1].split("|")[1:3])
    resources = pod.watcher["resources"]
    assert set(resources["requests"]) == {"cpu", "memory"}
    assert set(resources["limits"]) == {"memory"}  # held up by a limit of its processor time, it would only be late
    assert after_events + HEALTH_PORT < quantity(resources["requests"]["memory"]) < 1.5 * after_events
    assert 2 * (peak + HEALTH_PORT) < quantity(resources["limits"]["memory"])
    assert {"name": "MALLOC_TRIM_THRESHOLD_", "value": "65536"} in pod.watcher["env"]  # measured with it


def test_lab_and_watcher_take_the_user_from_the_same_label(pod: Pod) -> None:
    assert pod.user == "alice"
    assert identity(pod.notebook) == identity(pod.watcher) == [USER]


def test_the_token_is_in_the_two_containers_that_need_it_and_in_no_other(
    modes: dict[str, Rendered], spawner: Spawner
) -> None:
    chart = modes["service-accounts"].z2jh()
    more = {"name": "cleaner", "image": "cleaner"}
    first = {"name": "fetcher", "image": "fetcher"}
    added = {"extraContainers": [more], "initContainers": [*chart["singleuser"]["initContainers"], first]}
    pod = spawner.pod(chart, {"singleuser": added}, lab=Lab("alice"))
    assert [each["name"] for each in pod.containers()] == ["watcher", "fetcher", IPTABLES, "notebook", "cleaner"]
    assert pod.spec["automountServiceAccountToken"] is False
    (volume,) = (each for each in pod.spec["volumes"] if "serviceAccountToken" in str(each))
    sources = {name: source for each in volume["projected"]["sources"] for name, source in each.items()}
    assert sources["serviceAccountToken"] == {"path": "token", "expirationSeconds": 3600}
    mounts = {
        each["name"]: mount["mountPath"]
        for each in pod.containers()
        for mount in each.get("volumeMounts", ())
        if mount["name"] == volume["name"] and mount["readOnly"]
    }
    assert mounts == {"watcher": TOKEN, "notebook": TOKEN}


def test_the_pods_account_is_the_charts(pods: dict[str, Pod], modes: dict[str, Rendered]) -> None:
    for mode, pod in pods.items():
        assert modes[mode].named("ServiceAccount", pod.spec["serviceAccountName"], pod.namespace)


def test_the_charts_own_rules_and_zero_to_jupyterhubs_are_about_this_pod(pod: Pod, modes: dict[str, Rendered]) -> None:
    of_labs = modes["shared-namespace"].of_kind("NetworkPolicy")[0]["spec"]["podSelector"]
    monitored = modes["shared-namespace"].of_kind("PodMonitor")[0]["spec"]["selector"]
    for selector in (of_labs, monitored):
        assert selector["matchLabels"].items() <= pod.labels.items()
        assert {each["key"] for each in selector["matchExpressions"]} <= set(pod.labels)
    assert pod.labels["hub.jupyter.org/network-access-hub"] == "true"


def test_the_lab_reads_the_charts_configuration(pods: dict[str, Pod], modes: dict[str, Rendered]) -> None:
    for mode, pod in pods.items():
        (volume,) = (each for each in pod.spec["volumes"] if "configMap" in each)
        assert modes[mode].named("ConfigMap", volume["configMap"]["name"], pod.namespace)
        (mount,) = (each for each in pod.notebook["volumeMounts"] if each["name"] == volume["name"])
        assert {"name": "JUPYTER_CONFIG_PATH", "value": mount["mountPath"]} in pod.notebook["env"]


def test_it_mounts_the_home_that_the_lab_has(pods: dict[str, Pod]) -> None:
    for pod in pods.values():
        assert pod.home("watcher") == pod.home("notebook")
    assert pods["service-accounts"].home() == ("claim-alice", "")
    assert pods["shared-namespace-rwx"].home() == ("homes", "home/alice")
