"""The local API as a server: a port of this machine, a token, a kubeconfig, and the state on disk if asked for."""

import asyncio
import json
import secrets
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from aiohttp import web
from aiohttp.typedefs import Middleware

from nbargo_local.api.app import build_app
from nbargo_local.api.garbage import collect_garbage
from nbargo_local.api.statefile import StateFile, write_private
from nbargo_local.api.store import Store
from nbargo_local.api.watch import WatchSettings
from nbargo_shared.errors import ConfigError

_HOST: Final = "127.0.0.1"
_NAME: Final = "nbargo-local"
_SHUTDOWN_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How a local server is set up.

    Args:
        port: The port of 127.0.0.1; 0 for a free one.
        token: The bearer token; empty for a random one.
        namespace: The namespace of the kubeconfig's context.
        state: The directory that keeps the objects; None to forget them at the end.
        window: How many events of each resource a watch can start behind.
        watch: Times and sizes of watches.
        middlewares: aiohttp middlewares that see each request first: the seam for injected faults.
    """

    port: int = 0
    token: str = ""
    namespace: str = "argo"
    state: Path | None = None
    window: int = 1000
    watch: WatchSettings = WatchSettings()  # noqa: RUF009 - a frozen value
    middlewares: Sequence[Middleware] = ()


class LocalServer:
    """The API on 127.0.0.1 while the context is entered, with its garbage collector.

    Args:
        kubeconfig: The file to write for clients: mode 0600, plain HTTP, the token, the namespace.
        settings: How it is set up; None for the defaults.
    """

    def __init__(self, kubeconfig: Path, settings: ServerSettings | None = None) -> None:
        self.kubeconfig = kubeconfig
        self.settings = settings or ServerSettings()
        self.token = self.settings.token or secrets.token_urlsafe(32)
        self.store = Store(window=self.settings.window)
        self.port = 0
        self._stack = AsyncExitStack()

    @property
    def url(self) -> str:
        """The server's address, with no slash at its end."""
        return f"http://{_HOST}:{self.port}"

    async def __aenter__(self) -> Self:
        """Load the state, listen, and write the kubeconfig.

        Raises:
            ConfigError: The state or the port cannot be used.
            FilesError: The kubeconfig cannot be written.
        """
        async with AsyncExitStack() as stack:
            if self.settings.state is not None:
                file = StateFile(self.settings.state)
                file.open(self.store)
                stack.callback(file.close, self.store)
                self._run(stack, file.follow(self.store))
            self._run(stack, collect_garbage(self.store))
            self.port = await self._listen(stack)
            write_private(self.kubeconfig, json.dumps(self._kubeconfig(), indent=2).encode())
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the watches, stop listening, and write the last state.

        Raises:
            FilesError: The state could not be written.
        """
        await self._stack.aclose()

    async def _listen(self, stack: AsyncExitStack) -> int:
        app = build_app(
            self.store,
            token=self.token,
            settings=self.settings.watch,
            middlewares=self.settings.middlewares,
        )
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        try:
            await web.TCPSite(runner, _HOST, self.settings.port).start()
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {_HOST}:{self.settings.port}: {error.strerror}",
                hint="Choose another port, or none for a free one",
            ) from error
        return int(runner.addresses[0][1])

    def _run(self, stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)

        async def stop() -> None:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

        stack.push_async_callback(stop)

    def _kubeconfig(self) -> dict[str, Any]:
        """Return the kubeconfig; it is written as JSON, which every YAML reader reads."""
        context = {"cluster": _NAME, "user": _NAME, "namespace": self.settings.namespace}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": _NAME, "cluster": {"server": self.url}}],
            "users": [{"name": _NAME, "user": {"token": self.token}}],
            "contexts": [{"name": _NAME, "context": context}],
            "current-context": _NAME,
            "preferences": {},
        }
