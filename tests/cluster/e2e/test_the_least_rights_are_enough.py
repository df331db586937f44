"""The labs and watchers of all these tests have the rights that the chart gives them, and no more."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from cluster.access import unique
from cluster.kube import ApiError, Kube
from nbargo_shared.identity import user_label
from nbargo_shared.labels import object_name
from support import notebooks as make

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.access import Cluster, Workflows
    from cluster.labs import Labs
    from support.rest import Rest
    from support.stack import MakeStack, Stack

READ = {"apiGroups": ["argoproj.io"], "resources": ["workflows", "cronworkflows"], "verbs": ["get", "list", "watch"]}


def refused(kubeconfig: Path, method: str, path: str, body: object = None) -> bool:
    with Kube(kubeconfig) as kube, pytest.raises(ApiError) as error:
        kube.request(method, path, body)
    return error.value.status == HTTPStatus.FORBIDDEN


def nothing_was_refused(stack: Stack) -> bool:
    said = "".join(stack.program(name).output.lower() for name in ("lab", "watcher"))
    return "forbidden" not in said and "denied" not in said


def test_a_job_is_made_followed_and_deleted_with_the_least_rights(
    stack: Stack, rest: Rest, notebooks: Path, cluster: Cluster, workflows: Workflows
) -> None:
    make.write(notebooks / "short.ipynb", "pass")
    job_id = rest.create("short.ipynb", output_formats=["ipynb"])
    collection = cluster.collection("workflows")
    mine = stack.access.lab
    assert refused(mine, "DELETE", collection), "the lab deletes one by one"
    assert refused(mine, "PUT", f"{collection}/{object_name(job_id)}", {}), "the lab patches"
    for resource in ("secrets", "pods", "configmaps", "serviceaccounts"):
        assert refused(mine, "GET", cluster.collection(resource))
    assert refused(mine, "POST", cluster.collection("pods"), {})
    assert refused(mine, "POST", cluster.collection("workflowtaskresults"), {}), "jobs alone write results"
    rest.wait_for(job_id, "COMPLETED")
    (pod,) = workflows.pods(object_name(job_id))
    assert pod["spec"]["serviceAccountName"] == "nbargo-job"
    rest.delete(job_id)
    assert nothing_was_refused(stack)


def test_another_users_job_cannot_be_changed(stack: Stack, make_stack: MakeStack, cluster: Cluster) -> None:
    make.write(stack.place.notebooks / "patient.ipynb", make.PID_AND_WAIT)
    job_id = stack.rest.create("patient.ipynb", output_formats=["ipynb"])
    path = f"{cluster.collection('workflows')}/{object_name(job_id)}"
    other = make_stack()
    user = user_label(other.environment)
    with Kube(other.access.lab) as kube:
        with pytest.raises(ApiError, match=f"and the caller is '{user}'"):
            kube.merge(path, {"spec": {"shutdown": "Stop"}})
        with pytest.raises(ApiError, match=f"and the caller is '{user}'"):
            kube.delete(path)
    assert job_id not in other.rest.listed()
    stack.rest.stop(job_id)
    stack.rest.wait_for(job_id, "STOPPED")


def test_what_argo_adds_to_a_spec_keeps_nobody_from_a_stop(stack: Stack, cluster: Cluster) -> None:
    make.write(stack.place.notebooks / "patient.ipynb", make.PID_AND_WAIT)
    job_id = stack.rest.create("patient.ipynb", output_formats=["ipynb"])
    stack.rest.wait_for(job_id, "IN_PROGRESS")
    path = f"{cluster.collection('workflows')}/{object_name(job_id)}"
    # As the controller does for an administrator's workflowDefaults.
    cluster.api.merge(path, {"spec": {"parallelism": 5}})
    with Kube(stack.access.lab) as kube, pytest.raises(ApiError, match="not allowed in the spec of a workflow: "):
        kube.merge(path, {"spec": {"parallelism": 6}})
    stack.rest.stop(job_id)
    stack.rest.wait_for(job_id, "STOPPED")


def test_a_watcher_that_may_only_read_is_enough(
    labs: Labs, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stack = labs.stack(tmp_path_factory.mktemp("reading"), user=unique("alice"), watcher=cluster.user([READ]))
    try:
        stack.start_watcher()
        rest = stack.start_lab()
        make.write(stack.place.notebooks / "short.ipynb", "pass")
        rest.wait_for(rest.create("short.ipynb", output_formats=["ipynb"]), "COMPLETED")
        assert nothing_was_refused(stack)
    finally:
        stack.close()
