"""Workflows as the submitter makes them and Argo leaves them behind: the sizes are the real ones."""

import json
from functools import cache
from typing import Any

from harness import workload

from nbargo_shared import labels
from nbargo_shared.record import from_dict
from nbargo_submitter.manifest import build_workflow
from nbargo_submitter.pod import PodSettings

HOME = "/home/jovyan/.local/share/jupyter/scheduler_staging_area"


def job_id(number: int, run: int) -> str:
    """Return the id of a user's run."""
    return workload.job_id(number * 1000 + run)


def workflow(user: str, job: str) -> dict[str, Any]:
    """Return an ended Workflow, to be created with its status.

    Args:
        user: The user label.
        job: The job's id.
    """
    text = _template().replace("@user@", user).replace("@job@", job)
    found: dict[str, Any] = json.loads(text)
    return found


def size() -> int:
    """Return the bytes of one of them, without what the server adds."""
    return len(json.dumps(workflow("user-00000", job_id(0, 0)), separators=(",", ":")))


@cache
def _template() -> str:
    record = from_dict(workload.record("00000000-0000-0000-0000-000000000000"))
    settings = PodSettings(image="quay.io/jupyter/scipy-notebook:latest", service_account="job")
    made = build_workflow(record=record, user="user", directory=f"{HOME}/{record.job_id}", settings=settings)
    ended = workload.workflow("@job@", version="", stage=workload.SUCCEEDED, size="small")
    annotations = {labels.JOB_ANNOTATION: json.dumps(workload.record("@job@"), separators=(",", ":"))}
    own = {labels.USER_LABEL: "@user@", labels.JOB_LABEL: "@job@", labels.COMPLETED_LABEL: "true"}
    metadata = {"name": labels.object_name("@job@"), "labels": own, "annotations": annotations}
    return json.dumps({**made, "metadata": metadata, "status": ended["status"]})
