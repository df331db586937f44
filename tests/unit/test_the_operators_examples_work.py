"""Every example of a setting, in the code and on the operators' page, is read as Jupyter does and makes a job."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from nbargo_shared.record import JobRecord
from nbargo_submitter import compute_types, hooks
from nbargo_submitter.environments import from_settings
from nbargo_submitter.hooks import HookContext, HookTraits
from nbargo_submitter.manifest import build_workflow
from nbargo_submitter.pod_traits import PodTraits
from nbargo_submitter.settings import ArgoSettings

PAGE = (Path(__file__).resolve().parents[2] / "docs/operators.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
SETTINGS = [block for block in BLOCKS if "c.ArgoScheduler." in block]
TRAITS: dict[str, Any] = {**PodTraits.class_traits(config=True), **HookTraits.class_traits(config=True)}
RECORD = JobRecord(
    job_id="0b8ff6a5-9f7c-4f1c-9a0e-3a8e6d1f2c77",
    name="report",
    input_filename="report.ipynb",
    runtime_environment_name="default",
    create_time=1_700_000_000_000,
    output_formats=("ipynb",),
    output_files={"ipynb": "report-out.ipynb"},
)
MODULE = "nbargo_hooks"
BEFORE = "c = get_config()\nc.KubeSpawner.volumes, c.KubeSpawner.volume_mounts = [], []\n"
"""What comes before an example: zero-to-jupyterhub has set the lists of volumes already."""


@pytest.fixture(autouse=True)
def lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A lab of a hub, with the module of the page's example on its path."""
    for name in ("NBARGO_IMAGE", "NBARGO_LAB_POD", "NBARGO_SERVICE_ACCOUNT", "NBARGO_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NBARGO_USER", "jane")
    monkeypatch.setenv("JUPYTERHUB_USER", "Jane@example.org")
    monkeypatch.setenv("JUPYTER_IMAGE_SPEC", "lab:1")
    (source,) = [block for block in BLOCKS if block.startswith(f"# {MODULE}.py\n")]
    (tmp_path / f"{MODULE}.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)


def made(settings: ArgoSettings) -> dict[str, Any]:
    """Return the Workflow of a job."""
    pod = settings.pod_settings("")
    workflow = build_workflow(record=RECORD, user="jane", directory="/home/jovyan/x", settings=pod)
    context = HookContext(user="jane", kind="Workflow", environment="default", compute_type="large", job=RECORD)
    return hooks.applied(settings.manifest_hook, workflow, context)


@pytest.mark.parametrize("name", TRAITS)
def test_every_setting_of_pods_has_an_example_that_does_something(name: str) -> None:
    example = TRAITS[name].metadata["example"]
    workflow = made(ArgoSettings(config=Config({"ArgoSettings": {name: example}})))
    assert workflow != made(ArgoSettings())
    text = json.dumps(workflow["spec"])
    assert "{username}" not in text
    if "{unescaped_username}" in json.dumps(example):
        assert "Jane@example.org" in text


def test_the_page_has_the_examples_of_the_code() -> None:
    assert [name for name in TRAITS if f"\nc.ArgoScheduler.{name} = " not in PAGE] == []


@pytest.mark.parametrize("block", SETTINGS)
def test_examples_on_the_page_are_settings_that_jobs_can_be_made_with(block: str, tmp_path: Path) -> None:
    (tmp_path / "jupyter_server_config.py").write_text(BEFORE + block, encoding="utf-8")
    config = PyFileConfigLoader("jupyter_server_config.py", path=str(tmp_path)).load_config()
    unknown = set(config["ArgoScheduler"]) - set(ArgoSettings.class_trait_names(config=True))
    assert unknown - {"staging_path", "output_directory"} == set()
    settings = ArgoSettings(config=Config({"ArgoSettings": config["ArgoScheduler"]}))
    sizes = compute_types.from_settings(settings.compute_types, default=settings.default_compute_type)
    from_settings(settings.environments, sizes=sizes)
    assert made(settings)["metadata"]["labels"]["nbargo/user"] == "jane"


def test_the_example_of_a_hook_adds_what_it_says() -> None:
    workflow = made(ArgoSettings(manifest_hook=TRAITS["manifest_hook"].metadata["example"]))
    assert workflow["spec"]["podMetadata"]["labels"]["cost-center"] == "2000"
    assert workflow["spec"]["dnsConfig"] == {"options": [{"name": "ndots", "value": "1"}]}
