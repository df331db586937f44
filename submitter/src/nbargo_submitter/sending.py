"""Creating an object once: what has arrived although nobody said so is found again."""

import uuid
from collections.abc import Mapping
from typing import Any

from nbargo_shared import labels
from nbargo_shared.errors import ClusterConflictError, ClusterError, ClusterUnreachableError
from nbargo_submitter.client import WORKFLOWS, Cluster


async def create_once(cluster: Cluster, manifest: Mapping[str, Any], *, resource: str = WORKFLOWS) -> None:
    """Create an object; that it is there already, by this very request, is all right.

    Args:
        cluster: Where.
        manifest: The object. It is sent with an annotation that is this request's alone.
        resource: What it is.

    Raises:
        ClusterConflictError: Another object of this name is there.
        ClusterError: The cluster did not take it.
    """
    sent = _marked(manifest)
    try:
        await cluster.create(sent, resource=resource)
    except ClusterUnreachableError:
        raise
    except ClusterConflictError:
        if not await _is_there(cluster, sent, resource=resource):
            raise
        # a proxy sent it twice
    except ClusterError as error:
        if not (error.transient and await _has_arrived(cluster, sent, resource=resource)):
            raise


def _marked(manifest: Mapping[str, Any]) -> dict[str, Any]:
    metadata = manifest["metadata"]
    annotations = {**metadata["annotations"], labels.REQUEST_ANNOTATION: str(uuid.uuid4())}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


async def _has_arrived(cluster: Cluster, sent: Mapping[str, Any], *, resource: str) -> bool:
    """Return whether a request without an answer was carried out."""
    try:
        return await _is_there(cluster, sent, resource=resource)
    except ClusterError:
        return False


async def _is_there(cluster: Cluster, sent: Mapping[str, Any], *, resource: str) -> bool:
    wanted = sent["metadata"]
    there = await cluster.get(wanted["name"], resource=resource)
    noted = (there or {}).get("metadata", {}).get("annotations") or {}
    return bool(noted.get(labels.REQUEST_ANNOTATION) == wanted["annotations"][labels.REQUEST_ANNOTATION])
