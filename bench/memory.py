"""Resident memory of the watcher: with 10,000 jobs, and while 100,000 events come.

The whole program runs as in a pod: HTTPS with a service account's token and CA, JSON log, heartbeat. It lists 10,000
workflows that have ended (3.2 KB each), and then watches the whole lives of other jobs, eight events each, 1,000 of
them in one go every time, with pauses in which everything is committed. Resident is VmRSS of /proc, the peak is VmHWM;
the slope is that of a straight line through the samples of the second half of the events, when all that is filled once
(the allocator's arenas, SQLite's page cache, the memory of versions) is full.

The figures are taken in the environment that runs this, and again in one with the watcher's dependencies alone, as in
its image: packages that are merely there (rich, for one) are otherwise imported by structlog. A third time it has the
variables that docs/operators.md gives the sidecar's container.

Run: .venv/bin/python bench/memory.py [--quick]; `make bench` runs all of them.
The last line is one JSON object: MiB, and KiB per 1,000 events.
"""

import argparse
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from harness import stage

STEP = 1000
SETTLE = 30.0
SIDECAR = {"MALLOC_TRIM_THRESHOLD_": "65536"}
"""What the sidecar's container sets (docs/operators.md)."""
CERTIFICATE = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=bench", "-days", "2")


def make_account(folder: Path) -> tuple[Path, Path]:
    """Write a service account's files; return the server's certificate and key."""
    certificate, key = folder / "ca.crt", folder / "tls.key"
    name = ("-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run([*CERTIFICATE, *name, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    (folder / "token").write_text("token", encoding="ascii")
    (folder / "namespace").write_text("jobs", encoding="ascii")
    return certificate, key


def resident(pid: int, field: str = "VmRSS") -> float:
    """Return a process's resident memory, MiB."""
    told = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in told if line.startswith(field))


def wait_for_rows(database: Path, count: int) -> None:
    """Wait until so many rows are there."""
    deadline = time.monotonic() + SETTLE
    with closing(sqlite3.connect(database, timeout=10)) as rows:
        while (found := rows.execute("SELECT count(*) FROM jobs").fetchone()[0]) < count:
            if time.monotonic() > deadline:
                sys.exit(f"there are only {found} of {count} rows")
            time.sleep(0.1)


def measure(
    server: stage.Scripted, account: Path, python: Path, *, jobs: int, events: int, variables: Mapping[str, str]
) -> dict[str, object]:
    """Run the watcher once and return its figures."""
    namespace = f"held-small-{jobs}"
    server.prepare(namespace)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = stage.database(folder)
        command = stage.own(server.port, namespace, folder, "--start-jitter", "0", python=python)
        where = {**variables, "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(server.port)}
        with stage.running(command, folder / "log", NBARGO_BENCH_ACCOUNT=str(account), **where) as process:
            server.watched(namespace)
            wait_for_rows(database, jobs)
            time.sleep(1)
            listed = resident(process.pid)
            samples = []
            for done in range(STEP, events + 1, STEP):
                server.control(namespace, f"rate=0&count={STEP}")
                wait_for_rows(database, jobs + (done - 800) // 8)
                time.sleep(0.05)
                samples.append(resident(process.pid))
            peak = resident(process.pid, "VmHWM")
    late = samples[len(samples) // 2 :]
    slope = statistics.linear_regression(range(len(late)), late).slope * 1024
    return {
        "listed_mib": round(listed, 1),
        "end_mib": round(samples[-1], 1),
        "peak_mib": round(peak, 1),
        "slope_kib_per_1000_events": round(slope, 2),
        "samples_mib": [round(value, 1) for value in samples[:: max(1, len(samples) // 10)]],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2,000 jobs and 10,000 events, in this environment alone")
    quick = parser.parse_args().quick
    jobs, events = (2_000, 10_000) if quick else (10_000, 100_000)
    runs: dict[str, tuple[Path, Mapping[str, str]]] = {"this environment": (Path(sys.executable), {})}
    if not quick:
        alone = stage.alone()
        runs |= {"watcher only": (alone, {}), "watcher only, as a sidecar": (alone, SIDECAR)}
    result: dict[str, object] = {"benchmark": "memory", "quick": quick, "jobs": jobs, "events": events}
    result["load_before"] = stage.load()
    with tempfile.TemporaryDirectory() as name:
        account = Path(name)
        certificate = make_account(account)
        with stage.serving(*certificate) as server:
            for where, (python, variables) in runs.items():
                result[where] = measure(server, account, python, jobs=jobs, events=events, variables=variables)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
