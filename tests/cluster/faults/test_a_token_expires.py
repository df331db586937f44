from __future__ import annotations

import base64
import json
import ssl
import subprocess
import time
from typing import TYPE_CHECKING, Any

import httpx

from cluster.access import unique
from cluster.controlplane import service_account_token
from cluster.faults.sidecar import STREAMS
from support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.access import Cluster
    from cluster.controlplane import ControlPlane
    from cluster.faults.jobs import Jobs
    from cluster.faults.relay import Relay
    from cluster.faults.sidecar import Sidecar

ISSUER = "https://kubernetes.default.svc"
# kube-apiserver accepts a token for a minute after its end (go-jose's leeway), TokenRequest makes none for less than
# ten minutes. So the test signs one with the server's own key.
LEEWAY = 60
GOOD_FOR = 30
CACHED_SECONDS = 10
"""For so long the server goes on believing a token that it has seen."""


def part(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")


def short_lived_token(key: Path, account: dict[str, Any]) -> str:
    now = int(time.time())
    name, namespace = account["metadata"]["name"], account["metadata"]["namespace"]
    claims = {
        "iss": ISSUER,
        "aud": [ISSUER],
        "sub": f"system:serviceaccount:{namespace}:{name}",
        "iat": now - 600,
        "nbf": now - 600,
        "exp": now - LEEWAY + GOOD_FOR,
        "kubernetes.io": {
            "namespace": namespace,
            "serviceaccount": {"name": name, "uid": account["metadata"]["uid"]},
        },
    }
    signed = b".".join(part(json.dumps(one).encode()) for one in ({"alg": "RS256", "typ": "JWT"}, claims))
    sign = ["openssl", "dgst", "-sha256", "-sign", str(key)]
    signature = subprocess.run(sign, input=signed, capture_output=True, check=True).stdout
    return b".".join((signed, part(signature))).decode()


def status_of(cluster: Cluster, token: str) -> int:
    trust = ssl.create_default_context(cafile=cluster.api.certificate)
    with httpx.Client(verify=trust, trust_env=False) as client:
        url = cluster.api.server + cluster.collection("workflows")
        return client.get(url, headers={"Authorization": f"Bearer {token}"}).status_code


def test_no_row_is_touched_until_the_file_has_a_new_token(
    control_plane: ControlPlane, own_namespace: Cluster, kubeconfig: Path, sidecar: Sidecar, relay: Relay, jobs: Jobs
) -> None:
    cluster = own_namespace
    name = kubeconfig.stem
    account = cluster.api.get(f"/api/v1/namespaces/{cluster.namespace}/serviceaccounts/{name}")
    token = short_lived_token(control_plane.certificates / "apiserver.key", account)
    sidecar.write_token(token)
    running = [jobs.live("Pending", "Running") for _ in range(4)]
    sidecar.start()
    sidecar.wait_for_rows(jobs.expected)
    before = sidecar.rows()
    eventually(
        lambda: status_of(cluster, token) == httpx.codes.UNAUTHORIZED,
        what="the token has expired",
        seconds=GOOD_FOR + CACHED_SECONDS + 10,
        every=0.5,
    )
    relay.cut()
    jobs.move(running[0], "Succeeded")
    jobs.move(running[1], "Succeeded")
    jobs.delete(running[1])
    jobs.live("Pending")
    relay.mend()
    eventually(lambda: sidecar.retries("unauthorised") >= 2, what="the watcher was refused twice")
    assert sidecar.rows() == before
    assert "unauthorised" in str(sidecar.readiness()["degraded"])
    sidecar.write_token(service_account_token(cluster.api, cluster.namespace, name))
    sidecar.wait_for_rows(jobs.expected)
    assert sidecar.metrics()["lists_total"] == STREAMS, "the watch goes on from where it was"
    sidecar.wait_until_ready()


def test_a_token_that_was_taken_back_is_no_different(
    own_namespace: Cluster, kubeconfig: Path, sidecar: Sidecar, relay: Relay, jobs: Jobs
) -> None:
    # Bound to an object, as a pod's token is to its pod: it ends with the object.
    cluster, secret = own_namespace, {"metadata": {"name": unique("secret")}}
    made = cluster.api.create(cluster.collection("secrets"), secret)
    reference = {"kind": "Secret", "apiVersion": "v1", **{key: made["metadata"][key] for key in ("name", "uid")}}
    tokens = f"/api/v1/namespaces/{cluster.namespace}/serviceaccounts/{kubeconfig.stem}/token"
    bound = cluster.api.create(tokens, {"spec": {"expirationSeconds": 600, "boundObjectRef": reference}})
    token = bound["status"]["token"]
    kept = (sidecar.account / "token").read_text()
    sidecar.write_token(token)
    job = jobs.live("Pending", "Running")
    sidecar.start()
    sidecar.wait_for_rows(jobs.expected)
    cluster.api.delete(f"{cluster.collection('secrets')}/{made['metadata']['name']}")
    eventually(
        lambda: status_of(cluster, token) == httpx.codes.UNAUTHORIZED,
        what="the token is refused",
        seconds=CACHED_SECONDS + 10,
        every=0.5,
    )
    relay.cut()
    jobs.move(job, "Failed")
    relay.mend()
    eventually(lambda: sidecar.retries("unauthorised") >= 1, what="the watcher was refused")
    sidecar.write_token(kept)
    sidecar.wait_for_rows(jobs.expected)
