"""What an administrator sets for pods, from Jupyter's configuration to the process that runs the notebook."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import notebooks as make
from support.rest import Rest
from support.stack import Stack

pytestmark = pytest.mark.e2e

HOOK = """
def greeting(manifest, context):
    if context.environment == "broken":
        raise ValueError("no such team")
    spec = manifest["spec"].get("workflowSpec", manifest["spec"])
    text = f"{context.kind} of {context.user}, {context.compute_type}"
    spec["templates"][0]["script"]["env"].append({"name": "GREETING", "value": text})
    return manifest
"""
SETTINGS: dict[str, Any] = {
    "environments": [{"name": "default"}, {"name": "broken"}],
    "compute_types": {"small": {"cpu": 1}, "large": {"cpu": 8}},
    "env": {"OWNER": "{unescaped_username} ({username})", "TEXT": "${HOME} {unknown}"},
    "volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": "claim-{username}"}}],
    "workflow_labels": {"server": "server-{servername}"},
    "priority_class": "jobs-of-{username}",
    "manifest_hook": "site_hooks:greeting",
}
LAB_POD = {
    "node_selector": {"pool": "labs"},
    "tolerations": [{"key": "labs", "operator": "Exists"}],
    "image_pull_secrets": ["registry"],
}
PRINTED = "import os; print(*(os.environ[name] for name in ('OWNER', 'TEXT', 'GREETING')), sep='|')"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    modules = tmp_path_factory.mktemp("modules")
    (modules / "site_hooks.py").write_text(HOOK, encoding="utf-8")
    variables = {
        "PYTHONPATH": str(modules),
        "JUPYTERHUB_USER": "Alice@example.org",
        "JUPYTERHUB_SERVER_NAME": "gpu",
        "NBARGO_LAB_POD": json.dumps(LAB_POD),
    }
    stack = Stack(tmp_path_factory.mktemp("pods"), variables=variables)
    stack.configure(**SETTINGS)
    try:
        stack.start_argo()
        stack.start_watcher()
        stack.start_lab()
        yield stack
    finally:
        stack.close()


def test_a_job_runs_with_names_filled_as_its_lab_does_and_as_the_hook_says(
    rest: Rest, stack: Stack, notebooks: Path
) -> None:
    make.write(notebooks / "set.ipynb", PRINTED)
    job_id = rest.create("set.ipynb", compute_type="large")
    rest.wait_for(job_id, "COMPLETED")
    assert make.outputs_of(notebooks / rest.download(job_id)["ipynb"]) == (
        "Alice@example.org (alice)|${HOME} {unknown}|Workflow of alice, large\n"
    )
    workflow = stack.workflows()[job_id]
    assert workflow["metadata"]["labels"]["server"] == "server-gpu"
    spec = workflow["spec"]
    assert spec["volumes"] == [{"name": "home", "persistentVolumeClaim": {"claimName": "claim-alice"}}]
    assert spec["podPriorityClassName"] == "jobs-of-alice"
    assert (spec["nodeSelector"], spec["tolerations"]) == (LAB_POD["node_selector"], LAB_POD["tolerations"])
    assert spec["imagePullSecrets"] == [{"name": "registry"}]


def test_a_schedule_its_edit_and_a_run_are_as_the_hook_says(rest: Rest, stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "scheduled.ipynb", PRINTED)
    definition_id = rest.define("scheduled.ipynb", compute_type="small")
    rest.edit(definition_id, compute_type="large")
    (template,) = stack.cron_workflows()[definition_id]["spec"]["workflowSpec"]["templates"]
    assert {"name": "GREETING", "value": "CronWorkflow of alice, large"} in template["script"]["env"]
    job_id = rest.run_now(definition_id)
    rest.wait_for(job_id, "COMPLETED")
    assert make.outputs_of(notebooks / rest.download(job_id)["ipynb"]).endswith("|Workflow of alice, large\n")
    rest.undefine(definition_id)


def test_a_hook_that_fails_is_told_and_nothing_is_submitted(rest: Rest, stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "refused.ipynb", "1")
    before = (rest.listed(), stack.workflows().keys())
    answer = rest.send("POST", "jobs", json=rest.body("refused.ipynb", runtime_environment_name="broken"))
    assert answer.json()["message"] == (
        "The hook 'site_hooks:greeting' failed: ValueError: no such team. "
        "Ask your administrator: it is c.ArgoScheduler.manifest_hook"
    )
    assert (rest.listed(), stack.workflows().keys()) == before
