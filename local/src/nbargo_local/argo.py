"""The local Argo as one thing: the API server, and the controller that runs what is submitted to it.

`python -m nbargo_local` runs it as a program of its own.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from nbargo_local.api.server import LocalServer, ServerSettings
from nbargo_local.controller import Controller, Settings
from nbargo_shared.errors import NbargoError

_REACTION_SECONDS: Final = 0.1
"""Long enough for a watcher to see a new workflow as queued, short enough not to be noticed."""


@asynccontextmanager
async def local_argo(
    *, kubeconfig: Path, workdir: Path, settings: ServerSettings | None = None, config_maps: Path | None = None
) -> AsyncIterator[LocalServer]:
    """Run the local Argo until the block is left.

    Args:
        kubeconfig: The file to write for clients.
        workdir: Folder for the logs of the processes that stand for pods.
        settings: Port, token, namespace, state and watches of the API.
        config_maps: The folder that stands for the cluster's ConfigMaps, for the limits of semaphores; None for none.

    Raises:
        ConfigError: The port or the state cannot be used.
    """
    behaviour = Settings(reaction=_REACTION_SECONDS, config_maps=config_maps)
    async with (
        LocalServer(kubeconfig, settings) as server,
        Controller(server.store, workdir=workdir, settings=behaviour),
    ):
        yield server


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the local Argo as a program; return 0 when it was told to end, 1 if it could not start."""
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(_serve(options))
    except NbargoError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m nbargo_local",
        description="Argo on this machine: an API on 127.0.0.1 that answers like a kube-apiserver for Workflows, and a "
        "controller that runs their containers as local processes. SIGTERM or Ctrl-C ends it and all of them.",
    )
    parser.add_argument("--kubeconfig", type=Path, required=True, help="the kubeconfig file to write for clients")
    parser.add_argument("--workdir", type=Path, required=True, help="folder for the logs of the processes")
    parser.add_argument("--state", type=Path, metavar="DIR", help="keep the objects in DIR over restarts")
    parser.add_argument(
        "--config-maps", type=Path, metavar="DIR", help="where semaphores have their limits: DIR/<ConfigMap>/<key>"
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--namespace", default="argo", help="namespace of the kubeconfig's context (default: argo)")
    return parser


async def _serve(options: argparse.Namespace) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    settings = ServerSettings(port=options.port, namespace=options.namespace, state=options.state)
    options.workdir.mkdir(parents=True, exist_ok=True)
    async with local_argo(
        kubeconfig=options.kubeconfig, workdir=options.workdir, settings=settings, config_maps=options.config_maps
    ) as server:
        sys.stdout.write(f"The local Argo answers at {server.url}; clients use {options.kubeconfig}\n")
        sys.stdout.flush()
        await ended.wait()
