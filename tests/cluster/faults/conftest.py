"""A watcher in a namespace of its own on the tests' own control plane, which these tests kill, compact and fill."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from jupyter_scheduler.orm import create_tables

from cluster.access import Cluster, unique
from cluster.faults.jobs import Jobs
from cluster.faults.relay import Relay
from cluster.faults.sidecar import Sidecar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cluster.controlplane import ControlPlane

READ = {
    "apiGroups": ["argoproj.io"],
    "resources": ["workflows", "cronworkflows"],
    "verbs": ["get", "list", "watch"],
}


@pytest.fixture
def own_namespace(control_plane: ControlPlane, cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with a namespace that no controller watches.

    The fixture `control_plane` skips the test where the cluster is somebody else's: its API server cannot be killed.
    """
    assert control_plane.namespace == cluster.namespace
    name = unique("faults")
    cluster.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    yield Cluster(cluster.api, cluster.kubeconfig, name, cluster.directory)
    cluster.api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def kubeconfig(own_namespace: Cluster) -> Path:
    """The watcher's own user, who may read what it follows."""
    return own_namespace.user([READ])


@pytest.fixture
def relay(control_plane: ControlPlane) -> Iterator[Relay]:
    with Relay(int(control_plane.server.rpartition(":")[2])) as relay:
        yield relay


@pytest.fixture
def sidecar(own_namespace: Cluster, kubeconfig: Path, relay: Relay, tmp_path: Path) -> Iterator[Sidecar]:
    """A watcher that is not started yet."""
    create_tables(f"sqlite:///{tmp_path / 'scheduler.sqlite'}")
    made = Sidecar(tmp_path, relay)
    token = json.loads(kubeconfig.read_text())["users"][0]["user"]["token"]
    made.write_account(token=token, certificate=own_namespace.api.certificate, namespace=own_namespace.namespace)
    yield made
    made.program.stop()


@pytest.fixture
def jobs(own_namespace: Cluster, sidecar: Sidecar) -> Jobs:
    return Jobs(own_namespace, sidecar.staging)
