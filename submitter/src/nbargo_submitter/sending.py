"""Creating an object once: what has arrived although nobody said so is found again."""

from collections.abc import Mapping
from typing import Any

from nbargo_shared.errors import ClusterConflictError, ClusterError, ClusterUnreachableError
from nbargo_submitter.client import WORKFLOWS, Cluster


async def create_once(
    cluster: Cluster, manifest: Mapping[str, Any], *, annotation: str, resource: str = WORKFLOWS
) -> None:
    """Create an object; that it is there already, as it was sent, is all right.

    Args:
        cluster: Where.
        manifest: The object.
        annotation: Name of the annotation that is one object's alone.
        resource: What it is.

    Raises:
        ClusterConflictError: Another object of this name is there.
        ClusterError: The cluster did not take it.
    """
    try:
        await cluster.create(manifest, resource=resource)
    except ClusterUnreachableError:
        raise
    except ClusterConflictError:
        if not await _is_there(cluster, manifest, annotation=annotation, resource=resource):
            raise
        # a proxy sent it twice
    except ClusterError as error:
        if not (error.transient and await _has_arrived(cluster, manifest, annotation=annotation, resource=resource)):
            raise


async def _has_arrived(cluster: Cluster, manifest: Mapping[str, Any], *, annotation: str, resource: str) -> bool:
    """Return whether a request without an answer was carried out."""
    try:
        return await _is_there(cluster, manifest, annotation=annotation, resource=resource)
    except ClusterError:
        return False


async def _is_there(cluster: Cluster, manifest: Mapping[str, Any], *, annotation: str, resource: str) -> bool:
    wanted = manifest["metadata"]
    there = await cluster.get(wanted["name"], resource=resource)
    noted = ((there or {}).get("metadata", {}).get("annotations") or {}).get(annotation)
    return noted is not None and noted == wanted["annotations"][annotation]
