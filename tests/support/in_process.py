"""A Jupyter server in this process, in a thread: what tests patch in jupyter-scheduler is patched in the server too."""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from jupyter_server.serverapp import ServerApp

from support.ports import free_port

T = TypeVar("T")
_SECONDS = 60.0


class LoopThread:
    """An event loop in a thread of its own, for code that blocks while it waits for what is async."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="server", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_SECONDS)

    def close(self) -> None:
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._loop.close()


class LabInProcess:
    """A Jupyter server with the extensions that are installed; its settings come from the process's environment.

    Args:
        loop: Where it runs.
        token: What a request must carry.
        options: More of the server's own.
    """

    def __init__(self, loop: LoopThread, *, token: str, options: Sequence[str]) -> None:
        self._loop = loop
        self.address = f"http://127.0.0.1:{(port := free_port())}/"
        self._app: Any = loop.run(_started(port, token, options))

    def close(self) -> None:
        self._loop.run(self._app._cleanup())
        self._loop.run(_stopped(self._app))
        ServerApp.clear_instance()


async def _started(port: int, token: str, options: Sequence[str]) -> Any:
    app: Any = ServerApp.instance()
    app.init_signal = lambda: None  # signals are the main thread's
    app.initialize(
        argv=[
            "--allow-root",
            "--no-browser",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={port}",
            f"--IdentityProvider.token={token}",
            *options,
        ]
    )
    await app.extension_manager.start_all_extensions()
    return app


async def _stopped(app: Any) -> None:
    app.http_server.stop()
    await app.http_server.close_all_connections()
