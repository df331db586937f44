"""Many watchers' reading halves in one process: `readers.py JSON`, which holds the fields of `Orders`.

A reading half is all of the watcher that the API server knows: its own HTTP session (so a TCP and TLS connection of its
own), source, budget, reflectors and decisions, one stream for each resource, as `parts` puts them together. What is
missing is the database: batches are counted and forgotten. Commands come as lines on standard input (`tell`, `end`),
the answer to each is a JSON object on standard output.
"""

import asyncio
import json
import random
import ssl
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import TaskGroup

from nbargo_watcher.budget import Budget, Purse
from nbargo_watcher.connection import Connection, Credentials
from nbargo_watcher.model import Event, Observed
from nbargo_watcher.reflector import Reflector
from nbargo_watcher.resources import CRONWORKFLOWS, WORKFLOWS
from nbargo_watcher.source import Source, Timing, new_session
from nbargo_watcher.telemetry import Telemetry

METADATA_ONLY = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"
"""What a client accepts that wants metadata alone, as client-go's metadata package does; `List` is added for a list."""


@dataclass(frozen=True, kw_only=True)
class Orders:
    """What to run.

    Attributes:
        server: The API server's address.
        account: The folder of a service account.
        first: Number of the first user.
        count: How many users.
        shared: The namespace of all, or "" for a namespace each, called as the user.
        metadata_only: Whether to ask for metadata alone.
        hurry: By how much shorter watches and the times between lists are than the watcher's own.
        crons: Whether to follow CronWorkflows, too, as the watcher does.
        jitter: Seconds, up to which each watcher puts off its start by chance.
    """

    server: str
    account: str
    first: int
    count: int
    shared: str
    metadata_only: bool = False
    hurry: float = 1.0
    crons: bool = True
    jitter: float = 0.0


class MetadataSession:
    """A session that asks for metadata alone.

    Args:
        session: The session.
    """

    def __init__(self, session: Any) -> None:
        self._session = session

    def get(self, url: str, *, params: dict[str, str], headers: dict[str, str], **more: Any) -> Any:
        """Send a request of a source."""
        accept = METADATA_ONLY.format("" if "watch" in params else "List")
        return self._session.get(url, params=params, headers=headers | {"Accept": accept}, **more)


class Nowhere:
    """A sink that forgets."""

    def __init__(self) -> None:
        self.objects = 0

    async def checkpoint(self, scope: str) -> str | None:
        """Return none: the watcher is new."""
        del scope
        return None

    async def page(self, scope: str, objects: Sequence[Observed]) -> None:
        """Count objects."""
        del scope
        self.objects += len(objects)

    async def listed(self, scope: str, *, uids: frozenset[str], resource_version: str, unread: int = 0) -> None:
        """Take the end of a list."""

    async def events(self, scope: str, events: Sequence[Event], *, resource_version: str) -> None:
        """Take events."""


def user(number: int) -> str:
    """Return a user's label, which is the name of the user's own namespace, too."""
    return f"user-{number:05d}"


class Fleet:
    """All watchers of this process.

    Args:
        orders: What to run.
    """

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.telemetry = [Telemetry() for _ in range(orders.count)]
        self.sink = Nowhere()
        account = Path(orders.account)
        token = (account / "token").read_text(encoding="ascii")
        # One context for all: a watcher alone makes one, too, and it is not the API server's business.
        trust = ssl.create_default_context(cafile=account / "ca.crt")
        self.credentials = Credentials(authorization=f"Bearer {token}", tls=trust)
        own = Timing()
        self.timing = Timing(watch=_shorter(own.watch, orders.hurry), relist=_shorter(own.relist, orders.hurry))

    async def run(self, tasks: TaskGroup) -> None:
        """Start all of them at once."""
        for number in range(self.orders.count):
            tasks.start_soon(self._one, number)

    async def _one(self, number: int) -> None:
        label = user(self.orders.first + number)
        namespace = self.orders.shared or label
        budget, rng, told = Budget(), random.SystemRandom(), self.telemetry[number]
        connection = Connection(url=self.orders.server, namespace=namespace, reader=self._read)
        await anyio.sleep(rng.uniform(0.0, self.orders.jitter))
        async with new_session(self.timing) as real, anyio.create_task_group() as streams:
            session: Any = MetadataSession(real) if self.orders.metadata_only else real
            purse = Purse()
            for resource in (WORKFLOWS, CRONWORKFLOWS) if self.orders.crons else (WORKFLOWS,):
                source = Source(
                    session=session,
                    connection=connection,
                    budget=budget,
                    resource=resource,
                    namespace=namespace,
                    user=label,
                    timing=self.timing,
                    telemetry=told,
                )
                reflector = Reflector(
                    source=source, sink=self.sink, timing=self.timing, telemetry=told, rng=rng, purse=purse
                )
                streams.start_soon(reflector.run)

    def _read(self, *, anew: bool) -> Credentials:
        del anew
        return self.credentials

    def tell(self) -> dict[str, Any]:
        """Return the sums of all counters."""
        retries: Counter[str] = sum((one.retries for one in self.telemetry), Counter())
        return {
            "lists": sum(one.lists for one in self.telemetry),
            "watches": sum(one.watches for one in self.telemetry),
            "events": sum(one.events for one in self.telemetry),
            "objects": self.sink.objects,
            "retries": dict(retries),
            "degraded": sum(bool(one.degraded) for one in self.telemetry),
            "quarantined": sum(one.quarantined for one in self.telemetry),
        }


def _shorter(span: tuple[float, float], hurry: float) -> tuple[float, float]:
    return span[0] / hurry, span[1] / hurry


async def run(orders: Orders) -> None:
    """Run until standard input says `end`."""
    fleet, loop = Fleet(orders), asyncio.get_running_loop()
    async with anyio.create_task_group() as tasks:
        await fleet.run(tasks)
        while (await loop.run_in_executor(None, sys.stdin.readline)).strip() == "tell":
            print(json.dumps(fleet.tell()), flush=True)
        tasks.cancel_scope.cancel()


if __name__ == "__main__":
    asyncio.run(run(Orders(**json.loads(sys.argv[1]))))
