"""Take the outputs of docs/operators.md anew: a lab, a watcher, jobs, and a database that is lost and comes back.

Run: make outputs. It takes a minute. What differs between machines is replaced: folders by those of a usual home, the
API server's address by a cluster's.
"""

import asyncio
import os
import re
import runpy
import secrets
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
from jupyter_scheduler.orm import create_tables

from nbargo_local.argo import local_argo
from nbargo_local.demo.children import running
from nbargo_local.demo.examples import EXAMPLES
from nbargo_local.demo.lab import Lab
from nbargo_local.demo.place import Place, free_port
from nbargo_local.demo.rows import read

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 120
ENDED = {"COMPLETED", "FAILED", "STOPPED"}


class Taker:
    """Runs the watcher in a place and keeps what it prints.

    Args:
        place: Where.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self.environment = place.environment(os.environ, user="alice")

    async def run(self, *options: str) -> str:
        """Return a command with its output, as a terminal would show it."""
        process = await asyncio.create_subprocess_exec(
            *self._place.watcher_command(*options),
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return f"$ watcher {' '.join(options)}\n{output.decode().rstrip()}\n$ echo $?\n{process.returncode}\n"

    def shown(self, *outputs: str) -> str:
        """Return outputs as a block of Markdown, without what is this machine's."""
        text = "\n".join(output.rstrip() for output in outputs)
        text = text.replace(str(self._place.data), "/home/alice/.local/share/jupyter")
        text = re.sub(r"http://127\.0\.0\.1:\d+(?=\")", "https://10.96.0.1:443", text)
        return f"```console\n{text}\n```"


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(SECONDS):
        while not await condition():  # noqa: ASYNC110 - other programs do it
            await asyncio.sleep(0.2)


async def submit(lab: Lab, place: Place) -> None:
    """Submit the examples and wait for their ends."""
    environment = await lab.environment()
    for example in EXAMPLES:
        await lab.create_job(
            example.notebook,
            runtime_environment_name=environment,
            parameters=dict(example.parameters),
            output_formats=["ipynb"],
        )

    async def ended() -> bool:
        return {row.status for row in read(place.database).values()} <= ENDED

    await until(ended)


async def take(place: Place) -> dict[str, str]:
    """Return the outputs by part."""
    taker, log, port, token = Taker(place), place.logs / "watcher.log", free_port(), secrets.token_hex(8)
    health = ("--health-port", str(free_port()))
    lab_environment = {**taker.environment, "NBARGO_WATCHER": "sidecar"}
    lab_command = place.lab_command(port=port, token=token)
    async with (
        local_argo(kubeconfig=place.kubeconfig, workdir=place.work),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}/") as session,
        running(lab_command, environment=lab_environment, log=place.logs / "lab.log"),
    ):
        lab = Lab(session, token=token)
        await until(lab.is_ready)
        async with running(place.watcher_command(*health), environment=taker.environment, log=log):
            await submit(lab, place)
            checks = [await taker.run("--check"), (await taker.run("--check", *health)).replace(health[1], "8090")]
        checks.append((await taker.run("--check", *health)).replace(health[1], "8090"))
        place.database.unlink()
        create_tables(f"sqlite:///{place.database}")
        dry = await taker.run("--once", "--dry-run")
        once = [await taker.run("--once", "--output", "json"), await taker.run("--once")]
    return {
        "check": taker.shown(*checks),
        "dry run": taker.shown(dry),
        "once": taker.shown(*once),
        "log": taker.shown(log.read_text(encoding="utf-8")),
    }


def main() -> None:
    """Write the outputs into docs/operators.md."""
    script = runpy.run_path(str(Path(__file__).with_name("write_operators.py")))
    folder = Path(tempfile.mkdtemp(prefix="nbargo-outputs-"))
    try:
        place = Place(folder)
        place.make()
        shutil.copytree(ROOT / "examples", place.notebooks, dirs_exist_ok=True)
        outputs = asyncio.run(take(place))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    page: Path = script["PAGE"]
    text = page.read_text(encoding="utf-8")
    for part, content in outputs.items():
        text = script["with_part"](text, part, content)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
