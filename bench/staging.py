"""How long a big folder takes to be staged for a job: FILES files, a gigabyte together.

`ours` is what a submission does, counting included; `copytree` is shutil.copytree, `cp` is cp -r. Each copies the same
folder, in turns. The first row is this machine's disk. The second plays a network volume: the functions that open a
file wait for ROUND_TRIP seconds, which neither cp nor the calls in the kernel can be made to do, so that only the two
that are Python are compared, on SLOW_FILES of the files.

While ours copies, an event loop in the same process asks for the time every LOOK seconds; `loop_late_ms` is how late
the looks were, the 99th percentile and the latest: what a user of the lab would notice.

Run: .venv/bin/python bench/staging.py [--quick]; `make bench` runs all of them.
The last line is one JSON object. The exit status is 1 if the 99th percentile is above LIMIT_MILLISECONDS.
"""

import argparse
import asyncio
import builtins
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import stage

from nbargo_submitter import copying
from nbargo_submitter.staging import Input, Staging
from nbargo_submitter.threads import cancellable

FILES, SIZE = 10_000, 100_000
SLOW_FILES, ROUND_TRIP = 1_000, 0.004
LOOK, LIMIT_MILLISECONDS = 0.01, 250.0


def fill(folder: Path, files: int) -> None:
    """Write a notebook and its data."""
    data = os.urandom(SIZE)
    (folder / "x.ipynb").write_text("{}")
    for number in range(files):
        path = folder / f"part {number % 100}" / f"{number}.bin"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)


def ours(folder: Path, target: Path) -> None:
    """Stage it."""
    staging(folder, target)()


def staging(folder: Path, target: Path, **options: Any) -> Callable[..., None]:
    """Return what stages it."""
    given = Input(notebook=folder / "x.ipynb", name="x.ipynb", with_folder=True)
    return lambda **more: Staging(str(target.parent)).fill(target, given, **options, **more)


def copytree(folder: Path, target: Path) -> None:
    """Copy it with shutil."""
    shutil.copytree(folder, target)


def cp(folder: Path, target: Path) -> None:
    """Copy it with cp."""
    subprocess.run(["cp", "-r", folder, target], check=True)


def seconds(copy: Callable[[Path, Path], None], folder: Path, target: Path) -> float:
    """Return how long a copy takes."""
    started = time.perf_counter()
    copy(folder, target)
    taken = time.perf_counter() - started
    shutil.rmtree(target)
    return taken


async def lateness(folder: Path, target: Path) -> dict[str, float]:
    """Return by how many milliseconds the looks of the event loop were late while a folder was staged."""
    loop = asyncio.get_running_loop()
    copy = asyncio.create_task(cancellable(staging(folder, target)))
    late: list[float] = []
    while not copy.done():
        before = loop.time()
        await asyncio.sleep(LOOK)
        late.append((loop.time() - before - LOOK) * 1000)
    await copy
    shutil.rmtree(target)
    return {"p99": round(statistics.quantiles(late, n=100)[-1], 1), "max": round(max(late), 1)}


def slowed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that waits first, as for a server."""

    def wait(*args: Any, **options: Any) -> Any:
        time.sleep(ROUND_TRIP)
        return function(*args, **options)

    return wait


def slow(folder: Path, target: Path) -> dict[str, float]:
    """Return the seconds with a round trip for each file that is opened."""
    opens, builtin = os.open, builtins.open
    os.open, builtins.open = slowed(opens), slowed(builtin)
    try:
        return {copy.__name__: round(seconds(copy, folder, target), 2) for copy in (ours, copytree)}
    finally:
        os.open, builtins.open = opens, builtin


def main() -> int:
    """Copy in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2,000 files, once")
    quick = parser.parse_args().quick
    files, turns = (2_000, 1) if quick else (FILES, 3)
    result: dict[str, object] = {"benchmark": "staging", "quick": quick, "load_before": stage.load()}
    with tempfile.TemporaryDirectory() as root:
        folder, target = Path(root, "work"), Path(root, "staging", "job")
        folder.mkdir()
        target.parent.mkdir()
        fill(folder, files)
        taken: dict[str, list[float]] = {}
        for _ in range(turns):
            for copy in (ours, copytree, cp):
                taken.setdefault(copy.__name__, []).append(seconds(copy, folder, target))
        late = asyncio.run(lateness(folder, target))
        shutil.rmtree(folder)
        folder.mkdir()
        fill(folder, SLOW_FILES)
        result["slow_volume"] = {"files": SLOW_FILES, "round_trip_ms": ROUND_TRIP * 1000, **slow(folder, target)}
    result["disk"] = {"files": files, "mb": files * SIZE // 1_000_000} | {
        name: round(statistics.median(each), 2) for name, each in taken.items()
    }
    print(json.dumps({**result, "loop_late_ms": late, "threads": copying.WORKERS}))
    return int(late["p99"] > LIMIT_MILLISECONDS)


if __name__ == "__main__":
    sys.exit(main())
