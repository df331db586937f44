"""What the hub tells a lab of its own pod, so that jobs with nothing configured run where their notebook does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from chart.lab import PROJECTED
from chart.spawned import Lab, Pod
from chart.z2jh import DEFAULTS
from nbargo_submitter.lab_pod import read

if TYPE_CHECKING:
    from chart.rendered import Rendered
    from chart.spawned import Spawner

NVIDIA = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
OF_USERS = DEFAULTS["scheduling"]["userPods"]["tolerations"]
NOTHING: dict[str, Any] = {"scheduling": {"userPods": {"tolerations": []}}}
HOOK = """
{kind}def prefer_spot(spawner, pod):
    pod.spec.node_selector = {{**(pod.spec.node_selector or {{}}), "spot": spawner.user.name}}
    return pod

c.KubeSpawner.modify_pod_hook = prefer_spot
"""
LAZY = "c.KubeSpawner.modify_pod_hook"
"""To look at a setting that is not there makes it one that is not decided."""


def told(pod: Pod) -> dict[str, Any]:
    """Return what a lab is told, which the plugin has to understand."""
    (text,) = (each["value"] for each in pod.notebook["env"] if each["name"] == "NBARGO_LAB_POD")
    document: dict[str, Any] = json.loads(text)
    assert read(text) == (document, [])
    return document


@pytest.fixture
def values(modes: dict[str, Rendered]) -> dict[str, Any]:
    return modes["shared-namespace"].z2jh()


def test_a_lab_is_told_its_node_selector_tolerations_and_pull_secrets(spawner: Spawner, values: dict[str, Any]) -> None:
    more = {
        "imagePullSecrets": ["company-registry"],
        "singleuser": {
            "nodeSelector": {"pool": "{users}"},
            "extraTolerations": [{**NVIDIA, "tolerationSeconds": 60}],
            "image": {"pullSecrets": ["team-registry"]},
        },
    }
    assert told(spawner.pod(values, more, lab=Lab("alice"))) == {
        "node_selector": {"pool": "{users}"},
        "tolerations": [*OF_USERS, {**NVIDIA, "tolerationSeconds": 60}],
        "image_pull_secrets": ["company-registry", "team-registry"],
    }


def test_a_lab_is_told_nothing_where_there_is_nothing(spawner: Spawner, values: dict[str, Any]) -> None:
    assert told(spawner.pod(values, NOTHING, lab=Lab("alice"))) == {}


def test_a_lab_is_told_of_its_profile(spawner: Spawner, values: dict[str, Any]) -> None:
    override = {
        "image": "registry.example/gpu:1",
        "node_selector": {"pool": "gpu"},
        "tolerations": [NVIDIA],
        "image_pull_secrets": ["gpu-registry"],
    }
    profiles = [
        {"display_name": "Small", "default": True},
        {"display_name": "GPU", "slug": "gpu", "kubespawner_override": override},
    ]
    more = {"singleuser": {"nodeSelector": {"zone": "a"}, "profileList": profiles}}
    small, gpu = spawner.pods(values, more, labs=[Lab("alice"), Lab("alice", options={"profile": "gpu"})])
    assert told(small) == {"node_selector": {"zone": "a"}, "tolerations": OF_USERS}
    assert told(gpu) == {
        "node_selector": {"zone": "a", "pool": "gpu"},
        "tolerations": [NVIDIA],
        "image_pull_secrets": ["gpu-registry"],
    }
    # KubeSpawner itself says which image it is.
    assert {"name": "JUPYTER_IMAGE_SPEC", "value": "registry.example/gpu:1"} in gpu.notebook["env"]


def test_a_lab_is_told_what_further_settings_of_the_pod_say(spawner: Spawner, values: dict[str, Any]) -> None:
    more = {"singleuser": {"extraPodConfig": {"nodeSelector": {"pool": "late"}, "tolerations": [NVIDIA]}}}
    assert told(spawner.pod(values, more, lab=Lab("alice"))) == {
        "node_selector": {"pool": "late"},
        "tolerations": [NVIDIA],
    }


@pytest.mark.parametrize("kind", ["", "async "])
def test_a_hook_that_is_there_already_is_kept(spawner: Spawner, values: dict[str, Any], kind: str) -> None:
    more = {"hub": {"extraConfig": {"spot": HOOK.format(kind=kind)}}}
    pod = spawner.pod(NOTHING, values, more, lab=Lab("alice"))
    assert pod.spec["nodeSelector"] == {"spot": "alice"}
    assert told(pod) == {"node_selector": {"spot": "alice"}}


def test_a_hook_that_is_not_decided_is_none(spawner: Spawner, values: dict[str, Any]) -> None:
    more = {"hub": {"extraConfig": {"looks": LAZY}}}
    assert told(spawner.pod(values, more, lab=Lab("alice"))) == {"tolerations": OF_USERS}


def test_only_the_notebook_is_changed(spawner: Spawner, values: dict[str, Any]) -> None:
    without = {"hub": {"extraConfig": {"zz-nbargo": ""}}}
    pod, before = (spawner.pod(values, more, lab=Lab("alice")) for more in ({}, without))
    pod.notebook["env"] = [each for each in pod.notebook["env"] if each["name"] != "NBARGO_LAB_POD"]
    assert pod.body == before.body


def test_the_policy_lets_a_job_have_what_a_lab_is_told(plain: Rendered) -> None:
    assert {"nodeSelector", "tolerations", "imagePullSecrets"} <= plain.texts("specFields")
    assert {"node_selector", "tolerations", "image_pull_secrets"} <= PROJECTED
