"""A CronWorkflow and its Workflows: the one that a run makes, and the ones that are there."""

import copy
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from nbargo_local.controller.cron.zones import seconds_of
from nbargo_local.controller.durations import stamp
from nbargo_local.controller.names import INSTANCE_LABEL, SCHEDULED_ANNOTATION, Object

CRON_LABEL: Final = "workflows.argoproj.io/cron-workflow"

_API_VERSION: Final = "argoproj.io/v1alpha1"
_KIND: Final = "CronWorkflow"
_INHERITED: Final = (
    "workflows.argoproj.io/creator",
    "workflows.argoproj.io/creator-email",
    "workflows.argoproj.io/creator-preferred-username",
    INSTANCE_LABEL,
)
"""The labels of a CronWorkflow that its Workflows get; no others do."""


def child_of(cron: Object, scheduled: datetime) -> Object:
    """Return the Workflow that a CronWorkflow makes for a scheduled time.

    Args:
        cron: The CronWorkflow.
        scheduled: The time.
    """
    metadata = cron["metadata"]
    declared = cron["spec"].get("workflowMetadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key in _INHERITED}
    labels |= {CRON_LABEL: metadata["name"]} | (declared.get("labels") or {})
    annotations = {SCHEDULED_ANNOTATION: stamp(scheduled)} | (declared.get("annotations") or {})
    owner = {"apiVersion": _API_VERSION, "kind": _KIND, "name": metadata["name"], "uid": metadata["uid"]}
    child: Object = {
        "name": f"{metadata['name']}-{seconds_of(scheduled)}",
        "labels": labels,
        "annotations": annotations,
        "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": True}],
    }
    if declared.get("finalizers"):
        child["finalizers"] = list(declared["finalizers"])
    return {
        "apiVersion": _API_VERSION,
        "kind": "Workflow",
        "metadata": child,
        "spec": copy.deepcopy(cron["spec"].get("workflowSpec") or {}),
    }


def owner_of(workflow: Object) -> Object | None:
    """Return the owner reference by which a Workflow belongs to a CronWorkflow; None if it belongs to none.

    Args:
        workflow: The Workflow.
    """
    if CRON_LABEL not in (workflow["metadata"].get("labels") or {}):
        return None
    for reference in workflow["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return dict(reference) if reference.get("kind") == _KIND else None
    return None


def children_of(cron: Object, workflows: Iterable[Object]) -> list[Object]:
    """Return the Workflows that belong to a CronWorkflow, those that another one than its schedule made too.

    Args:
        cron: The CronWorkflow.
        workflows: Where to look.
    """
    uid = cron["metadata"]["uid"]
    return [each for each in workflows if (owner := owner_of(each)) is not None and owner.get("uid") == uid]


def reference_to(workflow: Object) -> Object:
    """Return the entry of a Workflow in its CronWorkflow's `status.active`.

    Args:
        workflow: The Workflow as it is stored.
    """
    metadata = workflow["metadata"]
    return {
        "kind": "Workflow",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "apiVersion": _API_VERSION,
        "resourceVersion": metadata["resourceVersion"],
    }
