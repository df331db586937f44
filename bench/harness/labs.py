"""Real Jupyter servers with jupyter-scheduler and one scheduler class each, and what can be asked of them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from harness import argoserver, stage
from memory import make_account, resident

from nbargo_local.demo.place import Place, free_port

START_SECONDS = 120.0
NOTEBOOK = "report.ipynb"
CELLS = ("import math, time", "sum(math.sqrt(each) for each in range(100_000))", "print('ended', time.time_ns())")
COMMON = {"input_uri": NOTEBOOK, "output_formats": ["ipynb", "html"]}
AJS = {
    "SchedulerApp": {"scheduler_class": "argo_jupyter_scheduler.scheduler.ArgoScheduler"},
    "Scheduler": {"execution_manager_class": "argo_jupyter_scheduler.executor.ArgoExecutor"},
}
"""What argo-jupyter-scheduler's own page says to configure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The API server, `argoserver`.

    Attributes:
        folder: Where its certificate and kubeconfig are.
        client: For what it tells.
        port: Where it listens.
    """

    folder: Path
    client: httpx.Client
    port: int

    def creates(self) -> list[dict[str, Any]]:
        """Return the create calls so far."""
        told: list[dict[str, Any]] = self.client.get("control/creates").raise_for_status().json()
        return told

    def created(self, count: int, *, seconds: float = 30.0) -> dict[str, Any]:
        """Wait until there are so many create calls; return the last one."""
        deadline = time.monotonic() + seconds
        while len(told := self.creates()) < count:
            if time.monotonic() > deadline:
                sys.exit(f"only {len(told)} of {count} objects were created")
            time.sleep(0.02)
        return told[-1]


@contextmanager
def serving(folder: Path, *, delay: float, runs: bool) -> Iterator[Server]:
    """Run the API server.

    Args:
        folder: An existing folder for its files.
        delay: Seconds that each create call takes more.
        runs: Whether the local controller runs what is created.
    """
    certificate, _ = make_account(folder)
    command = [sys.executable, "-m", "harness.argoserver", str(folder), str(delay), *(["run"] if runs else [])]
    headers = {"Authorization": f"Bearer {argoserver.TOKEN}"}
    with subprocess.Popen(
        command, cwd=stage.HERE.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None  # noqa: S101 - for the type checker
        assert process.stdout is not None  # noqa: S101 - as above
        port = int(process.stdout.readline())
        base = f"https://127.0.0.1:{port}/"
        with httpx.Client(
            base_url=base, headers=headers, verify=httpx.create_ssl_context(str(certificate)), trust_env=False
        ) as client:
            try:
                yield Server(folder=folder, client=client, port=port)
            finally:
                process.stdin.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """A running Jupyter server.

    Attributes:
        place: Its folders.
        client: A client with its token.
        pid: Its process.
        environment: Name of the first environment that it offers. It was asked for as the form asks when it is opened.
        idle_mib: Resident memory of its process before that was asked, MiB.
    """

    place: Place
    client: httpx.Client
    pid: int
    environment: str
    idle_mib: float

    def submit(self) -> tuple[str, int, int]:
        """Submit the notebook; return the job's id, and the monotonic times before and after, nanoseconds."""
        body = COMMON | {"name": "report", "runtime_environment_name": self.environment}
        began = time.monotonic_ns()
        answer = self.client.post("scheduler/jobs", json=body)
        ended = time.monotonic_ns()
        if answer.is_error:
            sys.exit(f"{self.place.root.name}: {answer.text}")
        return answer.json()["job_id"], began, ended

    def define(self) -> None:
        """Make a definition with a schedule."""
        body = COMMON | {"name": "daily", "runtime_environment_name": self.environment}
        when = {"schedule": "0 5 * * *", "timezone": "UTC"}
        self.client.post("scheduler/job_definitions", json=body | when).raise_for_status()


@contextmanager
def lab(
    place: Place, python: Path, *, config: Mapping[str, Any] | None = None, environment: Mapping[str, str]
) -> Iterator[Lab]:
    """Run a Jupyter server.

    Args:
        place: Its folders, made here.
        python: The Python of its virtual environment.
        config: Its configuration; None for that which the packages in the virtual environment bring along.
        environment: More variables.
    """
    place.make()
    write_notebook(place.notebooks / NOTEBOOK)
    if config:
        (place.root / "config" / "jupyter_server_config.json").write_text(json.dumps(config), encoding="utf-8")
    port = free_port()
    start: list[str | Path] = [python, "-m", "jupyter_server", "--no-browser", "--allow-root"]
    where = ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", f"--ServerApp.root_dir={place.notebooks}"]
    command = [*start, *where, f"--IdentityProvider.token={argoserver.TOKEN}"]
    variables = place.environment(os.environ, user="bench") | {"JUPYTER_PREFER_ENV_PATH": "0"} | dict(environment)
    headers = {"Authorization": f"token {argoserver.TOKEN}"}
    with (
        running(command, place, "lab", variables) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}/", headers=headers, timeout=60, trust_env=False) as client,
    ):
        wait_for(client, log=place.logs / "lab")
        idle = resident(process.pid)
        first, *_ = client.get("scheduler/runtime_environments").raise_for_status().json()
        yield Lab(place=place, client=client, pid=process.pid, environment=first["name"], idle_mib=idle)


@contextmanager
def running(
    command: Sequence[str | Path], place: Place, name: str, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in a place until the block ends."""
    with (
        (place.logs / name).open("wb") as log,
        subprocess.Popen(
            command, cwd=place.root, env=dict(environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def wait_for(client: httpx.Client, *, log: Path) -> None:
    """Wait until a server answers for jupyter-scheduler."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            client.get("scheduler/jobs", params={"max_items": 1}).raise_for_status()
        except (httpx.TransportError, httpx.HTTPStatusError):
            time.sleep(0.1)
            continue
        return
    sys.exit(log.read_text(encoding="utf-8")[-2000:])


def write_notebook(path: Path) -> None:
    """Write the notebook, whose last cell prints when it ends."""
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": text,
        }
        for number, text in enumerate(CELLS)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook), encoding="utf-8")
