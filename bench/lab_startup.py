"""What the plugin adds to the lab's start-up: milliseconds and megabytes, beside stock jupyter-scheduler.

Both are the real `SchedulerApp`, initialised in a real jupyter_server as the lab does it, in a fresh process, in turns,
with a database and a data folder of its own. The only difference is the configuration: stock classes, or the ones that
installing nbargo-submitter configures. Time runs from before the server's import to after its initialisation, without
what the main thread waited for a processor that others had (/proc/thread-self/schedstat); memory is the resident set at
that point. What counts is the median of the differences within a turn, so that a machine that gets busier meanwhile
does not decide.

Run: make bench-startup. The last line is one JSON object; the exit status is 1 if a limit is passed.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 7
LIMIT_MILLISECONDS = 150.0
LIMIT_MEGABYTES = 10.0

STOCK = {
    "SchedulerApp": {
        "scheduler_class": "jupyter_scheduler.scheduler.Scheduler",
        "environment_manager_class": "jupyter_scheduler.environments.CondaEnvironmentManager",
        "job_files_manager_class": "jupyter_scheduler.job_files_manager.JobFilesManager",
    }
}

PROBE = """
import json, sys, time
started = time.perf_counter()
from jupyter_server.serverapp import ServerApp
app = ServerApp()
app.initialize(["--ServerApp.port=0", "--ServerApp.token=t", "--allow-root", "--no-browser"], new_httpserver=False)
app.load_server_extensions()
ended = time.perf_counter()
with open("/proc/thread-self/schedstat") as told:
    others = int(told.read().split()[1]) / 1e9
scheduler = app.web_app.settings["scheduler"]
with open("/proc/self/status") as status:
    resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
print(json.dumps({"ms": (ended - started - others) * 1000, "mb": resident / 1024, "class": type(scheduler).__name__}))
"""


def probe(*, stock: bool) -> dict[str, float | str]:
    """Start a server once and return its figures."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        config = root / "config"
        config.mkdir()
        if stock:
            (config / "jupyter_jupyter_scheduler_config.json").write_text(json.dumps(STOCK), encoding="utf-8")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "JUPYTER_CONFIG_DIR": str(config),
            "JUPYTER_PREFER_ENV_PATH": "0",  # in a virtual environment its own configuration would win
            "JUPYTER_DATA_DIR": str(root / "data"),
            "JUPYTER_RUNTIME_DIR": str(root / "runtime"),
        }
        (root / "data").mkdir()
        result = subprocess.run(
            [sys.executable, "-c", PROBE], env=environment, cwd=root, capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            sys.exit(result.stderr)
        figures: dict[str, float | str] = json.loads(result.stdout.splitlines()[-1])
        return figures


def main() -> int:
    """Run both in turns and print the median of the differences within a turn."""
    runs: dict[str, list[dict[str, float | str]]] = {"stock": [], "nbargo": []}
    for number in range(ROUNDS + 1):
        for name, taken in runs.items():
            figures = probe(stock=name == "stock")
            if number:  # the first turn warms the file cache
                taken.append(figures)
    expected = {"stock": "Scheduler", "nbargo": "ArgoScheduler"}
    for name, kind in expected.items():
        if {run["class"] for run in runs[name]} != {kind}:
            sys.exit(f"the {name} runs did not use {kind}")

    def median(name: str, figure: str) -> float:
        return statistics.median(float(run[figure]) for run in runs[name])

    result: dict[str, str | float] = {"benchmark": "lab_startup"}
    result |= {f"{name}_{figure}": round(median(name, figure), 1) for name in runs for figure in ("ms", "mb")}

    def more(figure: str) -> float:
        turns = zip(runs["nbargo"], runs["stock"], strict=True)
        return statistics.median(float(ours[figure]) - float(stock[figure]) for ours, stock in turns)

    more_ms, more_mb = more("ms"), more("mb")
    result |= {"more_ms": round(more_ms, 1), "more_mb": round(more_mb, 1), "rounds": ROUNDS}
    print(json.dumps(result))
    return int(more_ms >= LIMIT_MILLISECONDS or more_mb >= LIMIT_MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
