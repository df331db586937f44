"""What an administrator sets for pods, in the pod that Argo's controller makes and the process that runs in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cluster.access import unique
from nbargo_shared.labels import object_name
from support import notebooks as make

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cluster.access import Cluster, Workflows
    from cluster.labs import Labs
    from support.stack import MakeStack, Stack

SITE = "site"
HOOK = """
def pinned(manifest, context):
    spec = manifest["spec"].get("workflowSpec", manifest["spec"])
    spec["activeDeadlineSeconds"] = 1234
    spec["podMetadata"].setdefault("annotations", {})["asked-by"] = f"{context.kind} of {context.user}"
    return manifest
"""
SETTINGS: dict[str, Any] = {
    "env": {"OWNER": "{username} of {namespace}", "SHELL_TEXT": "${HOME} {unknown}"},
    "env_from": [
        {"prefix": "SITE_", "configMapRef": {"name": SITE}},
        {"secretRef": {"name": "notebook-messages", "optional": True}},
    ],
    "node_selector": {"kubernetes.io/os": "linux"},
    "workflow_annotations": {"owner": "{username}"},
    "manifest_hook": "pinned_hooks:pinned",
}
PRINTED = "import os; print(*(os.environ[name] for name in ('OWNER', 'SHELL_TEXT', 'SITE_region', 'token')), sep='|')"


@pytest.fixture
def site(cluster: Cluster) -> Iterator[None]:
    made = {
        "configmaps": {"metadata": {"name": SITE}, "data": {"region": "north"}},
        "secrets": {"metadata": {"name": "notebook-messages"}, "stringData": {"token": "t0ken"}},
    }
    for collection, body in made.items():
        cluster.api.create(cluster.collection(collection), body)
    yield
    for collection, body in made.items():
        cluster.api.delete(f"{cluster.collection(collection)}/{body['metadata']['name']}")


@pytest.fixture
def stack(labs: Labs, tmp_path: Path) -> Iterator[Stack]:
    (tmp_path / "pinned_hooks.py").write_text(HOOK, encoding="utf-8")
    stack = labs.stack(tmp_path / "home", user=unique("alice"))
    stack.environment["PYTHONPATH"] = str(tmp_path)
    stack.configure(**SETTINGS)
    try:
        stack.start_watcher()
        stack.start_lab()
        yield stack
    finally:
        stack.close()


@pytest.mark.usefixtures("site")
def test_the_pod_is_as_the_settings_and_the_hook_say(stack: Stack, workflows: Workflows) -> None:
    make.write(stack.place.notebooks / "set.ipynb", PRINTED)
    job_id = stack.rest.create("set.ipynb", output_formats=["ipynb"])
    pod = workflows.wait_ended_pod(object_name(job_id))
    stack.rest.wait_for(job_id, "COMPLETED")
    user = pod["metadata"]["labels"]["nbargo/user"]
    files = stack.rest.download(job_id)
    assert make.outputs_of(stack.place.notebooks / files["ipynb"]) == (
        f"{user} of {stack.access.namespace}|${{HOME}} {{unknown}}|north|t0ken\n"
    )
    assert pod["metadata"]["annotations"]["owner"] == user
    assert pod["metadata"]["annotations"]["asked-by"] == f"Workflow of {user}"
    assert pod["spec"]["nodeSelector"] == {"kubernetes.io/os": "linux"}
    workflow = workflows.get(object_name(job_id))
    assert workflow["spec"]["activeDeadlineSeconds"] == 1234
    assert "t0ken" not in json.dumps([workflow, pod])


@pytest.mark.usefixtures("site")
def test_a_schedule_and_its_edit_are_as_the_settings_and_the_hook_say(stack: Stack) -> None:
    make.write(stack.place.notebooks / "set.ipynb", PRINTED)
    definition_id = stack.rest.define("set.ipynb")
    stack.rest.edit(definition_id, name="other")
    spec = stack.cron_workflows()[definition_id]["spec"]["workflowSpec"]
    assert spec["activeDeadlineSeconds"] == 1234
    assert spec["podMetadata"]["annotations"]["asked-by"].startswith("CronWorkflow of ")
    assert spec["templates"][0]["script"]["envFrom"] == SETTINGS["env_from"]
    stack.rest.undefine(definition_id)


def test_a_priority_class_that_the_chart_does_not_name_is_refused_with_the_reason(make_stack: MakeStack) -> None:
    stack = make_stack("--ArgoScheduler.priority_class=system-node-critical")
    make.write(stack.place.notebooks / "first.ipynb", "1")
    answer = stack.rest.send("POST", "jobs", json=stack.rest.body("first.ipynb"))
    assert not answer.is_success
    assert "the priority class 'system-node-critical' is not that of lab.settings" in answer.json()["message"]
