"""`watcher --once` on many workflows, cold and with nothing to do, beside plain paging of the same list.

Each run is a fresh process, timed from its start to its end, so that the interpreter and the imports are inside on both
sides; all of them in an environment with the watcher's dependencies alone, its bytecode compiled. Plain paging is the
smallest program that reads the list in pages of 500 (ours asks for 200) and parses them with json.loads, with aiohttp
(which is what ours stands on) and with http.client (which imports least); it keeps and checks nothing. `cold` begins
with jupyter-scheduler's empty tables and ends with a row for each workflow; `idle` is the same command again. The
file's hash must be the same after it, and the rows are counted through another connection. Medians of ROUNDS turns.

Run: .venv/bin/python bench/once.py [--quick]; `make bench` runs all of them.
The last line is one JSON object: seconds and ratios.
"""

import argparse
import hashlib
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from harness import stage

ROUNDS = 5


def timed(command: Sequence[str | Path]) -> tuple[float, str]:
    """Run a program and return how long it took, and what it said."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    taken = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{command}: {done.stderr}")
    return taken, done.stdout


def measure(server: stage.Scripted, count: int) -> dict[str, float]:
    """Run all programs once and return their seconds."""
    namespace = f"list-small-{count}"
    python = stage.alone()
    plain: list[str | Path] = [python, stage.HERE / "plain.py"]
    taken = {}
    for name in ("page-aiohttp", "page-http"):
        taken[name], said = timed([*plain, name, str(server.port), namespace])
        if int(said) != count:
            sys.exit(f"{name} read {said} objects")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = stage.database(folder)
        command = stage.own(server.port, namespace, folder, "--once", "--output", "json", python=python)
        taken["cold"], said = timed(command)
        if json.loads(said)["added"] != count:
            sys.exit(f"the first run said {said}")
        before = hashlib.sha256(database.read_bytes()).hexdigest()
        taken["idle"], said = timed(command)
        if hashlib.sha256(database.read_bytes()).hexdigest() != before:
            sys.exit("the second run wrote to the database")
        with closing(sqlite3.connect(database)) as rows:
            found = rows.execute("SELECT count(*) FROM jobs WHERE status = 'COMPLETED'").fetchone()[0]
        if found != count:
            sys.exit(f"there are {found} rows")
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2,000 workflows, one round")
    quick = parser.parse_args().quick
    count, rounds = (2_000, 1) if quick else (10_000, ROUNDS)
    before = stage.load()
    with stage.serving() as server:
        server.prepare(f"list-small-{count}")
        stage.alone()  # made before anything is timed
        runs = [measure(server, count) for _ in range(rounds)]
    median = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    result = {
        "benchmark": "once",
        "quick": quick,
        "workflows": count,
        "load_before": before,
        "seconds": {name: round(value, 3) for name, value in median.items()},
        "cold_to_paging": round(median["cold"] / median["page-aiohttp"], 2),
        "idle_to_paging": round(median["idle"] / median["page-aiohttp"], 2),
        "second_run_wrote": False,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
