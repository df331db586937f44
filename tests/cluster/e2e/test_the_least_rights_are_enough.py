"""The lab and the watcher of all these tests have the rights that design.md gives them, and no more."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from cluster.kube import ApiError, Kube
from nbargo_shared.labels import object_name
from support import notebooks as make

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.access import Cluster
    from support.rest import Rest
    from support.stack import Access, Stack


def refused(kubeconfig: Path, method: str, path: str, body: object = None) -> bool:
    with Kube(kubeconfig) as kube, pytest.raises(ApiError) as error:
        kube.request(method, path, body)
    return error.value.status == HTTPStatus.FORBIDDEN


def test_a_job_is_made_followed_and_deleted_with_the_least_rights(
    stack: Stack, rest: Rest, notebooks: Path, access: Access, cluster: Cluster
) -> None:
    make.write(notebooks / "short.ipynb", "pass")
    job_id = rest.create("short.ipynb", output_formats=["ipynb"])
    workflows = cluster.collection("workflows")
    path = f"{workflows}/{object_name(job_id)}"
    for right in ("PATCH", "DELETE"):
        assert refused(access.watcher, right, path, {}), "the watcher changes nothing in the cluster"
    assert refused(access.lab, "DELETE", workflows), "the lab deletes one by one"
    for kubeconfig in (access.lab, access.watcher):
        assert refused(kubeconfig, "GET", cluster.collection("secrets"))
        assert refused(kubeconfig, "GET", cluster.collection("pods"))
    rest.wait_for(job_id, "COMPLETED")
    rest.delete(job_id)
    for name in ("lab", "watcher"):
        assert "forbidden" not in stack.program(name).output.lower()
