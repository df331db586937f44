"""How long the lists of the jobs page take: twenty definitions and two hundred runs, beside stock jupyter-scheduler.

Two real JupyterLab servers, one with the classes that installing nbargo-submitter configures and one with stock ones,
each with a database of the same rows, are asked in turns over HTTP, as the page asks: a page of 25 jobs, all jobs, the
jobs of one definition, all definitions. No cluster is in reach: a list does not need one.

Run: .venv/bin/python bench/lists.py [--quick]; `make bench` runs all of them.
The last line is one JSON object: milliseconds of a whole request, median and 95th percentile, and the ratio of the
medians. The exit status is 1 if a median of ours takes more than LIMIT_MILLISECONDS.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from harness import stage
from jupyter_scheduler.orm import Job, JobDefinition, create_session, create_tables
from lab_startup import STOCK

from nbargo_local.demo.place import Place, free_port

DEFINITIONS, RUNS = 20, 200
LIMIT_MILLISECONDS = 50.0
START_SECONDS = 90.0
TOKEN = "bench"  # noqa: S105 - of servers that live as long as this program
COMMON = {
    "runtime_environment_name": "default",
    "input_filename": "report.ipynb",
    "output_formats": ["ipynb", "html"],
    "tags": ["daily"],
    "parameters": {"day": "monday", "n": "5"},
    "output_filename_template": "{{input_filename}}-{{create_time}}",
    "package_input_folder": False,
}
LISTS = {
    "a page of 25 jobs": "jobs?max_items=25&sort_by=desc(create_time)",
    "all jobs": "jobs",
    "jobs of one definition": "jobs?job_definition_id=definition-7",
    "all definitions": "job_definitions",
}


@dataclass(frozen=True, slots=True)
class Lab:
    """A running server, and how long its answers took, by list."""

    client: httpx.Client
    milliseconds: dict[str, list[float]]

    def ask(self, name: str, path: str) -> int:
        """Ask for a list; return how many entries it has, or for a number."""
        started = time.perf_counter()
        answer = self.client.get(f"scheduler/{path}")
        self.milliseconds.setdefault(name, []).append((time.perf_counter() - started) * 1000)
        told = answer.raise_for_status().json()
        return (
            int(told["count"]) if "count" in told else len(next(each for each in told.values() if type(each) is list))
        )


def fill(place: Place) -> None:
    """Write the rows."""
    url = f"sqlite:///{place.database}"
    create_tables(url)
    with create_session(url)() as session:
        for number in range(DEFINITIONS):
            definition: dict[str, Any] = {**COMMON, "schedule": "0 0 1 1 *", "timezone": "UTC", "create_time": number}
            definition |= {"job_definition_id": f"definition-{number}", "name": f"definition {number}"}
            session.add(JobDefinition(**definition))
        for number in range(RUNS):
            times = {"create_time": number, "start_time": number, "end_time": number + 5}
            run: dict[str, Any] = {**COMMON, **times, "job_id": f"run-{number}", "name": f"run {number}"}
            run |= {"job_definition_id": f"definition-{number % DEFINITIONS}", "status": "COMPLETED"}
            session.add(Job(**run))
        session.commit()


@contextmanager
def lab(root: Path, *, fill: Callable[[Place], None], stock: bool) -> Iterator[Lab]:
    """Run a server with the rows."""
    place = Place(root)
    place.make()
    fill(place)
    if stock:
        (root / "config" / "jupyter_jupyter_scheduler_config.json").write_text(json.dumps(STOCK), encoding="utf-8")
    port = free_port()
    environment = place.environment(os.environ, user="bench")
    environment |= {"JUPYTER_PREFER_ENV_PATH": "0", "NBARGO_WATCHER": "sidecar"}
    command = place.lab_command(port=port, token=TOKEN)
    headers = {"Authorization": f"token {TOKEN}"}
    base = f"http://127.0.0.1:{port}/"
    with (
        (root / "log").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
        httpx.Client(base_url=base, headers=headers, timeout=60, trust_env=False) as client,
    ):
        try:
            wait_for(client, stock=stock, log=root / "log")
            yield Lab(client=client, milliseconds={})
        finally:
            process.terminate()


def wait_for(client: httpx.Client, *, stock: bool, log: Path) -> None:
    """Wait until the server answers, and see that it has the scheduler that is meant."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            (environment, *_) = client.get("scheduler/runtime_environments").raise_for_status().json()
        except (httpx.TransportError, httpx.HTTPStatusError):
            time.sleep(0.1)
            continue
        if (environment["metadata"] or {}).get("path") != (sys.executable if stock else None):
            sys.exit("the server does not have the scheduler that is meant")
        return
    sys.exit(log.read_text(encoding="utf-8")[-2000:])


def summary(ours: Lab, stock: Lab, name: str) -> dict[str, float]:
    """Return the figures of a list."""
    row: dict[str, float] = {}
    for who, asked in (("ours", ours), ("stock", stock)):
        taken = asked.milliseconds[name][1:]  # the first one imports
        row[f"{who}_p50"] = round(statistics.median(taken), 1)
        row[f"{who}_p95"] = round(statistics.quantiles(taken, n=20)[-1], 1)
    row["to_stock"] = round(row["ours_p50"] / row["stock_p50"], 2)
    return row


def compare(name: str, lists: Mapping[str, str], fill: Callable[[Place], None], *, turns: int, limit: float) -> int:
    """Ask both servers for lists in turns, and print the figures as one JSON object.

    Args:
        name: The benchmark's.
        lists: What is asked for, by its name.
        fill: Writes the rows of a server.
        turns: How often; `--quick` makes it a fifth of that.
        limit: Milliseconds that a median of ours may take.

    Returns:
        The exit status: 1 above the limit.
    """
    parser = argparse.ArgumentParser(
        description=sys.modules["__main__"].__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help=f"{turns // 5} turns instead of {turns}")
    quick = parser.parse_args().quick
    result: dict[str, object] = {"benchmark": name, "quick": quick, "load_before": stage.load()}
    with (
        tempfile.TemporaryDirectory() as first,
        tempfile.TemporaryDirectory() as second,
        lab(Path(first), fill=fill, stock=False) as ours,
        lab(Path(second), fill=fill, stock=True) as stock,
    ):
        for _ in range(turns // 5 if quick else turns):
            for each, path in lists.items():
                if ours.ask(each, path) != stock.ask(each, path):
                    sys.exit(f"{each}: the two servers do not list the same")
    rows = {each: summary(ours, stock, each) for each in lists}
    print(json.dumps({**result, **rows}))
    return int(any(row["ours_p50"] > limit for row in rows.values()))


if __name__ == "__main__":
    sys.exit(compare("lists", LISTS, fill, turns=100, limit=LIMIT_MILLISECONDS))
