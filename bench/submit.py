"""How long a submission takes beside the API server's own time, when there are ten thousand jobs already.

A real jupyter_server with the plugin and a watcher as its sidecar, on the database of bench/pages.py, submits one
notebook after the other to harness/argoserver.py, whose create calls take DELAY. Counted is the time from the POST to
its answer, which comes when the job is in the list, without the time between the create call's arrival at the API
server and its answer. A second lab submits the same with an empty database, in turns.

Run: .venv/bin/python bench/submit.py [--quick]; `make bench` runs all of them.
The last line is one JSON object: milliseconds. The exit status is 1 if a median is more than LIMIT_MILLISECONDS.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pages
from harness import labs, stage

from nbargo_local.demo.place import Place

DELAY = 0.01
"""Seconds that the API server takes for a create call besides its own work."""
LIMIT_MILLISECONDS = 100.0
NAMES = {"empty": "an empty list", "full": f"{pages.JOBS:,} jobs in the list"}


@contextmanager
def lab(root: Path, server: labs.Server, *, full: bool) -> Iterator[labs.Lab]:
    """Run a lab and its watcher."""
    place = Place(root)
    place.make()
    if full:
        pages.fill(place)
    own = {"NBARGO_KUBECONFIG": str(server.folder / "kubeconfig"), "NBARGO_WATCHER": "sidecar"}
    variables = place.environment(os.environ, user=root.name) | own
    command = place.watcher_command("--start-jitter", "0")
    user = {"NBARGO_USER": root.name}
    with (
        labs.running(command, place, "watcher", variables),
        labs.lab(place, Path(sys.executable), environment=own | user) as made,
    ):
        yield made


def submission(made: labs.Lab, server: labs.Server, count: int) -> dict[str, float]:
    """Submit once; return the milliseconds in all, in the API server, and beside it."""
    _, began, ended = made.submit()
    call = server.created(count)
    whole, its_own = (ended - began) / 1e6, (call["answered"] - call["came"]) / 1e6
    return {"whole": whole, "api_server": its_own, "beside": whole - its_own}


def main() -> int:
    """Submit in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="10 turns instead of 40")
    quick = parser.parse_args().quick
    result: dict[str, object] = {"benchmark": "submit", "quick": quick, "load_before": stage.load()}
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in NAMES}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "server").mkdir()
        with (
            labs.serving(root / "server", delay=DELAY, runs=False) as server,
            lab(root / "empty", server, full=False) as empty,
            lab(root / "full", server, full=True) as full,
        ):
            for turn in range(11 if quick else 41):
                for number, (name, made) in enumerate({"empty": empty, "full": full}.items(), 1):
                    taken[name].append(submission(made, server, 2 * turn + number))
    rows = {NAMES[name]: summary(runs) for name, runs in taken.items()}
    print(json.dumps({**result, **rows}))
    return int(any(row["beside_p50"] > LIMIT_MILLISECONDS for row in rows.values()))


def summary(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the figures of one lab's submissions; the first one imports and connects."""
    beside = [run["beside"] for run in runs[1:]]
    return {
        "beside_p50": round(statistics.median(beside), 1),
        "beside_p95": round(statistics.quantiles(beside, n=20)[-1], 1),
        "api_server_p50": round(statistics.median(run["api_server"] for run in runs[1:]), 1),
        "first": round(runs[0]["whole"], 1),
    }


if __name__ == "__main__":
    sys.exit(main())
