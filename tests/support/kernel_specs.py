"""Kernels and conda environments as a lab has them, and what a job is made of with them."""

import base64
import json
import threading
from pathlib import Path
from typing import Any

from jupyter_scheduler.models import RuntimeEnvironment

from nbargo_submitter import ArgoScheduler
from support.lab_bench import Bench, request
from support.notebooks import write

PYTHON = {"spec": {"display_name": "Python 3", "language": "python", "metadata": {}}}
R = {"spec": {"display_name": "R", "language": "R", "metadata": {}}}
SAME_IMAGE = {"lab_image": "lab:1"}


class Specs:
    """A lab server's manager of kernels that counts how often it is asked, and in which thread."""

    def __init__(self, **specs: dict[str, Any]) -> None:
        self.specs = specs
        self.threads: list[threading.Thread] = []

    def get_all_specs(self) -> dict[str, Any]:
        self.threads.append(threading.current_thread())
        return self.specs


def of_conda(prefix: Path, **more: Any) -> dict[str, Any]:
    """Return a kernel as nb_conda_kernels describes it."""
    metadata = {"conda_env_name": prefix.name, "conda_env_path": str(prefix), **more}
    return {"spec": {"display_name": f"Python [conda env:{prefix.name}]", "language": "python", "metadata": metadata}}


def make_conda(prefix: Path, *kernels: str, papermill: str = "conda") -> Path:
    """Make what is looked at of a conda environment."""
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "bin").mkdir()
    (prefix / "bin/python").touch()
    by_pip = prefix / "lib/python3.11/site-packages/papermill/__init__.py"
    file = {"conda": prefix / "conda-meta/papermill-2.6.0-pyhd8ed1ab_0.json", "pip": by_pip}.get(papermill)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    for kernel in kernels:
        (prefix / "share/jupyter/kernels" / kernel).mkdir(parents=True)
        (prefix / "share/jupyter/kernels" / kernel / "kernel.json").write_text("{}")
    return prefix


async def offered(scheduler: ArgoScheduler) -> list[RuntimeEnvironment]:
    found: list[RuntimeEnvironment] = await scheduler.environments_manager.list_environments()
    return found


async def names(scheduler: ArgoScheduler) -> list[str]:
    return [environment.name for environment in await offered(scheduler)]


def notebook(bench: Bench, kernel: str) -> None:
    write(bench.root / "report.ipynb", "1", metadata={"kernelspec": {"name": kernel, "display_name": kernel}})


async def script(bench: Bench, scheduler: ArgoScheduler, **values: Any) -> dict[str, Any]:
    """Submit report.ipynb and return the script template of its Workflow."""
    workflow = bench.workflow(await scheduler.create_job(request(**values)))
    assert workflow is not None
    (template,) = workflow["spec"]["templates"]
    assert isinstance(template, dict)
    return template


def job(template: dict[str, Any]) -> dict[str, Any]:
    (value,) = [entry["value"] for entry in template["script"]["env"] if entry["name"] == "NBARGO_JOB"]
    found: dict[str, Any] = json.loads(base64.b64decode(value))
    return found
