from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from cluster.access import script, unique
from cluster.kube import ApiError, Kube, wait_until

if TYPE_CHECKING:
    from cluster.access import Cluster, Workflows
    from cluster.controlplane import ControlPlane

READ_WORKFLOWS = {
    "apiGroups": ["argoproj.io"],
    "resources": ["workflows"],
    "verbs": ["get", "list", "watch"],
}


def may_list(kube: Kube, cluster: Cluster) -> bool:
    try:
        return bool(kube.get(cluster.collection("workflows"))["kind"] == "WorkflowList")
    except ApiError:
        return False


def test_a_user_may_do_what_its_role_allows_and_no_more(cluster: Cluster) -> None:
    with Kube(cluster.user([READ_WORKFLOWS])) as kube:
        wait_until("the role is known", lambda: may_list(kube, cluster))
        with pytest.raises(ApiError) as refused:
            kube.delete(f"{cluster.collection('workflows')}/{unique('none')}")
    assert refused.value.status == httpx.codes.FORBIDDEN


def test_a_killed_controller_finishes_the_workflow_when_it_is_back(
    control_plane: ControlPlane, workflows: Workflows
) -> None:
    control_plane.controller.kill()
    name = workflows.create(script(""))
    control_plane.start_controller()
    assert workflows.wait_end(name)["status"]["phase"] == "Succeeded"


def test_a_killed_api_server_keeps_its_objects_and_the_node_its_pods(
    control_plane: ControlPlane, workflows: Workflows
) -> None:
    name = workflows.create(script("import time\ntime.sleep(3)"))
    workflows.wait_running_pod(name)
    control_plane.apiserver.kill()
    control_plane.start_apiserver()
    assert workflows.wait_end(name)["status"]["phase"] == "Succeeded"


def test_a_watch_from_before_a_restart_is_told_that_it_is_too_old(
    control_plane: ControlPlane, cluster: Cluster, workflows: Workflows
) -> None:
    version = start_again_after_a_change(control_plane, cluster, workflows)
    collection = cluster.collection("workflows")
    with cluster.api.watch(f"{collection}?resourceVersion={version}") as events:
        event = next(events)
    assert event["type"] == "ERROR"
    assert event["object"]["code"] == httpx.codes.GONE


def test_a_list_of_a_version_is_gone_only_after_a_compaction(
    control_plane: ControlPlane, cluster: Cluster, workflows: Workflows
) -> None:
    version = start_again_after_a_change(control_plane, cluster, workflows)
    old = f"{cluster.collection('workflows')}?resourceVersionMatch=Exact&resourceVersion={version}"
    assert cluster.api.get(old)["metadata"]["resourceVersion"] == version
    control_plane.compact()
    with pytest.raises(ApiError) as gone:
        cluster.api.get(old)
    assert gone.value.status == httpx.codes.GONE


def start_again_after_a_change(control_plane: ControlPlane, cluster: Cluster, workflows: Workflows) -> str:
    version: str = cluster.api.get(cluster.collection("workflows"))["metadata"]["resourceVersion"]
    workflows.create(script(""))
    # A new API server has no events in its cache, so it must ask etcd for older ones.
    control_plane.apiserver.kill()
    control_plane.start_apiserver()
    wait_until("the new server's cache is filled", lambda: is_watchable(cluster))
    return version


def is_watchable(cluster: Cluster) -> bool:
    # Ready as a whole, the server may still fill the cache of one resource: it says 429 meanwhile.
    try:
        with cluster.api.watch(f"{cluster.collection('workflows')}?timeoutSeconds=1"):
            return True
    except ApiError as error:
        if error.status != httpx.codes.TOO_MANY_REQUESTS:
            raise
        return False
