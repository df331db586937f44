"""What a lab does with the chart's configuration: its files are read as Jupyter does, and jobs are built with them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from traitlets.config import Config

from nbargo_shared.definition import DefinitionRecord
from nbargo_shared.record import JobRecord
from nbargo_submitter.cronmanifest import CronPolicy, build_cron_workflow
from nbargo_submitter.manifest import build_workflow
from nbargo_submitter.run_settings import RunSettings
from nbargo_submitter.settings import ArgoSettings

if TYPE_CHECKING:
    from chart.rendered import Rendered
    from nbargo_submitter.pod import PodSettings

ID = "0b8ff6a5-9f7c-4f1c-9a0e-3a8e6d1f2c77"
HOME = "/home/jovyan"
RUN = RunSettings(retries=2, timeout=60)
PROJECTED = {
    *("image", "namespace", "image_pull_policy", "image_pull_secrets", "service_account", "working_dir", "env"),
    *("env_from", "volumes", "volume_mounts", "resources", "node_selector", "affinity", "tolerations"),
    *("priority_class", "security_context", "pod_security_context", "labels", "annotations", "ttl_seconds", "pod_gc"),
    *("active_deadline_seconds", "synchronization"),
}
"""The members of PodSettings that the policy knows of."""
ALL = {
    "image": "registry.example/lab:1",
    "image_pull_policy": "Always",
    "image_pull_secrets": ["registry"],
    "working_dir": HOME,
    "env": {"LANG": "C.UTF-8"},
    "env_from": [{"configMapRef": {"name": "site", "optional": True}}],
    "resources": {"requests": {"cpu": "1"}},
    "node_selector": {"pool": "jobs"},
    "tolerations": [{"operator": "Exists"}],
    "workflow_annotations": {"team": "a"},
    "pod_gc": "OnWorkflowCompletion",
    "active_deadline_seconds": 3600,
    "one_at_a_time": True,
}


def settings(chart: Rendered, **more: Any) -> ArgoSettings:
    """Return the settings that every user's lab reads.

    Args:
        chart: The rendered chart.
        more: What the lab's own image adds.
    """
    files = chart.named("ConfigMap", "nbargo-lab", chart.namespaces()[0])["data"]
    config = Config({"ArgoScheduler": more})
    for name in files:
        config.merge(Config(json.loads(files[name])))
    return ArgoSettings(**config["ArgoScheduler"])


def pod(chart: Rendered, user: str, *, namespace: str = "default") -> PodSettings:
    """Return how the pods of a user's jobs are made, with everything set that can be.

    Args:
        chart: The rendered chart.
        user: The user.
        namespace: Where they are to run.
    """
    with patch.dict("os.environ", {"NBARGO_USER": user}):
        read = settings(chart, **ALL)
        return replace(read.pod_settings(""), namespace=namespace, synchronization=read.synchronization(user))


def job(chart: Rendered, user: str, *, job_id: str = ID, namespace: str = "default") -> dict[str, Any]:
    """Return a Workflow as a user's lab sends it.

    Args:
        chart: The rendered chart.
        user: The user.
        job_id: A UUID.
        namespace: Where it is to run.
    """
    record = JobRecord(
        job_id=job_id,
        name="report",
        input_filename="report.ipynb",
        runtime_environment_name="default",
        create_time=1_700_000_000_000,
        output_formats=("ipynb",),
        output_files={"ipynb": "report-out.ipynb"},
    )
    made = pod(chart, user, namespace=namespace)
    return build_workflow(record=record, user=user, directory=f"{HOME}/{job_id}", settings=made, run=RUN)


def definition(definition_id: str = ID) -> DefinitionRecord:
    """Return a job definition with a schedule."""
    return DefinitionRecord(
        definition_id=definition_id,
        name="weekly",
        input_filename="report.ipynb",
        runtime_environment_name="default",
        create_time=1_700_000_000_000,
        update_time=1_700_000_000_001,
        files="v1-a",
        output_formats=("ipynb",),
        schedule="0 9 * * 1",
        timezone="Europe/Berlin",
    )


def schedule(
    chart: Rendered, user: str, *, of: DefinitionRecord | None = None, namespace: str = "default"
) -> dict[str, Any]:
    """Return a CronWorkflow as a user's lab sends it.

    Args:
        chart: The rendered chart.
        user: The user.
        of: The job definition, if not that of definition().
        namespace: Where it is to run.
    """
    return build_cron_workflow(
        definition=of or definition(),
        user=user,
        staging=HOME,
        settings=pod(chart, user, namespace=namespace),
        policy=CronPolicy(),
        run_settings=RUN,
    )
