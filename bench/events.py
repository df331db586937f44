"""Events a second: from the server's bytes to committed rows, beside loops of other libraries that only decode.

Every client reads the same prepared watch from the same server process, over plain HTTP on the loopback, in a fresh
process of its own, in turns; the medians of ROUNDS turns count. Ours is the whole program, in an environment with its
dependencies alone: list, watch, decode, gather,
reconcile, SQLite with full synchronisation, a log line for each changed row (into a file). Its time runs from
the program's search for its cluster to the return of the commit that holds the last event, and the rows are then
checked through another connection. The others' time runs from their first request to the last event; they do nothing
with it. Imports are outside of both. `drain` reads the bytes and counts lines: what the server can do.

Ours gathers the events that come while a commit is under way, the last one of each object, so fewer rows are written
than events come: `rows` says how many. The mixes (harness/workload.py) differ in what that can save: in `changes` every
event changes a row, in `new` every event is a row of its own, `life` is what Argo writes, `quiet` changes nothing.

Peers that are slow are stopped after SECONDS, and their rate is that of what they had read.

Run: .venv/bin/python bench/events.py [--quick]; `make bench` runs all of them.
The last line is one JSON object: events a second for each mix,
size and client, and the ratio to kubernetes' Watch.
"""

import argparse
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from harness import stage, workload

COUNTS = {"small": 20_000, "large": 4_000}
SECONDS = 6.0
ROUNDS = 3
PEERS = ("drain", "floor", "floor-commit", "kubernetes", "kubernetes_asyncio", "lightkube", "kr8s", "kopf")
MIXES = ("changes", "life", "new", "quiet")
FIRST = 1000  # resourceVersion before the first event


def ours(server: stage.Scripted, python: Path, mix: str, size: str, count: int) -> dict[str, Any]:
    """Run the watcher once and return its figures."""
    namespace = f"{mix}-{size}-{count}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = stage.database(folder)
        command = stage.own(server.port, namespace, folder, python=python, version=str(FIRST + count))
        with (folder / "log").open("wb") as log:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, text=True, check=True, timeout=120)
        with closing(sqlite3.connect(database)) as rows:
            found = dict(rows.execute("SELECT status, count(*) FROM jobs GROUP BY status").fetchall())
        if found != workload.statuses(mix, count):
            sys.exit(f"{namespace}: the rows are {found}, not {workload.statuses(mix, count)}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures | {"events": count}


def rate(figures: dict[str, Any]) -> float:
    """Return events a second."""
    return float(figures["events"] / figures["seconds"])


def measure(server: stage.Scripted, size: str, *, rounds: int, peers: tuple[str, ...]) -> dict[str, Any]:
    """Return the medians of all clients for one size of events."""
    count, python = COUNTS[size], stage.alone()
    for mix in MIXES:
        server.prepare(f"{mix}-{size}-{count}")
    taken: dict[str, list[dict[str, Any]]] = {name: [] for name in (*(f"ours, {mix}" for mix in MIXES), *peers)}
    for _ in range(rounds):
        for mix in MIXES:
            taken[f"ours, {mix}"].append(ours(server, python, mix, size, count))
        for peer in peers:
            taken[peer].append(peer_once(server, peer, f"changes-{size}-{count}", count))
    base = statistics.median(map(rate, taken["kubernetes"]))
    return {name: _summary(runs, base) for name, runs in taken.items()}


def peer_once(server: stage.Scripted, peer: str, namespace: str, count: int) -> dict[str, Any]:
    """Run another client once and return its figures."""
    with tempfile.TemporaryDirectory() as name:
        return stage.client(peer, server.port, namespace, count=count, seconds=SECONDS, folder=Path(name))


def _summary(runs: list[dict[str, Any]], base: float) -> dict[str, Any]:
    median = statistics.median(map(rate, runs))
    cpu = statistics.median(run["cpu_seconds"] / run["events"] for run in runs)
    more: dict[str, Any] = {key: runs[-1][key] for key in ("peak_mib", "rows", "commits") if key in runs[-1]}
    return {
        "events_per_second": round(median),
        "cpu_microseconds_per_event": round(cpu * 1e6, 1),
        "to_kubernetes": round(median / base, 2),
        **more,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round, small events, without the slow peers")
    quick = parser.parse_args().quick
    sizes = ("small",) if quick else ("small", "large")
    peers = PEERS[:4] if quick else PEERS
    before = stage.load()
    with stage.serving() as server:
        result = {size: measure(server, size, rounds=1 if quick else ROUNDS, peers=peers) for size in sizes}
    print(json.dumps({"benchmark": "events", "quick": quick, "load_before": before, **result}))


if __name__ == "__main__":
    main()
