"""What a job costs beside argo-jupyter-scheduler 2024.6.1: pods, submit latency, and the time to the final status.

Both run as released, each in a virtual environment of its own with the same versions of all that they share, in a real
jupyter_server. Both talk HTTPS to one server of this machine (harness/argoserver.py), which answers nbargo as a
Kubernetes API and argo-jupyter-scheduler as Argo Server, and lets every create call wait for DELAY.

* Pods are counted in the manifests that arrive there.
* Submit latency runs from the POST to its answer; the server's own part of it is told separately, and so is the time
  until the server had taken the object: argo-jupyter-scheduler answers before its process has sent it. In turns.
* The final status is timed from the end of the notebook's last cell, which prints it, to the row in scheduler.sqlite.
  nbargo: the local Argo runs the job's pod as a process, and a watcher follows. argo-jupyter-scheduler: the programs of
  its steps, as they are in the manifest that it sent, are run one after the other with no time between them; nothing
  is there of a controller, a scheduler, an image or a container, so it is a lower bound.
* Memory is the resident set of each server before and after the submissions, and of the watcher.

Run: .venv/bin/python bench/reference.py [--quick]; `make bench` runs all of them.
The last line is one JSON object.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import argoserver, labs, stage
from harness.statuses import completed, notebook_ended
from harness.steps import Pod, pods
from lab_startup import STOCK
from memory import resident

from nbargo_local.demo.place import Place

DELAY = 0.01
"""Seconds that the API server takes for a create call besides its own work; each has the same."""
SUBMISSIONS, JOBS = 20, 5
CONDA = '#!/bin/sh\n# conda run -p ENVIRONMENT PROGRAM...\nshift 3\nexec "$@"\n'
FAILS = {"main": "Failed", "rename-files": "Failed"}
"""How the steps end when the notebook fails: there is no HTML file to rename then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """The two labs and their server.

    Attributes:
        server: The API server.
        ours: The lab with nbargo.
        theirs: The lab with argo-jupyter-scheduler.
        watcher: Process of nbargo's watcher.
    """

    server: labs.Server
    ours: labs.Lab
    theirs: labs.Lab
    watcher: int

    def settle(self, count: int) -> dict[str, Any]:
        """Wait until so many objects were created and what made the last one has ended; return that call."""
        call = self.server.created(count)
        time.sleep(0.5)
        return call


@contextmanager
def both(*, runs: bool) -> Iterator[Both]:
    """Run both labs, nbargo's watcher, and the server."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (root / "server").mkdir()
        server = stack.enter_context(labs.serving(root / "server", delay=DELAY, runs=runs))
        own, peer = Place(root / "ours"), Place(root / "theirs")
        own.make()
        ours = {"NBARGO_KUBECONFIG": str(server.folder / "kubeconfig"), "NBARGO_WATCHER": "sidecar"}
        variables = own.environment(os.environ, user="bench") | ours
        command: list[str | Path] = [stage.plugin(), *own.watcher_command("--start-jitter", "0")[1:]]
        watcher = stack.enter_context(labs.running(command, own, "watcher", variables))
        mine = stack.enter_context(labs.lab(own, stage.plugin(), environment=ours))
        theirs = stack.enter_context(labs.lab(peer, stage.reference(), config=labs.AJS, environment=argo(server)))
        yield Both(server=server, ours=mine, theirs=theirs, watcher=watcher.pid)


def argo(server: labs.Server) -> dict[str, str]:
    """Return the variables by which argo-jupyter-scheduler finds Argo Server."""
    where = {"ARGO_SERVER": f"127.0.0.1:{server.port}", "ARGO_BASE_HREF": "/", "ARGO_NAMESPACE": argoserver.NAMESPACE}
    trust = {"ARGO_TOKEN": f"Bearer {argoserver.TOKEN}", "REQUESTS_CA_BUNDLE": str(server.folder / "ca.crt")}
    return where | trust | {"PREFERRED_USERNAME": "bench"}


def submissions(turns: int) -> dict[str, Any]:
    """Submit in turns; return pods, milliseconds and memory."""
    with both(runs=False) as pair:
        sides = {"ours": pair.ours, "theirs": pair.theirs}
        memory = {who: {"idle": round(lab.idle_mib, 1)} for who, lab in sides.items()}
        memory["ours"]["watcher, idle"] = mib(pair.watcher)
        taken: dict[str, list[dict[str, float]]] = {who: [] for who in sides}
        jobs, definitions = {}, {}
        count = 0
        for _ in range(turns + 1):
            for who, lab in sides.items():
                count += 1
                _, began, ended = lab.submit()
                call = pair.settle(count)
                taken[who].append(times(call, began, ended))
                jobs[who] = call["object"]
        for who, lab in sides.items():
            memory[who]["after the jobs"] = mib(lab.pid)
        for number, (who, lab) in enumerate(sides.items(), count + 1):
            lab.define()
            definitions[who] = pair.settle(number)["object"]
    counts = {"run now": counted(jobs), "run now, and the notebook fails": counted(jobs, FAILS)}
    return {
        "pods": counts | {"scheduled run": counted(definitions)},
        "submit_ms": {who: {"first": round(runs[0]["answer"], 1)} | summary(runs[1:]) for who, runs in taken.items()},
        "mib": memory,
    }


def mib(pid: int) -> float:
    """Return a process's resident memory, MiB."""
    return round(resident(pid), 1)


def times(call: dict[str, Any], began: int, ended: int) -> dict[str, float]:
    """Return the milliseconds of one submission: to its answer, in the server, and until that has the object."""
    if not 200 <= call["status"] < 300:
        sys.exit(f"the server answered a create call with {call['status']}")
    spans = {"answer": ended - began, "server": call["answered"] - call["came"], "there": call["answered"] - began}
    return {name: span / 1e6 for name, span in spans.items()}


def summary(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return median and 90th percentile of each member."""
    result = {}
    for name in runs[0]:
        values = [run[name] for run in runs]
        result[f"{name}_p50"] = round(statistics.median(values), 1)
        result[f"{name}_p90"] = round(statistics.quantiles(values, n=10, method="inclusive")[-1], 1)
    return result


def counted(manifests: Mapping[str, Any], ends: Mapping[str, str] | None = None) -> dict[str, int]:
    """Return the number of pods of each."""
    return {who: len(pods(manifest, ends)) for who, manifest in manifests.items()}


def endings(turns: int) -> dict[str, Any]:
    """Run jobs in turns; return the milliseconds from the notebook's end to the status."""
    ours, theirs = [], []
    with both(runs=True) as pair:
        shims = pair.server.folder / "bin"
        shims.mkdir()
        (shims / "conda").write_text(CONDA, encoding="ascii")
        (shims / "conda").chmod(0o755)
        for number in range(turns + 1):
            own = run_ours(pair)
            pair.settle(2 * number + 1)
            peer = run_theirs(pair, 2 * number + 2, shims)
            if number:  # the first one imports and compiles
                ours.append(own)
                theirs.append(peer)
    return {"ours": medians(ours), "theirs": medians(theirs)}


def run_ours(pair: Both) -> dict[str, float]:
    """Submit a job and follow it to its end."""
    job_id, _, _ = pair.ours.submit()
    at = completed(pair.ours.place.database, job_id)
    folder = pair.ours.place.staging / job_id
    ended, left = notebook_ended(folder), (folder / "outcome.json").stat().st_mtime_ns
    return {"from the last cell": (at - ended) / 1e6, "from the end of the step": (at - left) / 1e6}


def run_theirs(pair: Both, count: int, shims: Path) -> dict[str, float]:
    """Submit a job and run its steps."""
    place = pair.theirs.place
    job_id, _, _ = pair.theirs.submit()
    main, *others = pods(pair.settle(count)["object"])
    python = stage.reference().parent
    environment = place.environment(os.environ, user="bench") | {
        "PATH": os.pathsep.join(map(str, (shims, Path(sys.executable).parent, os.environ["PATH"])))
    }
    took: dict[str, float] = {}
    with ThreadPoolExecutor() as pool:
        seen = pool.submit(completed, place.database, job_id)
        container = main.template["container"]
        subprocess.run([*container["command"], *container["args"]], env=environment, cwd=place.root, check=True)
        left = time.time_ns()
        for pod in others:
            began, used = time.time_ns(), children()
            run_script(pod, environment | {"PATH": os.pathsep.join([str(python), os.environ["PATH"]])}, place.root)
            took[f"step {pod.name}"] = (time.time_ns() - began) / 1e6
            took[f"processor's time of {pod.name}"] = (children() - used) * 1e3
        at = seen.result()
    ended = notebook_ended(place.staging / job_id)
    return {"from the last cell": (at - ended) / 1e6, "from the end of the step": (at - left) / 1e6} | took


def children() -> float:
    """Return the processor's seconds that this process's ended children have used."""
    told = resource.getrusage(resource.RUSAGE_CHILDREN)
    return told.ru_utime + told.ru_stime


def run_script(pod: Pod, environment: dict[str, str], folder: Path) -> None:
    """Run a script as Argo does: its text is a file, whose name the command gets."""
    file = folder / "script"
    file.write_text(pod.program(), encoding="utf-8")
    done = subprocess.run(
        [*pod.template["script"]["command"], file], env=environment, cwd=folder, capture_output=True, check=False
    )
    if done.returncode:
        sys.exit(f"step {pod.name}: {done.stderr.decode()[-2000:]}")


def medians(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the medians of each member."""
    return {name: round(statistics.median(run[name] for run in runs), 1) for name in runs[0]}


def idle() -> float:
    """Return the resident memory of a server with stock jupyter-scheduler, MiB."""
    with (
        tempfile.TemporaryDirectory() as root,
        labs.lab(Place(Path(root)), stage.reference(), config=STOCK, environment={}) as lab,
    ):
        return round(lab.idle_mib, 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="5 submissions and 2 jobs")
    quick = parser.parse_args().quick
    stage.plugin()
    stage.reference()
    result: dict[str, Any] = {"benchmark": "reference", "quick": quick, "load_before": stage.load()}
    result |= submissions(5 if quick else SUBMISSIONS)
    result["mib"]["stock"] = {"idle": idle()}
    result["status_ms"] = endings(2 if quick else JOBS)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
