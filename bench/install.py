"""What the watcher's own environment weighs: megabytes on disk, and milliseconds to import.

A virtual environment is made with the watcher's dependencies (of the versions in pins/dev.txt), the watcher and what it
shares, and nothing else. Its site-packages are weighed as they are installed, and again with the bytecode, which pip
writes at once and which every time here is taken with. The imports are those of the program that follows a cluster;
`--check`, which a probe runs again and again, and `--version` are timed from the process's start to its end, beside an
interpreter that does nothing. Medians of ROUNDS.

Run: .venv/bin/python bench/install.py [--quick]; `make bench` runs all of them.
The last line is one JSON object.
"""

import argparse
import json
import statistics
import subprocess
import time
from pathlib import Path

from harness import stage

ROUNDS = 11
IMPORTS = "from nbargo_watcher import cli, daemon, health, logs, once"


def weigh(folder: Path, *, bytecode: bool) -> dict[str, float]:
    """Return the megabytes (10^6 bytes) of each package, the largest first, and their sum."""
    sizes: dict[str, int] = {}
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink() and (bytecode or file.suffix != ".pyc"):
            package = file.relative_to(folder).parts[0].partition("-")[0]
            sizes[package] = sizes.get(package, 0) + file.stat().st_size
    largest = sorted(sizes.items(), key=lambda item: -item[1])
    return {"sum": round(sum(sizes.values()) / 1e6, 1)} | {name: round(size / 1e6, 1) for name, size in largest[:6]}


def timed(command: list[str | Path], *, rounds: int) -> float:
    """Return the median of a program's milliseconds, after one start that does not count."""
    taken = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        subprocess.run(command, capture_output=True, check=False)
        taken.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(taken[1:]), 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three rounds")
    quick = parser.parse_args().quick
    rounds = 3 if quick else ROUNDS
    before = stage.load()
    python = stage.alone()
    packages = next((python.parent.parent / "lib").glob("python*/site-packages"))
    installed = weigh(packages, bytecode=False)
    nothing = timed([python, "-c", "pass"], rounds=rounds)
    result = {
        "benchmark": "install",
        "quick": quick,
        "load_before": before,
        "installed_mb": installed,
        "milliseconds": {
            "interpreter": nothing,
            "imports": round(timed([python, "-c", IMPORTS], rounds=rounds) - nothing, 1),
            "import of aiohttp alone": round(timed([python, "-c", "import aiohttp"], rounds=rounds) - nothing, 1),
            "--version": timed([python, "-m", "nbargo_watcher", "--version"], rounds=rounds),
            "--check": timed([python, "-m", "nbargo_watcher", "--check", "--db", "/nowhere"], rounds=rounds),
        },
    }
    print(json.dumps(result | {"with_bytecode_mb": weigh(packages, bytecode=True)["sum"]}))


if __name__ == "__main__":
    main()
