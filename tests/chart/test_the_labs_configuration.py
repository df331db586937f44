"""The ConfigMap for labs, read as JupyterLab reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chart.lab import job, schedule, settings
from chart.rendered import MODES, Rendered
from nbargo_submitter.supervisor import Mode

if TYPE_CHECKING:
    from chart.helm import Helm


@pytest.mark.parametrize("mode", MODES)
def test_every_lab_of_a_mode_reads_it(modes: dict[str, Rendered], mode: str) -> None:
    found = settings(modes[mode])
    assert found.service_account == "nbargo-job"
    assert found.watcher == Mode.SIDECAR.value
    assert found.volume_mounts[0]["mountPath"] == "/home/jovyan"
    mounted = {each["name"] for each in modes[mode].z2jh()["singleuser"]["storage"]["extraVolumeMounts"]}
    assert "nbargo-config" in mounted


def test_a_job_mounts_its_users_claim(modes: dict[str, Rendered]) -> None:
    spec = job(modes["service-accounts"], "bob---1f2e3d4c")["spec"]
    assert spec["volumes"] == [{"name": "home", "persistentVolumeClaim": {"claimName": "claim-bob---1f2e3d4c"}}]


def test_a_job_mounts_its_users_part_of_a_shared_claim(modes: dict[str, Rendered]) -> None:
    spec = job(modes["shared-namespace-rwx"], "alice")["spec"]
    assert spec["volumes"] == [{"name": "home", "persistentVolumeClaim": {"claimName": "homes"}}]
    mounts = spec["templates"][0]["script"]["volumeMounts"]
    assert mounts == [{"name": "home", "mountPath": "/home/jovyan", "subPath": "home/alice"}]


def test_a_home_may_have_its_users_name_in_its_path(helm: Helm) -> None:
    path = "/home/{username}"
    chart = Rendered(helm.render(f'--set-json=home.mountPath="{path}"'))
    (mount,) = job(chart, "alice")["spec"]["templates"][0]["script"]["volumeMounts"]
    assert mount["mountPath"] == "/home/alice"
    singleuser = chart.z2jh()["singleuser"]  # in which KubeSpawner puts the name
    (watcher,) = singleuser["initContainers"]
    (home,) = (each["value"] for each in watcher["env"] if each["name"] == "HOME")
    assert {home, singleuser["storage"]["homeMountPath"], watcher["volumeMounts"][0]["mountPath"]} == {path}


def test_a_claim_that_is_read_only_is_mounted_so(modes: dict[str, Rendered]) -> None:
    spec = job(modes["shared-namespace"], "alice")["spec"]
    claim = {"claimName": "datasets", "readOnly": True}
    assert spec["volumes"][1] == {"name": "extra-0", "persistentVolumeClaim": claim}


def test_with_a_home_on_one_node_jobs_go_to_the_node_of_their_users_pods(modes: dict[str, Rendered]) -> None:
    chart = modes["shared-namespace"]
    spec = schedule(chart, "alice")["spec"]["workflowSpec"]
    (term,) = spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["topologyKey"] == "kubernetes.io/hostname"
    (key,) = term["matchLabelKeys"]
    # Both have the label: the lab's pod, and the job's own, without which it could go nowhere when there is no lab.
    assert spec["podMetadata"]["labels"][key] == "alice"
    assert chart.z2jh()["singleuser"]["extraLabels"][key] == "{username}"


def test_a_lab_goes_to_the_node_of_its_users_jobs(modes: dict[str, Rendered]) -> None:
    chart = modes["shared-namespace"]
    of_jobs = job(chart, "alice")["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert chart.z2jh()["singleuser"]["extraPodAffinity"]["required"] == of_jobs


def test_with_a_home_on_every_node_labs_and_jobs_go_anywhere(modes: dict[str, Rendered]) -> None:
    assert "extraPodAffinity" not in modes["shared-namespace-rwx"].z2jh()["singleuser"]
    assert "affinity" not in job(modes["shared-namespace-rwx"], "alice")["spec"]


def test_settings_of_the_chart_come_through(modes: dict[str, Rendered]) -> None:
    found = settings(modes["shared-namespace"])
    assert found.image == "registry.example/datascience:2026.11"
    assert found.one_at_a_time


def test_names_in_braces_are_the_submitters_to_replace(modes: dict[str, Rendered]) -> None:
    chart = modes["shared-namespace"]
    assert settings(chart).volumes[0]["persistentVolumeClaim"] == {"claimName": "claim-{username}"}
    (file,) = chart.named("ConfigMap", "nbargo-lab")["data"]
    assert file == "jupyter_jupyter_scheduler_config.json", "nothing to be executed in the lab"
