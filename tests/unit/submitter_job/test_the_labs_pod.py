"""NBARGO_LAB_POD: what jobs take over of the lab's pod where nothing else is set."""

import json
import logging
from typing import Any

import pytest

from nbargo_submitter.compute_types import from_settings, sized
from nbargo_submitter.options import Options
from nbargo_submitter.settings import ArgoSettings

POD: dict[str, Any] = {
    "image": "lab:2",
    "image_pull_secrets": ["registry"],
    "node_selector": {"hub.jupyter.org/node-purpose": "user"},
    "tolerations": [{"key": "hub.jupyter.org/dedicated", "value": "user", "effect": "NoSchedule"}],
    "volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": "claim-jane"}}],
    "volume_mounts": [{"name": "home", "mountPath": "/home/jovyan"}],
}
BEFORE: dict[str, Any] = {
    "image": "lab:1",
    "image_pull_secrets": [],
    "node_selector": {},
    "tolerations": [],
    "volumes": [],
    "volume_mounts": [],
}


@pytest.fixture(autouse=True)
def lab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NBARGO_IMAGE", raising=False)
    monkeypatch.setenv("JUPYTER_IMAGE_SPEC", "lab:1")
    monkeypatch.setenv("NBARGO_USER", "jane")


def told(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("NBARGO_LAB_POD", text)


def read(settings: ArgoSettings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in BEFORE}


def test_without_it_nothing_but_the_image_is_known() -> None:
    assert read(ArgoSettings()) == BEFORE


def test_a_job_runs_as_the_lab_does(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, json.dumps(POD))
    settings = ArgoSettings()
    assert read(settings) == POD
    assert settings.place().same_image
    pod = settings.pod_settings("")
    assert (pod.image, pod.node_selector, pod.tolerations) == ("lab:2", POD["node_selector"], POD["tolerations"])
    assert (list(pod.volumes), list(pod.volume_mounts)) == (POD["volumes"], POD["volume_mounts"])


@pytest.mark.parametrize("name", BEFORE)
def test_what_is_configured_comes_before_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    told(monkeypatch, json.dumps(POD))
    chosen: Any = {"image": "own:1", "image_pull_secrets": ["own"], "node_selector": {"own": "1"}}.get(name, [{"a": 1}])
    assert read(ArgoSettings(**{name: chosen})) == {**POD, name: chosen}


def test_an_empty_setting_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, json.dumps(POD))
    assert read(ArgoSettings(node_selector={}, tolerations=[])) == {**POD, "node_selector": {}, "tolerations": []}


def test_the_variable_for_the_image_of_jobs_comes_before_the_labs_image(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, json.dumps(POD))
    monkeypatch.setenv("NBARGO_IMAGE", "jobs:1")
    settings = ArgoSettings()
    assert (settings.image, settings.lab_image) == ("jobs:1", "lab:2")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ('["pool"]', "it is no JSON object"),
        ('{"node_selector": ["pool"]}', "node_selector is not an object of texts"),
        ('{"node_selector": {"pool": 1}}', "node_selector is not an object of texts"),
        ('{"tolerations": {"key": "a"}}', "tolerations is not a list of objects"),
        ('{"tolerations": ["a"]}', "tolerations is not a list of objects"),
        ('{"image_pull_secrets": [{"name": "a"}]}', "image_pull_secrets is not a list of names"),
        ('{"image": null, "volumes": 1}', "image is not a text; volumes is not a list of objects"),
        ('{"nodeSelector": {}}', "'nodeSelector' is not known"),
    ],
)
def test_what_is_not_usable_is_one_error_in_the_log_and_the_rest_is_as_before(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, text: str, says: str
) -> None:
    told(monkeypatch, text)
    settings = ArgoSettings(log=logging.getLogger("lab"))
    assert (read(settings), settings.lab_image) == (BEFORE, "lab:1")
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert says in record.getMessage()
    assert "Correct it where the lab is started" in record.getMessage()


def test_one_member_that_is_wrong_costs_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told(monkeypatch, json.dumps({**POD, "tolerations": "all", "affinity": {}}))
    settings = ArgoSettings(log=logging.getLogger("lab"))
    assert read(settings) == {**POD, "tolerations": []}
    assert len(caplog.records) == 1


def test_a_size_puts_its_own_on_top(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, json.dumps(POD))
    gpu = {"node_selector": {"pool": "gpu"}, "tolerations": [{"key": "gpu", "operator": "Exists"}]}
    size = from_settings({"gpu": gpu}, default="")["gpu"]
    pod = sized(ArgoSettings().pod_settings(""), size, Options(), gpu_resource="gpu")
    assert pod.node_selector == {**POD["node_selector"], "pool": "gpu"}
    assert list(pod.tolerations) == [*POD["tolerations"], *gpu["tolerations"]]
