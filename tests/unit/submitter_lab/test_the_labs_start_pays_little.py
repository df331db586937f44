import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from blockbuster import blockbuster_ctx
from jupyter_scheduler.models import ListJobsQuery

import nbargo_submitter
from support.lab_bench import Bench, request

HEAVY = ("hera", "kubernetes", "papermill", "nbconvert", "aiohttp")
CONFIG = Path(__file__).parents[3] / "submitter" / "etc" / "jupyter"

START = f"""
import sys
import nbargo_submitter
assert "jupyter_scheduler" not in sys.modules, "the package itself imports nothing"
from nbargo_submitter import ArgoEnvironmentManager, ArgoJobFilesManager, ArgoScheduler
manager = ArgoEnvironmentManager()
scheduler = ArgoScheduler(root_dir="/nowhere", environments_manager=manager, db_url="sqlite:////nowhere/x.sqlite")
ArgoJobFilesManager(scheduler=scheduler)
scheduler.execution_manager_class.supported_features(scheduler.execution_manager_class)
print([name for name in {HEAVY!r} if name in sys.modules])
"""

FORM = """
import asyncio, sys, threading
from nbargo_submitter import ArgoEnvironmentManager
asyncio.run(ArgoEnvironmentManager().list_environments())
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join(60)
print([name for name in ("hera.workflows", "kubernetes.aio.client") if name in sys.modules])
"""


def test_neither_import_nor_construction_loads_what_a_start_does_not_need() -> None:
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_what_the_first_submission_needs_is_imported_while_its_form_is_open() -> None:
    done = subprocess.run([sys.executable, "-c", FORM], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['hera.workflows', 'kubernetes.aio.client']"


async def test_no_request_blocks_the_servers_event_loop(bench: Bench) -> None:
    bench.notebook("work/report.ipynb")
    scheduler = bench.scheduler()
    await scheduler.create_job(request(input_uri="work/report.ipynb"))  # imports what is imported on first use
    with blockbuster_ctx("nbargo_submitter"):
        job_id = await scheduler.create_job(
            request(input_uri="work/report.ipynb", package_input_folder=True, idempotency_token="t")
        )
        await scheduler.list_jobs(ListJobsQuery())
        await scheduler.get_job(job_id)
        await scheduler.stop_job(job_id)
        await scheduler.delete_job(job_id)


def test_the_shipped_configuration_names_what_there_is() -> None:
    config = json.loads((CONFIG / "jupyter_jupyter_scheduler_config.json").read_text())
    for path in config["SchedulerApp"].values():
        module, name = path.rsplit(".", 1)
        assert getattr(import_module(module), name) is getattr(nbargo_submitter, name)


def test_the_server_loads_the_extension_that_is_shipped() -> None:
    config = json.loads((CONFIG / "jupyter_server_config.d" / "nbargo_submitter.json").read_text())
    (name,) = config["ServerApp"]["jpserver_extensions"]
    (point,) = import_module(name)._jupyter_server_extension_points()
    assert point["app"].name == name
