"""One API server for both plugins: `python -m harness.argoserver FOLDER DELAY [run]`, in a process of its own.

It is the local Argo's API, on HTTPS as every real one, which nbargo creates its objects with. Argo Server's own create
calls are answered, too: the object comes back with a uid, and that is all that becomes of it. Every create call waits
for DELAY seconds more, so that the two differ in their clients alone. With `run` the local controller runs what is
created through the Kubernetes API.

FOLDER has ca.crt and tls.key; a kubeconfig is written beside them. The port is printed. GET /control/creates tells
every create call: when it came, when it was answered (nanoseconds of the machine's monotonic clock), and the object.
"""

import asyncio
import base64
import json
import ssl
import sys
import time
import uuid
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from nbargo_local.api.app import build_app
from nbargo_local.api.store import Store
from nbargo_local.controller import Controller, Settings

TOKEN = "bench"  # noqa: S105 - of a server that lives as long as a benchmark
NAMESPACE = "argo"
KINDS = {"workflows": "workflow", "cron-workflows": "cronWorkflow"}
"""Argo Server's paths, and the member of the request that holds the object."""


class Creates:
    """What was created, and how long that took here.

    Args:
        delay: Seconds that each takes more.
    """

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._told: list[dict[str, Any]] = []

    @web.middleware
    async def timed(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Delay a create call and take note of it."""
        if request.method != "POST":
            return await handler(request)
        began = time.monotonic_ns()
        body = await request.json()
        await asyncio.sleep(self._delay)
        answer = await handler(request)
        made = next((body[member] for member in KINDS.values() if member in body), body)
        self._told.append({"came": began, "answered": time.monotonic_ns(), "status": answer.status, "object": made})
        return answer

    async def tell(self, _: web.Request) -> web.Response:
        """Answer with all of them."""
        return web.json_response(self._told)


async def argo_server(request: web.Request) -> web.Response:
    """Answer a create call as Argo Server does."""
    body = await request.json()
    made = body[KINDS[request.match_info["plural"]]]
    metadata = made["metadata"] | {"namespace": request.match_info["namespace"], "uid": str(uuid.uuid4())}
    return web.json_response(made | {"metadata": metadata})


def kubeconfig(port: int, certificate: Path) -> dict[str, Any]:
    """Return a kubeconfig for the server."""
    authority = base64.b64encode(certificate.read_bytes()).decode("ascii")
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": authority}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "bench", "cluster": cluster}],
        "users": [{"name": "bench", "user": {"token": TOKEN}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench", "namespace": NAMESPACE}}],
        "current-context": "bench",
    }


async def serve(folder: Path, delay: float, *, runs: bool) -> None:
    """Serve until standard input ends."""
    store, creates = Store(window=1000), Creates(delay)
    app = build_app(store, token=TOKEN, middlewares=[creates.timed])
    app.router.add_post("/api/v1/{plural:workflows|cron-workflows}/{namespace}", argo_server)
    app.router.add_get("/control/creates", creates.tell)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(folder / "ca.crt", folder / "tls.key")
    async with AsyncExitStack() as stack:
        if runs:
            await stack.enter_async_context(Controller(store, workdir=folder, settings=Settings(reaction=0.1)))
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        port = int(runner.addresses[0][1])
        (folder / "kubeconfig").write_text(json.dumps(kubeconfig(port, folder / "ca.crt")), encoding="utf-8")
        print(port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2]), runs="run" in sys.argv[3:]))
