import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from nbargo_shared.errors import (
    ClusterConflictError,
    ClusterError,
    ClusterMissingError,
    ClusterUnreachableError,
    ConfigError,
)
from nbargo_submitter import client
from nbargo_submitter.client import Cluster, Settings
from support.lab_bench import NAMESPACE, Bench

WORKFLOW = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"name": "nb-a-b", "namespace": "elsewhere"},
    "spec": {"entrypoint": "a", "templates": [{"name": "a", "container": {"image": "i", "command": ["true"]}}]},
}


def cluster(bench: Bench, **settings: str) -> Cluster:
    return Cluster(Settings(**{"kubeconfig": str(bench.server.kubeconfig), **settings}))


async def test_an_object_is_created_read_patched_and_deleted_in_the_namespace_of_the_context(bench: Bench) -> None:
    bench.projecting = False
    there = cluster(bench)
    created = await there.create(WORKFLOW)
    assert created["metadata"]["namespace"] == NAMESPACE
    assert (await there.patch("nb-a-b", {"spec": {"shutdown": "Stop"}}))["spec"]["shutdown"] == "Stop"
    found = await there.get("nb-a-b")
    assert found
    assert found["metadata"]["uid"] == created["metadata"]["uid"]
    await there.delete("nb-a-b")
    await there.delete("nb-a-b")
    assert await there.get("nb-a-b") is None
    await there.close()


async def test_a_second_create_is_a_conflict_and_a_patch_of_nothing_is_missing(bench: Bench) -> None:
    bench.projecting = False
    there = cluster(bench)
    await there.create(WORKFLOW)
    with pytest.raises(ClusterConflictError, match=r"already exists"):
        await there.create(WORKFLOW)
    with pytest.raises(ClusterConflictError):
        await there.patch("nb-a-b", {"metadata": {"resourceVersion": "1", "labels": {"a": "b"}}})
    with pytest.raises(ClusterMissingError) as caught:
        await there.patch("nb-gone", {})
    assert not caught.value.hint
    await there.close()


async def test_requests_under_way_survive_another_one_that_met_a_stale_token(bench: Bench) -> None:
    good = bench.server.kubeconfig.read_text()
    bench.server.kubeconfig.write_text(good.replace(bench.server.token, "stale"))
    there = cluster(bench)
    inside, go_on = asyncio.Event(), asyncio.Event()
    seen = 0

    async def slow_then_stale(_: web.Request) -> web.StreamResponse:
        nonlocal seen
        seen += 1
        if seen == 1:
            inside.set()
            await go_on.wait()
            return web.json_response({"slow": True})
        bench.before = None
        bench.server.kubeconfig.write_text(good)
        return web.json_response({}, status=401)

    bench.before = slow_then_stale
    first = asyncio.create_task(there.get("nb-slow"))
    await inside.wait()
    assert await there.get("nb-other") is None  # 401, then the new token
    go_on.set()
    assert await first == {"slow": True}
    await there.close()


async def test_a_server_that_accepts_and_says_nothing_is_given_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "REQUEST_SECONDS", 0.2)
    forever = asyncio.Event()

    async def silent(_: web.Request) -> web.StreamResponse:
        await forever.wait()
        return web.Response()

    bench.before = silent
    there = cluster(bench)
    with pytest.raises(ClusterError, match=r"did not answer \(.*\)\. Look at the list") as caught:
        await there.get("nb-a-b")
    assert caught.value.transient
    assert not isinstance(caught.value, ClusterUnreachableError)
    forever.set()
    await there.close()


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("http://127.0.0.1:1", r"\(Connection refused\)"),
        ("http://no-such-host.invalid:80", "no-such-host"),
        ("nonsense", "nonsense"),
    ],
)
async def test_an_address_where_nobody_listens_is_unreachable(bench: Bench, host: str, why: str) -> None:
    text = bench.server.kubeconfig.read_text()
    bench.server.kubeconfig.write_text(text.replace(bench.server.url, host))
    there = cluster(bench)
    with pytest.raises(ClusterUnreachableError, match=why) as caught:
        await there.get("nb-a-b")
    assert "\n" not in str(caught.value)
    await there.close()


async def test_in_a_pod_without_a_token_the_cluster_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    with pytest.raises(ConfigError, match="knows of no Kubernetes cluster"):
        await Cluster(Settings()).get("nb-a-b")


@pytest.mark.parametrize(
    ("setting", "environ", "chosen"),
    [
        ("/set", {"KUBECONFIG": "/b", "KUBERNETES_SERVICE_HOST": "x"}, "/set"),
        ("", {"NBARGO_KUBECONFIG": "/a", "KUBECONFIG": "/b"}, "/a"),
        ("", {"KUBECONFIG": "/b", "KUBERNETES_SERVICE_HOST": "x"}, "/b"),
        ("", {"KUBERNETES_SERVICE_HOST": "x"}, ""),
        ("", {}, "~/.kube/config"),
    ],
)
def test_the_kubeconfig_is_chosen_by_one_rule(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, setting: str, environ: dict[str, str], chosen: str
) -> None:
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").touch()
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    expected = chosen.replace("~", str(tmp_path))
    assert client._kubeconfig(Settings(kubeconfig=setting)) == expected


STATUS = {"kind": "Status", "message": "m"}


@pytest.mark.parametrize(
    ("status", "document", "kind", "transient"),
    [
        (400, STATUS, "ClusterError", False),
        (401, None, "ClusterRefusedError", False),
        (403, STATUS, "ClusterRefusedError", False),
        (404, None, "ClusterMissingError", False),
        (404, {**STATUS, "details": {"name": "n"}}, "ClusterMissingError", False),
        (404, {**STATUS, "details": None}, "ClusterMissingError", False),
        (409, STATUS, "ClusterConflictError", False),
        (413, "text", "ClusterError", False),
        (422, STATUS, "ClusterError", False),
        (429, STATUS, "ClusterError", True),
        (500, {"message": "x" * 10_000}, "ClusterError", True),
        (504, [], "ClusterError", True),
    ],
)
def test_every_status_becomes_an_error_of_one_bounded_sentence(
    status: int, document: Any, kind: str, *, transient: bool
) -> None:
    error = client.error_of(status, document, name="n", namespace="ns")
    assert (type(error).__name__, error.status, error.transient) == (kind, status, transient)
    assert len(str(error)) < 1000
