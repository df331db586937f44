import asyncio
import json
import socket
import stat
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from nbargo_local.api.server import LocalServer, ServerSettings
from nbargo_local.api.store import WORKFLOWS as WF
from nbargo_shared.errors import ConfigError, FilesError
from unit.local_api.harness import WORKFLOWS, Api, workflow


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}])
@pytest.mark.parametrize("path", [WORKFLOWS, "/version", "/nothing"])
async def test_without_the_token_everything_is_unauthorized(
    server: LocalServer, header: dict[str, str], path: str
) -> None:
    async with aiohttp.ClientSession() as session, session.get(server.url + path, headers=header) as response:
        assert response.status == 401
        assert await response.json() == {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": "Unauthorized",
            "reason": "Unauthorized",
            "code": 401,
        }


async def test_discovery(api: Api) -> None:
    assert (await api.call("GET", "/readyz")).text == "ok"
    assert (await api.call("GET", "/version")).json["minor"] == "34"
    assert (await api.call("GET", "/api")).json["kind"] == "APIVersions"
    groups = (await api.call("GET", "/apis")).json["groups"]
    assert [each["name"] for each in groups] == ["argoproj.io"]
    assert (await api.call("GET", "/apis/argoproj.io")).json["kind"] == "APIGroup"
    resources = (await api.call("GET", "/apis/argoproj.io/v1alpha1")).json["resources"]
    assert [(each["name"], each["kind"], each["namespaced"]) for each in resources] == [
        ("workflows", "Workflow", True),
        ("cronworkflows", "CronWorkflow", True),
    ]


async def test_the_kubeconfig_is_private_and_names_the_server(server: LocalServer) -> None:
    assert stat.S_IMODE(server.kubeconfig.stat().st_mode) == 0o600
    config = json.loads(server.kubeconfig.read_text())
    assert config["clusters"][0]["cluster"] == {"server": server.url}
    assert config["users"][0]["user"] == {"token": server.token}
    assert config["contexts"][0]["context"]["namespace"] == "argo"


async def test_only_this_machine_can_connect(server: LocalServer) -> None:
    assert server.url.startswith("http://127.0.0.1:")
    with socket.socket() as other:
        other.settimeout(1)
        assert other.connect_ex(("127.0.0.2", server.port)) != 0


async def test_a_taken_port_is_said_clearly(server: LocalServer, tmp_path: Path) -> None:
    second = LocalServer(tmp_path / "second", ServerSettings(port=server.port))
    with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{server.port}"):
        await second.__aenter__()
    assert not (tmp_path / "second").exists()


async def test_a_kubeconfig_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(FilesError, match="could not be written"):
        await LocalServer(tmp_path / "missing" / "kubeconfig").__aenter__()


async def test_faults_can_be_put_before_everything(tmp_path: Path) -> None:
    @web.middleware
    async def broken(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/version":
            return web.Response(status=503)
        return await handler(request)

    settings = ServerSettings(middlewares=[broken])
    async with LocalServer(tmp_path / "kubeconfig", settings) as server, aiohttp.ClientSession() as session:
        async with session.get(f"{server.url}/version") as response:
            assert response.status == 503
        async with session.get(f"{server.url}/readyz") as response:
            assert response.status == 401


async def test_a_large_object_goes_through(api: Api) -> None:
    big = "x" * 1_200_000
    await api.create(workflow("a") | {"spec": {"big": big}})
    assert (await api.list()).json["items"][0]["spec"]["big"] == big
    async with api.watch(timeoutSeconds="1") as stream:
        line = await stream.response.content.read()  # readline has a limit below this
    assert json.loads(line)["object"]["spec"]["big"] == big


class TestState:
    async def test_objects_and_versions_continue_after_a_restart(self, tmp_path: Path) -> None:
        settings = ServerSettings(state=tmp_path / "state")
        async with LocalServer(tmp_path / "kubeconfig", settings) as first:
            kept = first.store.create(WF, "argo", workflow("kept"))
            first.store.create(WF, "argo", workflow("gone"))
            first.store.delete(WF, "argo", "gone")
            revision = first.store.revision
        async with LocalServer(tmp_path / "kubeconfig", settings) as second:
            assert second.store.list(WF) == [kept]
            assert second.store.revision == revision
            created = second.store.create(WF, "argo", workflow("new"))
        assert created["metadata"]["resourceVersion"] == str(revision + 1)

    async def test_changes_are_written_while_it_runs(self, tmp_path: Path) -> None:
        settings = ServerSettings(state=tmp_path / "state")
        file = tmp_path / "state" / "objects.json"
        async with LocalServer(tmp_path / "kubeconfig", settings) as server:
            await asyncio.sleep(0)
            server.store.create(WF, "argo", workflow("a"))
            await until(lambda: file.exists() and '"name": "a"' in file.read_text())
            assert stat.S_IMODE(file.stat().st_mode) == 0o600

    async def test_after_a_crash_no_version_is_used_twice(self, tmp_path: Path) -> None:
        settings = ServerSettings(state=tmp_path / "state")
        file = tmp_path / "state" / "objects.json"
        async with LocalServer(tmp_path / "kubeconfig", settings) as server:
            server.store.create(WF, "argo", workflow("a"))
            await until(file.exists)
            crashed = file.read_bytes()
            server.store.create(WF, "argo", workflow("lost"))
            revision = server.store.revision
        file.write_bytes(crashed)
        async with LocalServer(tmp_path / "kubeconfig", settings) as second:
            assert second.store.revision > revision
            assert second.store.floor(WF) > revision

    @pytest.mark.parametrize("damage", ["{", "[]", '{"format": 2}', '{"format": 1, "clean": true}', "cut"])
    async def test_a_damaged_file_is_said_clearly_and_kept(self, tmp_path: Path, damage: str) -> None:
        settings = ServerSettings(state=tmp_path / "state")
        file = tmp_path / "state" / "objects.json"
        async with LocalServer(tmp_path / "kubeconfig", settings) as server:
            server.store.create(WF, "argo", workflow("a"))
        text = file.read_text()
        file.write_text(text[:-20] if damage == "cut" else damage)
        damaged = file.read_text()
        with pytest.raises(ConfigError, match="is damaged") as caught:
            await LocalServer(tmp_path / "second", settings).__aenter__()
        assert caught.value.hint
        assert file.read_text() == damaged
        file.write_text(text)
        async with LocalServer(tmp_path / "kubeconfig", settings) as again:
            assert again.store.get(WF, "argo", "a") is not None

    async def test_a_second_server_is_kept_out(self, tmp_path: Path) -> None:
        settings = ServerSettings(state=tmp_path / "state")
        async with LocalServer(tmp_path / "kubeconfig", settings):
            with pytest.raises(ConfigError, match="cannot be used"):
                await LocalServer(tmp_path / "second", settings).__aenter__()
