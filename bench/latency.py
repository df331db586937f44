"""From the server's write to the row that another connection sees, at 1, 100 and 1,000 events a second.

The scripted server notes the time just before it writes an event; every event is a new job, so that its row is new. A
reader in this process watches the change counter in the file's header (without a lock, every 0.2 ms), reads the new
rows through an SQLite connection of its own, and notes the time when it has them. All of it is one machine's monotonic
clock. Ours is the whole program, as in `events`; the floor is a bare socket, json.loads and an INSERT with one commit
for whatever has arrived, with the same synchronous=FULL. Both write into jupyter-scheduler's own table.

The median of a rate's percentiles over ROUNDS turns counts; a turn has at least 20 events and at most 5 seconds' worth.

Run: .venv/bin/python bench/latency.py [--quick]; `make bench` runs all of them.
The last line is one JSON object: milliseconds.
"""

import argparse
import json
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from harness import stage, workload

RATES = {1: 20, 100: 500, 1000: 5000}  # events a second, and how many
ROUNDS = 3
POLL = 0.0002
WARM = 20  # events before those that count
_FIRST = 1001  # resourceVersion of the first event


class Reader:
    """Notes when each row is seen.

    Args:
        database: The file.
    """

    def __init__(self, database: Path) -> None:
        self.seen: dict[str, int] = {}
        self._database = database
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def wait(self, count: int, *, seconds: float) -> None:
        """Wait until so many rows were seen."""
        deadline = time.monotonic() + seconds
        while len(self.seen) < count:
            if time.monotonic() > deadline:
                sys.exit(f"only {len(self.seen)} of {count} rows were seen")
            time.sleep(0.01)

    def _run(self) -> None:
        rowid, counter = 0, b""
        connection = sqlite3.connect(self._database, timeout=0)
        with self._database.open("rb", buffering=0) as file, closing(connection) as rows:
            while not self._ended.is_set():
                file.seek(24)
                found = file.read(4)
                if found == counter:
                    time.sleep(POLL)
                    continue
                try:
                    new = rows.execute("SELECT rowid, job_id FROM jobs WHERE rowid > ?", (rowid,)).fetchall()
                except sqlite3.OperationalError:  # the commit is under way
                    time.sleep(POLL / 2)
                    continue
                now, counter = time.monotonic_ns(), found
                self.seen.update((job, now) for _, job in new)
                rowid = max([rowid, *(number for number, _ in new)])


def ours(port: int, namespace: str, folder: Path) -> list[str]:
    """Return our program's command line."""
    return stage.own(port, namespace, folder, python=stage.alone())


def floor(port: int, namespace: str, folder: Path) -> list[str]:
    """Return the floor's command line."""
    database = str(folder / "scheduler.sqlite")
    return [sys.executable, str(stage.HERE / "plain.py"), "follow", str(port), namespace, database]


def once(server: stage.Scripted, make: Any, *, rate: int, count: int) -> list[float]:
    """Return the milliseconds of one turn's events."""
    namespace = f"paced-new-small-{WARM + count}"
    server.prepare(namespace)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = stage.database(folder)
        with stage.running(make(server.port, namespace, folder), folder / "log"), Reader(database) as reader:
            server.watched(namespace)
            server.control(namespace, f"rate=50&count={WARM}")
            reader.wait(WARM, seconds=10)
            sent = server.control(namespace, f"rate={rate}&count={count}")
            reader.wait(WARM + count, seconds=30)
    jobs = {workload.job_id(int(version) - _FIRST): at for version, at in sent.items()}
    return [(reader.seen[job] - at) / 1e6 for job, at in jobs.items()]


def figures(runs: list[list[float]]) -> dict[str, float]:
    """Return the medians of the turns' percentiles."""
    cuts = [statistics.quantiles(run, n=100, method="inclusive") for run in runs]
    return {f"p{cut}": round(statistics.median(values[cut - 1] for values in cuts), 2) for cut in (50, 95, 99)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one turn, at 100 and 1,000 a second, shorter")
    quick = parser.parse_args().quick
    rates = {100: 200, 1000: 1000} if quick else RATES
    before = stage.load()
    result: dict[str, Any] = {}
    with stage.serving() as server:
        for rate, count in rates.items():
            runs: dict[str, list[list[float]]] = {"ours": [], "floor": []}
            for _ in range(1 if quick or rate == 1 else ROUNDS):
                runs["ours"].append(once(server, ours, rate=rate, count=count))
                runs["floor"].append(once(server, floor, rate=rate, count=count))
            told = {name: figures(taken) for name, taken in runs.items()}
            result[f"{rate} a second"] = told | {"p50_to_floor": round(told["ours"]["p50"] / told["floor"]["p50"], 2)}
    print(json.dumps({"benchmark": "latency", "quick": quick, "load_before": before, "milliseconds": result}))


if __name__ == "__main__":
    main()
