"""P14: a token or a CA that was exchanged is used from the next request on, and no row is touched meanwhile."""

import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from nbargo_local.faults.answers import known_tokens
from nbargo_local.faults.proxy import TcpProxy
from nbargo_watcher.connection import ServiceAccount
from support.faulty import Faulty, faulty

EXPIRES_AFTER = 200


def _authority(folder: Path, name: str) -> ssl.SSLContext:
    """Make a self-signed certificate of 127.0.0.1, `<name>.crt`, and what a server needs to show it."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@asynccontextmanager
async def _in_a_pod(folder: Path) -> AsyncIterator[tuple[Faulty, set[str], TcpProxy]]:
    """Yield a scene whose watcher reads a pod's files, the tokens that the server takes, and the server's TLS side."""
    first = _authority(folder, "first")
    (folder / "ca.crt").write_bytes((folder / "first.crt").read_bytes())
    (folder / "token").write_text("one")
    async with faulty() as it, TcpProxy(it.scene.server.port, tls=first) as proxy:
        accepted = {"one"}
        for verb in ("list", "watch", "get"):
            it.plan.add(verb, known_tokens(accepted, own=it.scene.server.token))
        it.run(0, 1)
        follower = it.scene.follower(url=f"https://127.0.0.1:{proxy.port}")
        follower._read = ServiceAccount(folder)  # type: ignore[method-assign]  # the pod's files for a list of one token
        follower.start()
        await it.true(within=10)
        yield it, accepted, proxy


@pytest.fixture
def pod(tmp_path: Path) -> Path:
    return tmp_path


async def test_a_rotated_token_is_used_by_the_request_after_the_refused_one(pod: Path) -> None:
    async with _in_a_pod(pod) as (it, accepted, _):
        await it.clock.run(5)
        (pod / "token").write_text("two")
        accepted.remove("one")
        accepted.add("two")
        before = len(it.plan.asked)
        it.plan.cut()
        it.jobs.do("succeed", 0)
        await it.true(within=35)
        asked = [each.authorization for each in it.plan.asked[before:]]
        refused = asked.count("Bearer one")
        assert 1 <= refused <= 2  # at most once for each stream
        assert asked == ["Bearer one"] * refused + ["Bearer two"] * (len(asked) - refused)


async def test_a_token_that_is_exchanged_before_it_ends_is_never_refused(pod: Path) -> None:
    async with _in_a_pod(pod) as (it, accepted, _):
        accepted.add("two")
        (pod / "token").write_text("two")
        await it.clock.run(61)
        accepted.remove("one")
        before = len(it.plan.asked)
        it.plan.cut()
        it.jobs.do("succeed", 0)
        await it.true(within=35)
        assert {each.authorization for each in it.plan.asked[before:]} == {"Bearer two"}


async def test_a_token_that_ended_for_good_is_said_and_survived(pod: Path) -> None:
    async with _in_a_pod(pod) as (it, accepted, _):
        follower = it.scene.followers[0]
        before = it.scene.sql("SELECT * FROM jobs")
        accepted.clear()
        it.plan.cut()
        await it.clock.run(EXPIRES_AFTER)
        assert "unauthorised" in follower.telemetry.degraded["workflows/argo"]
        assert it.scene.sql("SELECT * FROM jobs") == before
        assert it.plan.busiest(60) <= 10
        accepted.add("one")
        it.jobs.do("succeed", 0)
        await it.true(within=35)
        await it.clock.until(lambda: not follower.telemetry.degraded, within=35)


async def test_a_ca_that_was_exchanged_is_trusted_within_a_minute(pod: Path) -> None:
    async with _in_a_pod(pod) as (it, _, proxy):
        before = it.scene.sql("SELECT * FROM jobs")
        await proxy.refuse()
        proxy.tls = _authority(pod, "second")
        await proxy.listen()
        (pod / "ca.crt").write_bytes((pod / "second.crt").read_bytes())
        await it.clock.run(1)
        assert it.scene.sql("SELECT * FROM jobs") == before
        it.jobs.do("succeed", 0)
        await it.true(within=60 + 35)


async def test_a_server_with_another_ca_gets_no_token(pod: Path) -> None:
    async with _in_a_pod(pod) as (it, _, proxy):
        await proxy.refuse()
        proxy.tls = _authority(pod, "impostor")
        await proxy.listen()
        before, connections = len(it.plan.asked), proxy.connections
        await it.clock.run(100)
        assert len(it.plan.asked) == before
        assert proxy.connections == connections  # the handshake is never done
