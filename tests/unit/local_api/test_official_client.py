"""The official client, through the written kubeconfig: what the submitter uses, and the synchronous half of it."""

import asyncio
from typing import Any

import kubernetes.client
import kubernetes.config
import pytest
from kubernetes import aio

from nbargo_local.api.server import LocalServer
from unit.local_api.harness import workflow

ADDRESS: dict[str, Any] = {"group": "argoproj.io", "version": "v1alpha1", "namespace": "argo", "plural": "workflows"}


async def test_the_async_client(server: LocalServer) -> None:
    configuration = aio.client.Configuration()
    await aio.config.load_kube_config(str(server.kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]  # no annotations
    async with aio.client.ApiClient(configuration) as client:
        api = aio.client.CustomObjectsApi(client)
        created: Any = await api.create_namespaced_custom_object(body=workflow("a", labels={"x": "1"}), **ADDRESS)
        listed: Any = await api.list_namespaced_custom_object(label_selector="x=1", limit=1, **ADDRESS)
        assert [each["metadata"]["uid"] for each in listed["items"]] == [created["metadata"]["uid"]]
        patched: Any = await api.patch_namespaced_custom_object(
            name="a",
            body={"spec": {"shutdown": "Stop"}},
            _content_type="application/merge-patch+json",
            **ADDRESS,
        )
        assert patched["spec"] == {"entrypoint": "main", "shutdown": "Stop"}
        with pytest.raises(aio.client.ApiException) as caught:
            await api.create_namespaced_custom_object(body=workflow("a"), **ADDRESS)
        assert caught.value.status == 409
        deleted: Any = await api.delete_namespaced_custom_object(name="a", **ADDRESS)
        assert deleted["status"] == "Success"
        with pytest.raises(aio.client.ApiException) as caught:
            await api.get_namespaced_custom_object(name="a", **ADDRESS)
        assert caught.value.status == 404


async def test_the_synchronous_client(server: LocalServer) -> None:
    def work() -> list[Any]:
        configuration = kubernetes.client.Configuration()
        kubernetes.config.load_kube_config(str(server.kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]  # no annotations
        with kubernetes.client.ApiClient(configuration) as client:
            api = kubernetes.client.CustomObjectsApi(client)
            created = api.create_namespaced_custom_object(body=workflow("a"), **ADDRESS)
            patched = api.patch_namespaced_custom_object(name="a", body={"status": {"phase": "Running"}}, **ADDRESS)
            listed = api.list_namespaced_custom_object(**ADDRESS)
            api.delete_namespaced_custom_object(
                name="a", body=kubernetes.client.V1DeleteOptions(propagation_policy="Background"), **ADDRESS
            )
            return [created, patched, listed, api.list_namespaced_custom_object(**ADDRESS)]

    created, patched, listed, empty = await asyncio.to_thread(work)
    assert patched["metadata"]["uid"] == created["metadata"]["uid"]
    assert listed["items"] == [patched]
    assert empty["items"] == []
