"""Where the API server is, and who we are: a pod's files and kubeconfigs."""

import asyncio
import base64
import json
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

import nbargo_watcher
from nbargo_shared.errors import ConfigError
from nbargo_watcher.connection import KUBECONFIG_EXTRA, Choice, connect
from unit.watcher_reflector.scripted import Clock


def make_ca(folder: Path, name: str) -> str:
    """Return a new self-signed certificate."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-days", "2"]
    files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt")]
    subprocess.run([*command, *files], check=True, capture_output=True)
    return (folder / f"{name}.crt").read_text()


@pytest.fixture(scope="session")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("ca")
    return make_ca(folder, "one"), make_ca(folder, "two")


@pytest.fixture
def pod(tmp_path: Path, authorities: tuple[str, str]) -> Path:
    (tmp_path / "token").write_text("first\n")
    (tmp_path / "ca.crt").write_text(authorities[0])
    (tmp_path / "namespace").write_text("jobs")
    return tmp_path


IN_POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443", "HOME": "/nowhere"}


async def test_a_pod_needs_no_setting(pod: Path) -> None:
    connection = await connect(Choice(), IN_POD, folder=pod)
    credentials = await connection.credentials()
    assert (connection.url, connection.namespace) == ("https://10.0.0.1:443", "jobs")
    assert credentials.authorization == "Bearer first"
    assert credentials.tls is not None
    assert len(credentials.tls.get_ca_certs()) == 1


async def test_an_ipv6_service_address_is_put_in_brackets(pod: Path) -> None:
    connection = await connect(Choice(), {**IN_POD, "KUBERNETES_SERVICE_HOST": "fd00::1"}, folder=pod)
    assert connection.url == "https://[fd00::1]:443"


async def test_a_rotated_token_is_found_within_a_minute(pod: Path) -> None:
    clock = Clock(asyncio.get_running_loop())
    connection = await connect(Choice(), IN_POD, folder=pod)
    await connection.credentials()
    (pod / "token").write_text("second")
    assert (await connection.credentials()).authorization == "Bearer first"
    await clock.run(60, step=5)
    assert (await connection.credentials()).authorization == "Bearer second"


async def test_a_rejected_token_is_read_again_at_once(pod: Path) -> None:
    connection = await connect(Choice(), IN_POD, folder=pod)
    await connection.credentials()
    (pod / "token").write_text("second")
    connection.reject()
    assert (await connection.credentials()).authorization == "Bearer second"


async def test_a_token_that_cannot_be_read_for_a_moment_stays_in_use(pod: Path) -> None:
    connection = await connect(Choice(), IN_POD, folder=pod)
    await connection.credentials()
    (pod / "token").unlink()
    connection.reject()
    assert (await connection.credentials()).authorization == "Bearer first"


async def test_a_changed_ca_makes_a_new_context_and_an_unchanged_one_does_not(
    pod: Path, authorities: tuple[str, str]
) -> None:
    connection = await connect(Choice(), IN_POD, folder=pod)
    first = (await connection.credentials()).tls
    connection.reject()
    assert (await connection.credentials()).tls is first
    (pod / "ca.crt").write_text(authorities[1])
    connection.reject()
    second = (await connection.credentials()).tls
    assert second is not None
    assert first is not None
    assert second.get_ca_certs() != first.get_ca_certs()


async def test_a_pod_without_a_token_says_what_to_mount(tmp_path: Path) -> None:
    connection = await connect(Choice(), IN_POD, folder=tmp_path)
    with pytest.raises(ConfigError, match="automountServiceAccountToken"):
        await connection.credentials()


async def test_no_cluster_at_all_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--kubeconfig"):
        await connect(Choice(), {"HOME": str(tmp_path)})


async def test_nor_is_there_one_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_uid: int) -> NoReturn:
        raise KeyError

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", missing)
    with pytest.raises(ConfigError, match="--kubeconfig"):
        await connect(Choice(), {})


def write_kubeconfig(path: Path, **user: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "jobs"}},
            {"name": "there", "context": {"cluster": "d", "user": "u"}},
        ],
        "clusters": [
            {"name": "c", "cluster": {"server": "http://127.0.0.1:1/"}},
            {"name": "d", "cluster": {"server": "https://127.0.0.1:2", "insecure-skip-tls-verify": True}},
        ],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(json.dumps(config))
    return path


async def test_a_kubeconfig_gives_address_namespace_and_token(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", token="one")
    connection = await connect(Choice(kubeconfig=str(path)), {})
    assert (connection.url, connection.namespace) == ("http://127.0.0.1:1", "jobs")
    assert (await connection.credentials()).authorization == "Bearer one"


async def test_another_context_can_be_chosen(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", token="one")
    connection = await connect(Choice(kubeconfig=str(path), context="there"), {})
    assert (connection.url, connection.namespace) == ("https://127.0.0.1:2", "default")
    tls = (await connection.credentials()).tls
    assert tls is not None
    assert tls.verify_mode is ssl.CERT_NONE


async def test_what_is_named_comes_before_the_pod_and_the_pod_before_the_home(tmp_path: Path, pod: Path) -> None:
    named = write_kubeconfig(tmp_path / "named" / "config")
    write_kubeconfig(tmp_path / "home" / ".kube" / "config")
    home = str(tmp_path / "home")
    by_variable = await connect(Choice(), {**IN_POD, "KUBECONFIG": str(named)}, folder=pod)
    by_pod = await connect(Choice(), {**IN_POD, "HOME": home}, folder=pod)
    by_home = await connect(Choice(), {"HOME": home}, folder=pod)
    assert [by_variable.url, by_pod.url, by_home.url] == [
        "http://127.0.0.1:1",
        "https://10.0.0.1:443",
        "http://127.0.0.1:1",
    ]


async def test_a_rejected_kubeconfig_is_read_again(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", token="one")
    connection = await connect(Choice(kubeconfig=str(path)), {})
    await connection.credentials()
    write_kubeconfig(path, token="two")
    connection.reject()
    assert (await connection.credentials()).authorization == "Bearer two"


async def test_an_exec_plugin_is_asked(tmp_path: Path) -> None:
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "made"}}
    code = base64.b64encode(json.dumps(answer).encode()).decode()
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", f"import base64; print(base64.b64decode('{code}').decode())"],
        "interactiveMode": "Never",
    }
    path = write_kubeconfig(tmp_path / "config", exec=plugin)
    connection = await connect(Choice(kubeconfig=str(path)), {})
    assert (await connection.credentials()).authorization == "Bearer made"


@pytest.mark.parametrize("content", ["", "[]", "{", "clusters: 3"])
async def test_a_kubeconfig_that_is_none_is_a_setting_to_mend(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(ConfigError, match="cannot be used"):
        await connect(Choice(kubeconfig=str(path)), {})


async def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "kubernetes"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "nbargo_watcher.kubeconfig", raising=False)
    monkeypatch.delattr(nbargo_watcher, "kubeconfig", raising=False)
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    with pytest.raises(ConfigError) as caught:
        await connect(Choice(kubeconfig=str(write_kubeconfig(tmp_path / "config"))), {})
    assert KUBECONFIG_EXTRA in caught.value.hint
