"""What zero-to-jupyterhub is given: the watcher as a native sidecar, its identity, and the token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chart.helm import CHART
from chart.rendered import MODES, expanded

if TYPE_CHECKING:
    from pathlib import Path

    from chart.helm import Helm
    from chart.rendered import Rendered

TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"
USER = {"fieldRef": {"fieldPath": "metadata.labels['nbargo/user']"}}


@pytest.fixture(params=MODES)
def values(request: pytest.FixtureRequest, modes: dict[str, Rendered]) -> dict[str, Any]:
    return modes[request.param].z2jh()


@pytest.fixture
def sidecar(values: dict[str, Any]) -> dict[str, Any]:
    (container,) = values["singleuser"]["initContainers"]
    assert isinstance(container, dict)
    return container


def test_it_is_a_native_sidecar_that_the_lab_does_not_wait_for(sidecar: dict[str, Any]) -> None:
    assert sidecar["restartPolicy"] == "Always"
    assert "startupProbe" not in sidecar
    assert "readinessProbe" not in sidecar
    assert "lifecycle" not in sidecar


def test_it_can_do_nothing_but_its_work(sidecar: dict[str, Any]) -> None:
    assert sidecar["securityContext"] == {
        "runAsUser": 1000,
        "runAsGroup": 100,
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_it_has_requests_and_a_limit_of_memory(sidecar: dict[str, Any]) -> None:
    assert sidecar["resources"] == {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}


def test_lab_and_watcher_take_the_user_from_the_same_label(values: dict[str, Any], sidecar: dict[str, Any]) -> None:
    singleuser = values["singleuser"]
    assert singleuser["extraLabels"]["nbargo/user"] == "{username}"
    assert singleuser["extraEnv"]["NBARGO_USER"]["valueFrom"] == USER
    assert [each["valueFrom"] for each in sidecar["env"] if each["name"] == "NBARGO_USER"] == [USER]


def test_the_token_is_where_it_is_needed_and_nowhere_else(values: dict[str, Any], sidecar: dict[str, Any]) -> None:
    assert values["hub"]["config"]["KubeSpawner"]["automount_service_account_token"] is False
    storage = values["singleuser"]["storage"]
    (volume,) = (each for each in storage["extraVolumes"] if "projected" in each)
    (token,) = (each["serviceAccountToken"] for each in volume["projected"]["sources"] if "serviceAccountToken" in each)
    assert token == {"path": "token", "expirationSeconds": 3600}
    for mounts in (storage["extraVolumeMounts"], sidecar["volumeMounts"]):
        (mount,) = (each for each in mounts if each["name"] == volume["name"])
        assert (mount["mountPath"], mount["readOnly"]) == (TOKEN, True)
    assert set(values["singleuser"]) & {"extraContainers", "extraPodConfig"} == set()


def test_it_mounts_the_home_that_the_lab_has(modes: dict[str, Rendered]) -> None:
    def home(mode: str) -> tuple[dict[str, Any], dict[str, Any]]:
        singleuser = modes[mode].z2jh()["singleuser"]
        return singleuser["storage"], singleuser["initContainers"][0]["volumeMounts"][0]

    storage, mount = home("service-accounts")
    assert storage["dynamic"]["pvcNameTemplate"] == "claim-{username}"
    assert mount == {"name": "volume-{user_server}", "mountPath": storage["homeMountPath"]}
    storage, mount = home("shared-namespace-rwx")
    assert storage["type"] == "static"
    assert storage["static"] == {"pvcName": "homes", "subPath": "home/{username}"}
    assert mount == {"name": "home", "mountPath": storage["homeMountPath"], "subPath": "home/{username}"}


def test_kubespawner_finds_nothing_in_braces_but_its_own_names(values: dict[str, Any]) -> None:
    spawned = expanded(values, "alice")
    assert spawned["singleuser"]["extraLabels"] == {"nbargo/user": "alice"}
    assert "{" not in str(spawned["singleuser"]).replace("{'", "").replace("{}", "")


def test_the_namespace_is_the_users(modes: dict[str, Rendered]) -> None:
    spawner = modes["user-namespaces"].z2jh()["hub"]["config"]["KubeSpawner"]
    assert spawner["enable_user_namespaces"] is True
    assert expanded(spawner["user_namespace_template"], "alice") in modes["user-namespaces"].namespaces()
    assert "enable_user_namespaces" not in modes["service-accounts"].z2jh()["hub"]["config"]["KubeSpawner"]


def notes(helm: Helm, folder: Path, *options: str) -> str:
    """Return the chart's notes; Helm shows them only after it has reached a cluster."""
    for path in CHART.rglob("*"):
        if path.is_file():
            copy = folder / path.relative_to(CHART)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    text = (folder / "templates" / "NOTES.txt").read_text()
    (folder / "templates" / "_notes.tpl").write_text(f'{{{{ define "notes" }}}}{text}{{{{ end }}}}')
    shown = 'kind: Notes\napiVersion: v1\ntext: {{ include "notes" . | toJson }}\n'
    (folder / "templates" / "shown.yaml").write_text(shown)
    (found,) = (each["text"] for each in helm.render(*options, chart=folder) if each["kind"] == "Notes")
    return str(found)


def test_the_notes_print_what_to_paste(helm: Helm, plain: Rendered, tmp_path: Path) -> None:
    text = notes(helm, tmp_path)
    assert plain.named("ConfigMap", "nbargo-z2jh")["data"]["values.yaml"] in text
    assert "jhub get configmap nbargo-z2jh" in text
    assert "networkPolicy.apiServer.cidrs" in text
    assert "read each other's jobs" in text
    assert "WARNING" not in text


def test_the_notes_warn_when_there_is_no_policy(helm: Helm, tmp_path: Path) -> None:
    assert "WARNING: policy.enabled is false" in notes(helm, tmp_path, "--set", "policy.enabled=false")
