"""Requests a minute: of a watcher that has nothing to do, and of each client under each fault that does not go away.

The scripted server answers every list with an empty one, and every watch with the fault (harness/server.py, FAULTS), at
once and for ever, of Workflows and CronWorkflows alike. Ours is the whole program, one process for each fault, all at
the same time, for WINDOW real seconds from its first request: what it may ask in its first minute, bursts included. The
others are one call of each library's own watch, one after the other, for PEER_WINDOW seconds each, or until the call
returns or raises; a rate for a minute is extrapolated from the window for those that were still running, and `ended`
says how the call ended. A library that has raised or returned makes no more requests, and sees no more events: what a
program around it does then is not measured here.

`idle` is a watch that stays open and silent: no events and no bookmarks, which is less than any kube-apiserver sends.

Run: .venv/bin/python bench/request_rates.py [--quick]; `make bench` runs all of them.
The last line is one JSON object: requests in the first
minute.
"""

import argparse
import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from harness import stage

FAULTS = (
    "gone-event",
    "gone-http",
    "instant-close",
    "error-500-event",
    "error-429-event",
    "http-500",
    "http-429",
    "http-403",
    "http-401",
    "cut-in-a-line",
    "reset",
    "silence",
)
IDLE = "list-small-10"
STREAMS = 2
"""What a watcher follows in a namespace: Workflows and CronWorkflows."""
PEERS = ("kubernetes", "kubernetes_asyncio", "lightkube", "kr8s", "kopf")
WINDOW = 120.0
PEER_WINDOW = 5.0


def ours(server: stage.Scripted, folder: Path, *, window: float) -> dict[str, Any]:
    """Run one watcher for each fault and return how often it asked, by fault."""
    names = {fault: f"fault-{fault}" for fault in FAULTS} | {"idle": IDLE}
    python, processes = stage.alone(), {}
    with ExitStack() as running:
        for name, namespace in names.items():
            place = folder / name
            place.mkdir()
            stage.database(place)
            command = stage.own(server.port, namespace, place, python=python)
            processes[name] = running.enter_context(stage.running(command, place / "log"))
        time.sleep(window + 10)  # all of them have begun long before the last ten seconds
        ended = {name: process.poll() for name, process in processes.items()}
        return {
            name: _counted(server, namespace, window=window)
            | {"ended": "still running" if ended[name] is None else f"status {ended[name]}"}
            for name, namespace in names.items()
        }


def _counted(server: stage.Scripted, namespace: str, *, window: float) -> dict[str, Any]:
    """Return the requests of the window after the first one, and the most in any minute of it."""
    times = [at for at, _ in server.control(namespace, "counts=1")]
    inside = [at for at in times if at <= times[0] + window]
    most = max(sum(begin <= at < begin + 60 for at in inside) for begin in inside)
    return {"requests": len(inside), "window_seconds": window, "most_in_a_minute": most}


def theirs(server: stage.Scripted, peer: str, folder: Path, fault: str) -> dict[str, Any]:
    """Run one call of a library and return how often it asked."""
    namespace = f"fault-{fault}"
    before = len(server.control(namespace, "counts=1"))
    told = stage.client(peer, server.port, namespace, count=10**9, seconds=PEER_WINDOW, folder=folder)
    asked = len(server.control(namespace, "counts=1")) - before
    running = told["ended"] == "still running"
    minute = round(asked * 60 / (PEER_WINDOW + 1)) if running and asked > 1 else asked
    return {"requests": asked, "in_a_minute": minute, "ended": told["ended"]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="ours alone, for 60 seconds")
    quick = parser.parse_args().quick
    window = 60.0 if quick else WINDOW
    result: dict[str, Any] = {"benchmark": "requests", "quick": quick, "load_before": stage.load()}
    with stage.serving() as server, tempfile.TemporaryDirectory() as name:
        server.prepare(IDLE)
        result["ours"] = ours(server, Path(name), window=window)
        idle = result["ours"]["idle"]["requests"] - 2 * STREAMS  # each begins with a list and a watch
        result["idle_requests_a_minute_and_stream"] = round(idle * 60 / window / STREAMS, 2)
        for peer in () if quick else PEERS:
            result[peer] = {fault: theirs(server, peer, Path(name), fault) for fault in FAULTS}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
