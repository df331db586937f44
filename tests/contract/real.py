"""Run cases against the real kube-apiserver of the cluster tests."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

from cluster.kube import ApiError, Kube, wait_until
from contract.runner import Answers, Target, namespaces_of, run_cases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluster.controlplane import ControlPlane
    from contract.script import Case


def run_on_control_plane(plane: ControlPlane, cases: Sequence[Case]) -> dict[str, Answers]:
    """Run cases, each in namespaces of its own that Argo's controller does not watch.

    Args:
        plane: A running control plane; its API server is killed and started again where a case says so.
        cases: Which ones.
    """
    namespaces = namespaces_of(cases)
    with Kube(plane.kubeconfig) as kube:
        for name in (name for pair in namespaces.values() for name in pair):
            kube.create("/api/v1/namespaces", {"metadata": {"name": name}})
        authorization = kube.http.headers["Authorization"]
        tls = ssl.create_default_context(cafile=str(kube.certificate))

    async def forget() -> None:
        await asyncio.to_thread(_restart_and_compact, plane)

    target = Target(plane.server, authorization.removeprefix("Bearer "), forget, tls)
    return asyncio.run(run_cases(target, cases, namespaces))


def _restart_and_compact(plane: ControlPlane) -> None:
    """Leave the API server no past: its cache begins now, and etcd's history too."""
    plane.apiserver.kill()
    plane.start_apiserver()
    plane.compact()
    with Kube(plane.kubeconfig) as kube:
        wait_until("the new server's cache is filled", lambda: _is_watchable(kube, plane.namespace))


def _is_watchable(kube: Kube, namespace: str) -> bool:
    # Ready as a whole, the server may still fill the cache of one resource: it says 429 meanwhile.
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/workflows?timeoutSeconds=1"
    with suppress(ApiError), kube.watch(path):
        return True
    return False
