"""The local Argo as a pod sees an API server: HTTPS, and the files of a service account."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from nbargo_local.api.server import LocalServer
from support.background import Background
from support.jobs import NAMESPACE, Jobs, job_id

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

CHUNK = 65536


class Cluster:
    """An API server, with a model of jobs in it.

    Args:
        folder: A folder for its files; `folder / "account"` is what kubelet would mount.
        staging: The staging area of the user whose jobs these are.
    """

    def __init__(self, folder: Path, staging: Path) -> None:
        self.account = folder / "account"
        self.variables: dict[str, str] = {}
        self._folder = folder
        self._background = Background()
        self._server = LocalServer(folder / "kubeconfig")
        self._jobs = Jobs(self._server.store, staging)

    def __enter__(self) -> Self:
        self._background.__enter__()
        self._background.run(self._server.__aenter__())
        port = self._background.listen(self._relay, ssl=self._certificate())
        (self.account / "token").write_text(self._server.token)
        (self.account / "namespace").write_text(NAMESPACE)
        self.variables = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._background.run(self._server.__aexit__())
        self._background.__exit__(kind, error, traceback)

    def do(self, action: str, number: int) -> str:
        """Do something to a job and return its id."""

        async def act() -> None:
            assert self._jobs.do(action, number)

        self._background.run(act())
        return job_id(number)

    def _certificate(self) -> ssl.SSLContext:
        self.account.mkdir()
        certificate, key = self.account / "ca.crt", self._folder / "tls.key"
        name = ("-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1")
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *name]
        subprocess.run([*command, "-out", certificate, "-keyout", key], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, downstream = await asyncio.open_connection("127.0.0.1", self._server.port)
        with suppress(asyncio.CancelledError):
            await asyncio.gather(_pump(reader, downstream), _pump(upstream, writer))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        try:
            while chunk := await source.read(CHUNK):
                sink.write(chunk)
                await sink.drain()
        finally:
            sink.close()
            await sink.wait_closed()
