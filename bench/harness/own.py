"""The watcher's own program, told where the scripted server is: `own.py PORT VERSION OPTIONS...`.

The program is run as it is, from its command line on. Two things are put in from outside: the connection, which is
plain HTTP to the scripted server and so needs neither a service account nor a kubeconfig (unless NBARGO_BENCH_ACCOUNT
names a folder with a service account: then it is HTTPS, found as in a pod), and a stop watch: it runs
from the moment the program looks for its cluster to the return of the commit that holds the event with resourceVersion
VERSION ("" for none), prints its figures as a JSON object on standard output, and ends the program.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nbargo_watcher import cli, connection, parts
from nbargo_watcher.connection import Choice, Connection, Credentials
from nbargo_watcher.model import Event
from nbargo_watcher.projector import Projector


class StopWatch:
    """Takes the time until an event is committed.

    Args:
        version: The event's resourceVersion.
    """

    def __init__(self, version: str) -> None:
        self._version = version
        self._began = time.perf_counter()
        self._cpu_began = time.process_time()
        self._batches = 0

    def start(self) -> None:
        """Begin."""
        self._began, self._cpu_began = time.perf_counter(), time.process_time()

    def stop(self, projector: Projector, resource_version: str) -> None:
        """Count a batch, and end the program if it was the last one."""
        self._batches += 1
        if resource_version != self._version:
            return
        wall, cpu = time.perf_counter() - self._began, time.process_time() - self._cpu_began
        figures: dict[str, Any] = {"seconds": wall, "cpu_seconds": cpu, "peak_mib": peak()}
        tally = projector.tally
        figures |= {"batches": self._batches, "commits": tally.commits, "rows": tally.added + tally.changed}
        print(json.dumps(figures), flush=True)
        os.kill(os.getpid(), signal.SIGTERM)


def peak() -> float:
    """Return the largest resident size so far, MiB; that of getrusage begins with the parent's."""
    told = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(round(int(line.split()[1]) / 1024, 1) for line in told if line.startswith("VmHWM"))


def plain(*, anew: bool) -> Credentials:
    """Return no credentials."""
    del anew
    return Credentials()


def put_in(port: int, watch: StopWatch) -> None:
    """Put the connection and the stop watch into the program."""
    take, find = Projector.events, connection.connect

    async def connect(choice: Choice, environ: Mapping[str, str]) -> Connection:
        watch.start()
        if "NBARGO_BENCH_ACCOUNT" in environ:
            return await find(choice, environ, folder=Path(environ["NBARGO_BENCH_ACCOUNT"]))
        return Connection(url=f"http://127.0.0.1:{port}", namespace="default", reader=plain)

    async def events(self: Projector, scope: str, batch: Sequence[Event], *, resource_version: str) -> None:
        await take(self, scope, batch, resource_version=resource_version)
        watch.stop(self, resource_version)

    parts.__dict__["connect"] = connect
    type.__setattr__(Projector, "events", events)


def main() -> int:
    """Run the program."""
    port, version, *options = sys.argv[1:]
    put_in(int(port), StopWatch(version))
    return cli.main(options)


if __name__ == "__main__":
    sys.exit(main())
