"""The real watcher as a process in a pod's place: a service account's files, its API server behind a relay."""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from cluster.faults.jobs import USER
from cluster.programs import Program
from nbargo_shared.database import open_to_read
from support.ports import free_port
from support.waiting import eventually

if TYPE_CHECKING:
    from cluster.faults.relay import Relay

ROOT = Path(__file__).parents[2]
STREAMS = 2
"""Workflows and CronWorkflows: each is listed and watched for itself, and the counters are of both."""
RECOVERY_SECONDS = 45.0
"""For the rows: the watcher promises 35 s, and a server that has just started answers slowly."""
READY_SECONDS = 90.0
"""For both streams: the definitions' asks only when that of the jobs has got its answer."""
_SAMPLE = re.compile(r'^nbargo_watcher_(\w+?)(?:\{(?:reason|kind)="([^"]*)"\})? (\S+)$', re.MULTILINE)


@dataclass(slots=True)
class Sidecar:
    """One user's watcher.

    Args:
        folder: Has the database, the staging directory and the service account's files.
        relay: What stands between it and the API server.
    """

    folder: Path
    relay: Relay
    health_port: int = field(default_factory=free_port)
    program: Program = field(init=False)

    def __post_init__(self) -> None:
        place = ("--user", USER, "--db", self.folder / "scheduler.sqlite", "--staging", self.staging)
        telling = (
            "--health-port",
            str(self.health_port),
            "--log-format",
            "json",
            "--log-level",
            "debug",
            "--start-jitter",
            "0",
        )
        inpod = ROOT / "cluster" / "faults" / "inpod.py"
        self.program = Program(
            "watcher",
            [sys.executable, inpod, self.account, *place, *telling],
            self.folder,
            {
                "KUBERNETES_SERVICE_HOST": "127.0.0.1",
                "KUBERNETES_SERVICE_PORT": str(self.relay.port),
                "PATH": os.environ["PATH"],
            },
        )

    @property
    def staging(self) -> Path:
        """jupyter-scheduler's staging directory."""
        return self.folder / "staging"

    @property
    def account(self) -> Path:
        """The folder of the service account's files."""
        return self.folder / "account"

    def write_account(self, *, token: str, certificate: Path, namespace: str) -> None:
        """Write what kubelet mounts into a pod."""
        self.account.mkdir()
        (self.account / "ca.crt").write_bytes(certificate.read_bytes())
        (self.account / "namespace").write_text(namespace)
        self.write_token(token)

    def write_token(self, token: str) -> None:
        """Exchange the token in one step, as kubelet does."""
        new = self.account / "new-token"
        new.touch(mode=0o600)
        new.write_text(token)
        new.rename(self.account / "token")

    def start(self) -> None:
        """Start the watcher, also after it was killed."""
        self.program.start()

    def rows(self) -> dict[str, str]:
        """Return the status of each job."""
        with closing(open_to_read(self.folder / "scheduler.sqlite")) as connection:
            return dict(connection.execute("SELECT job_id, status FROM jobs").fetchall())

    def checkpoints(self) -> set[str]:
        """Return the resources whose streams would be gone on with: a list's is written after a look at the files."""
        with closing(open_to_read(self.folder / "scheduler.sqlite")) as connection:
            scopes = connection.execute("SELECT scope FROM nbargo_checkpoint").fetchall()
        return {scope.partition("/")[0] for (scope,) in scopes}

    def wait_for_rows(self, expected: dict[str, str], *, seconds: float = RECOVERY_SECONDS) -> None:
        """Wait until the rows are as they must be; a failure names those that are not."""

        def differences() -> dict[str, Any]:
            self.program.check()
            rows = self.rows()
            return {
                job: {"is": rows.get(job), "should be": expected.get(job)}
                for job in rows.keys() | expected.keys()
                if rows.get(job) != expected.get(job)
            }

        try:
            eventually(lambda: not differences(), what="the rows are right", seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"{differences()}\n{self.program.tail()}") from error

    def metrics(self) -> dict[str, float]:
        """Return its counters: `lists_total`, `retries_total expired` and so on."""
        text = httpx.get(f"http://127.0.0.1:{self.health_port}/metrics", trust_env=False).raise_for_status().text
        return {f"{name} {label}".strip(): float(value) for name, label, value in _SAMPLE.findall(text)}

    def retries(self, reason: str) -> float:
        """Return how often it met with something, 0 also while it is still starting."""
        try:
            return self.metrics().get(f"retries_total {reason}", 0)
        except httpx.TransportError:
            return 0

    def streams_that_met(self, what: str) -> list[str]:
        """Return the resources whose streams say in the log that they met with something."""
        said = [json.loads(line) for line in self.program.log.read_text().splitlines()]
        met = [line for line in said if line["event"] == "cluster" and line["happened"] == what]
        return sorted(line["stream"].partition("/")[0] for line in met)

    def wait_until_ready(self) -> None:
        """Wait until nothing is degraded; the rows may be right before the other stream is followed again."""
        eventually(lambda: self.readiness()["ready"], what="both streams are followed", seconds=READY_SECONDS)

    def readiness(self) -> dict[str, Any]:
        """Return what /readyz says."""
        answer = httpx.get(f"http://127.0.0.1:{self.health_port}/readyz", trust_env=False)
        told: dict[str, Any] = json.loads(answer.text)
        return told
