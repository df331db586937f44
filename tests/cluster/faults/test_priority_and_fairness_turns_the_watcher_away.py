from __future__ import annotations

import json
import re
import socket
import ssl
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import httpx
import pytest

from cluster.access import unique
from cluster.faults.sidecar import READY_SECONDS, STREAMS
from cluster.kube import ApiError, Kube
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cluster.access import Cluster
    from cluster.faults.jobs import Jobs
    from cluster.faults.relay import Relay
    from cluster.faults.sidecar import Sidecar

FLOWCONTROL = "/apis/flowcontrol.apiserver.k8s.io/v1"
LARGE = 500_000
"""Bytes of a Workflow; thirty of them do not fit into the sockets' buffers."""
MAX_HOLDERS = 40


class SlowReaders:
    """Clients that ask for a large list and do not read the answer: each keeps a seat of its priority level."""

    def __init__(self, cluster: Cluster, token: str) -> None:
        self._cluster = cluster
        self._token = token
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        self._open.close()

    def add(self) -> None:
        host, _, port = self._cluster.api.server.removeprefix("https://").rpartition(":")
        plain = self._open.enter_context(socket.socket())
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.connect((host, int(port)))
        tls = ssl.create_default_context(cafile=self._cluster.api.certificate)
        reader = self._open.enter_context(tls.wrap_socket(plain, server_hostname=host))
        path = self._cluster.collection("workflows")
        head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {self._token}\r\n\r\n"
        reader.sendall(head.encode())
        reader.recv(1)  # it has its seat, or was turned away


@pytest.fixture
def level(own_namespace: Cluster, kubeconfig: Path) -> Iterator[str]:
    """A priority level of the watcher's user alone: as small as there is, nothing lent or borrowed, no queue."""
    name, api = unique("narrow"), own_namespace.api
    limited = {
        "nominalConcurrencyShares": 1,
        "lendablePercent": 0,
        "borrowingLimitPercent": 0,
        "limitResponse": {"type": "Reject"},
    }
    subject = {
        "kind": "ServiceAccount",
        "serviceAccount": {"name": kubeconfig.stem, "namespace": own_namespace.namespace},
    }
    resources = {"verbs": ["*"], "apiGroups": ["argoproj.io"], "resources": ["*"], "namespaces": ["*"]}
    schema = {
        "priorityLevelConfiguration": {"name": name},
        "matchingPrecedence": 100,
        "rules": [{"subjects": [subject], "resourceRules": [resources]}],
    }
    levels, schemas = f"{FLOWCONTROL}/prioritylevelconfigurations", f"{FLOWCONTROL}/flowschemas"
    meta = {"metadata": {"name": name}}
    api.create(levels, {**meta, "spec": {"type": "Limited", "limited": limited}})
    api.create(schemas, {**meta, "spec": schema})
    yield name
    api.delete(f"{schemas}/{name}")
    api.delete(f"{levels}/{name}")


def measured(cluster: Cluster, metric: str, level: str) -> float:
    """Return the sum of a metric of the server over a priority level."""
    text = cluster.api.http.get("/metrics").raise_for_status().text
    lines = re.findall(rf"^apiserver_flowcontrol_{metric}{{(.*?)}} (\S+)$", text, re.MULTILINE)
    return sum(float(value) for labels, value in lines if f'priority_level="{level}"' in labels)


def is_turned_away(kubeconfig: Path, cluster: Cluster) -> bool:
    with Kube(kubeconfig) as kube:
        try:
            kube.get(f"{cluster.collection('workflows')}?limit=1")
        except ApiError as error:
            return error.status == httpx.codes.TOO_MANY_REQUESTS
    return False


def test_it_backs_off_and_heals(
    own_namespace: Cluster, kubeconfig: Path, level: str, sidecar: Sidecar, relay: Relay, jobs: Jobs
) -> None:
    cluster = own_namespace
    large = [jobs.create(padding=LARGE) for _ in range(30)]
    running = [jobs.live("Pending", "Running") for _ in range(4)]
    sidecar.start()
    sidecar.wait_for_rows(jobs.expected)
    before = sidecar.rows()
    eventually(lambda: measured(cluster, "current_limit_seats", level), what="the level has its seats")
    token = json.loads(kubeconfig.read_text())["users"][0]["user"]["token"]
    with SlowReaders(cluster, token) as readers:
        for _ in range(MAX_HOLDERS):
            readers.add()
            if is_turned_away(kubeconfig, cluster):
                break
        else:
            pytest.fail("the level's seats are not full")
        rejected = measured(cluster, "rejected_requests_total", level)
        relay.cut()
        jobs.move(running[0], "Succeeded")
        jobs.delete(running[1])
        jobs.expected[running[1]] = "FAILED"
        jobs.live("Pending", "Running", "Failed")
        relay.mend()
        eventually(lambda: sidecar.retries("throttled") >= 3, what="turned away three times", seconds=READY_SECONDS)
        assert is_turned_away(kubeconfig, cluster), "the seats were full all the time"
        met = measured(cluster, "rejected_requests_total", level) - rejected - 1
        assert 2 <= met <= 6 * STREAMS  # the first of the three may be from before the count
        assert sidecar.rows() == before
        assert "throttled" in str(sidecar.readiness()["degraded"])
    jobs.delete(large[0])
    jobs.expected[large[0]] = "FAILED"
    sidecar.wait_for_rows(jobs.expected)
    sidecar.wait_until_ready()
