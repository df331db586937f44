"""What the benchmarks share: the server's process, a database as jupyter-scheduler makes it, the programs' starts."""

import json
import os
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jupyter_scheduler.orm import create_tables

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PINS = ROOT / "pins" / "bench-peers.txt"
LAB = ("ipykernel",)
"""What a lab has besides a server and a scheduler: a kernel."""
REFERENCE = "argo-jupyter-scheduler==2024.6.1"


@dataclass(frozen=True, kw_only=True)
class Scripted:
    """A running scripted server.

    Attributes:
        port: Where it listens.
        certificate: What to trust where it speaks HTTPS.
    """

    port: int
    certificate: Path | None = None

    def prepare(self, namespace: str) -> None:
        """Have the bytes of a namespace made, before anything is timed."""
        self.control(namespace)

    def control(self, namespace: str, query: str = "") -> Any:
        """Ask the server something about a namespace."""
        tls = ssl.create_default_context(cafile=self.certificate) if self.certificate else None
        url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}/control/{namespace}?{query}"
        with urllib.request.urlopen(url, timeout=600, context=tls) as response:  # noqa: S310 - our own server
            return json.load(response)

    def watched(self, namespace: str, *, seconds: float = 15.0) -> None:
        """Wait until a client watches a namespace."""
        deadline = time.monotonic() + seconds
        while not any(kind == "watch" for _, kind in self.control(namespace, "counts=1")):
            if time.monotonic() > deadline:
                sys.exit(f"nobody watches {namespace}")
            time.sleep(0.05)
        time.sleep(0.2)  # the server counts a request before it answers


@contextmanager
def serving(*certificate: Path) -> Iterator[Scripted]:
    """Run the scripted server in a process of its own.

    Args:
        certificate: Files of a certificate and its key, for HTTPS.
    """
    command = [sys.executable, "-m", "harness.server", *map(str, certificate)]
    with subprocess.Popen(
        command, cwd=HERE.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        try:
            yield Scripted(port=int(process.stdout.readline()), certificate=certificate[0] if certificate else None)
        finally:
            process.kill()


@contextmanager
def running(command: Sequence[str | Path], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends.

    Args:
        command: The program.
        log: Where its output goes.
        environment: More variables.
    """
    environ = os.environ | environment
    with (
        log.open("wb") as sink,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=environ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def database(folder: Path) -> Path:
    """Return a new database with jupyter-scheduler's tables."""
    path = folder / "scheduler.sqlite"
    path.unlink(missing_ok=True)
    create_tables(f"sqlite:///{path}")
    return path


def own(
    port: int, namespace: str, folder: Path, *options: str, python: Path = Path(sys.executable), version: str = ""
) -> list[str]:
    """Return the command line of the watcher.

    Args:
        port: The scripted server's.
        namespace: What to watch.
        folder: Where the database is.
        options: More of the watcher's options.
        python: Which Python runs it; that of `alone` for the real thing.
        version: The resourceVersion at whose commit it ends; "" for never.
    """
    where = ("--namespace", namespace, "--user", "bench", "--db", str(folder / "scheduler.sqlite"))
    staging = ("--staging", str(folder / "staging"), "--log-format", "json")
    return [str(python), str(HERE / "own.py"), str(port), version, *where, *staging, *options]


def peers() -> Path:
    """Return the Python of a virtual environment with the other libraries, which is made when it is not there."""
    return _kept("peers", PINS.read_text(encoding="utf-8"), "--requirement", str(PINS))


@cache
def alone() -> Path:
    """Make a virtual environment with the watcher and nothing that it does not need, and return its Python."""
    members = [str(ROOT / name) for name in ("shared", "watcher")]
    newest = ("--reinstall-package", "nbargo-shared", "--reinstall-package", "nbargo-watcher")
    return _environment("alone", "--constraint", str(ROOT / "pins" / "dev.txt"), *newest, *members)


@cache
def plugin() -> Path:
    """Make a virtual environment with a Jupyter server, jupyter-scheduler, the plugin and the watcher alone."""
    members = [str(ROOT / name) for name in ("shared", "watcher", "submitter")]
    newest = [part for name in ("shared", "watcher", "submitter") for part in ("--reinstall-package", f"nbargo-{name}")]
    return _environment("plugin", "--constraint", str(ROOT / "pins" / "dev.txt"), *newest, *LAB, *members)


def reference() -> Path:
    """Return the Python of a virtual environment with argo-jupyter-scheduler as released; it is made when not there.

    All that it shares with `plugin` has the same version there.
    """
    pins = ROOT / "pins" / "dev.txt"
    wanted = (*LAB, REFERENCE)
    return _kept("reference", f"{wanted}\n{pins.read_text(encoding='utf-8')}", "--constraint", str(pins), *wanted)


def _kept(name: str, pins: str, *requirements: str) -> Path:
    written = _cache(name) / "installed.txt"
    if written.exists() and written.read_text(encoding="utf-8") == pins:
        return _cache(name) / "bin" / "python"
    python = _environment(name, *requirements)
    written.write_text(pins, encoding="utf-8")
    return python


def _cache(name: str) -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nbargo-bench" / name


def _environment(name: str, *requirements: str) -> Path:
    uv, python = Path(sys.executable).with_name("uv"), _cache(name) / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, _cache(name)], check=True)
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--no-sources", "--compile-bytecode", "--python", python, *requirements],
        check=True,
    )
    return python


def client(loop: str, port: int, namespace: str, *, count: int, seconds: float, folder: Path) -> dict[str, Any]:
    """Run a loop of `clients` in the peers' Python and return its figures."""
    command: list[str | Path] = [peers(), HERE / "clients.py", loop, str(port), namespace, str(count), str(seconds)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=seconds + 60)
    if not done.stdout:
        sys.exit(f"{loop}: {done.stderr}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def load() -> float:
    """Return the machine's load of the last minute, which belongs to every figure."""
    return round(os.getloadavg()[0], 1)
