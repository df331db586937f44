"""The place of the fleet benchmark: a real server, everybody's Workflows, their changes, and the readers' process."""

import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import httpx
from harness import objects, stage
from harness.readers import Orders, user
from harness.realserver import ARGO, Kube, RealServer, Use, use

RATE = 20.0
"""Changes a second."""
SHARED = "shared"
"""The namespace of all."""
PATIENCE = 120.0


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is measured.

    Attributes:
        users: Watchers.
        runs: Workflows of each user.
        dense: Watchers of the dense fleet.
        window: Seconds of each measurement.
        turns: How often a measurement of small differences is taken again.
        lists: Lists of each kind.
    """

    users: int = 200
    runs: int = 10
    dense: int = 1000
    window: float = 45.0
    turns: int = 3
    lists: int = 200


def say(text: str) -> None:
    """Print a line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


class Readers:
    """A running process of reading halves.

    Args:
        process: It.
        orders: What it runs.
    """

    def __init__(self, process: subprocess.Popen[str], orders: Orders) -> None:
        self.watchers = orders.count
        self.streams = orders.count * (2 if orders.crons else 1)
        self._process = process

    def tell(self) -> dict[str, Any]:
        """Return its counters."""
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        assert self._process.stdout is not None  # noqa: S101 - as above
        self._process.stdin.write("tell\n")
        self._process.stdin.flush()
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told

    def until(self, what: str, condition: Callable[[dict[str, Any]], bool]) -> tuple[float, dict[str, Any]]:
        """Wait for a condition of the counters, and return the seconds that it took, and the counters."""
        began = time.monotonic()
        while not condition(told := self.tell()):
            if time.monotonic() > began + PATIENCE:
                sys.exit(f"{what}: not within {PATIENCE:g} s: {told}")
            time.sleep(0.1)
        return round(time.monotonic() - began, 1), told


@contextmanager
def reading(orders: Orders) -> Iterator[Readers]:
    """Run reading halves until the block ends."""
    command = [sys.executable, "-m", "harness.readers", json.dumps(asdict(orders))]
    with subprocess.Popen(
        command, cwd=stage.HERE.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Readers(process, orders)
        finally:
            process.kill()


class Churn:
    """Changes Workflows in the background, at RATE a second.

    Args:
        kubeconfig: Of somebody who may.
        paths: The Workflows.
    """

    def __init__(self, kubeconfig: Path, paths: list[str]) -> None:
        self._kubeconfig = kubeconfig
        self._paths = paths
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.written = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        draw = random.Random(1)  # noqa: S311 - the same order every time
        began = time.monotonic()
        with Kube(self._kubeconfig) as kube:
            while not self._ended.wait(max(0.0, began + self.written / RATE - time.monotonic())):
                progress = f"{self.written}/{time.monotonic_ns()}"  # never what it was: that would be no event
                kube.merge(draw.choice(self._paths), {"status": {"progress": progress}})
                self.written += 1


@dataclass(frozen=True, kw_only=True)
class Place:
    """A server with its objects.

    Attributes:
        server: It.
        kube: A client that may do everything.
        account: The folder of the watchers' service account.
        size: How much there is.
    """

    server: RealServer
    kube: Kube
    account: Path
    size: Size

    def orders(self, *, shared: bool, **more: Any) -> Orders:
        """Return orders for the fleet."""
        where = SHARED if shared else ""
        known = {"server": self.server.server, "account": str(self.account), "first": 0, "count": self.size.users}
        return Orders(**{**known, "shared": where, **more})

    def paths(self, *, shared: bool) -> list[str]:
        """Return the paths of all Workflows of a layout."""
        return [
            f"{ARGO}/namespaces/{SHARED if shared else user(number)}/workflows/nb-{objects.job_id(number, run)}"
            for number in range(self.size.users)
            for run in range(self.size.runs)
        ]

    def use(self, *, collected: bool = False) -> Use:
        """Return what the servers have used so far."""
        return use(self.server, self.kube, collected=collected)

    def fill(self, *, shared: bool) -> None:
        """Create all Workflows of a layout."""
        names = [SHARED] if shared else [user(number) for number in range(self.size.users)]
        for name in names:
            self.kube.create("/api/v1/namespaces", {"metadata": {"name": name}})
        for number in range(self.size.users):
            collection = f"{ARGO}/namespaces/{SHARED if shared else user(number)}/workflows"
            for run in range(self.size.runs):
                self.kube.create(collection, objects.workflow(user(number), objects.job_id(number, run)))

    def etcd_bytes(self) -> int:
        """Return what is in use of etcd's file."""
        self.server.compact()
        with httpx.Client(trust_env=False) as client:
            told = client.post(f"{self.server.etcd_url}/v3/maintenance/status", json={}).raise_for_status().json()
        return int(told["dbSizeInUse"])


@contextmanager
def serving(size: Size, *flags: str) -> Iterator[Place]:
    """Run a server with its accounts."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(RealServer(folder, *flags))
        kube = stack.enter_context(Kube(server.kubeconfig))
        yield Place(server=server, kube=kube, account=server.account(kube), size=size)
