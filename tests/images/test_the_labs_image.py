"""The example of a lab's image: its Dockerfile's steps on what a Jupyter image has, and the lab run as in a pod."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from images.container import HOME, Container
from support.jobs import USER
from support.ports import free_port
from support.waiting import eventually

if TYPE_CHECKING:
    from images.cluster import Cluster
    from images.dockerfile import Built

pytestmark = pytest.mark.timeout(600)
COLOUR = re.compile(r"\x1b\[\d*m")
POD = {"HOME": HOME, "NBARGO_USER": USER}


@pytest.fixture
def lab(lab_image: Built, home: Path, cluster: Cluster) -> Container:
    return Container(image=lab_image, home=home, account=cluster.account)


def test_the_extension_and_the_scheduler_are_enabled_by_being_installed(lab: Container) -> None:
    listed = lab.run("jupyter", "server", "extension", "list", variables=POD)
    told = COLOUR.sub("", listed.stdout + listed.stderr)
    assert listed.returncode == 0, told
    for extension in ("nbargo_submitter", "jupyter_scheduler", "jupyterlab"):
        assert f"{extension} enabled" in " ".join(told.split()), told
    assert lab.run("jupyter", "lab", "--version", variables=POD).stdout[0] == "4"


def test_what_the_base_has_keeps_its_version(lab_image: Built) -> None:
    steps = (lab_image.tree / "lab.txt").read_text()
    assert "jupyterlab==" not in steps
    assert "ipykernel==" not in steps


def test_the_programs_of_lab_and_job_are_there(lab: Container) -> None:
    assert lab.run("watcher", "--version", variables=POD).stdout == "watcher 0.1.0\n"
    assert lab.run("papermill", "--version", variables=POD).returncode == 0
    script = "from nbargo_submitter.scheduler import ArgoScheduler; print(ArgoScheduler.__name__)"
    imported = lab.run("python", "-c", script, variables=POD)
    assert imported.stdout == "ArgoScheduler\n", imported.stderr


def test_the_lab_lists_what_the_watchers_image_writes(
    lab: Container, watcher_image: Built, cluster: Cluster, tmp_path: Path
) -> None:
    """Both images on one home, as in a pod; the database is the lab's own this time."""
    assert lab.home is not None
    (lab.home / ".local/share/jupyter/scheduler.sqlite").unlink()
    port = free_port()
    options = ("--no-browser", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0")
    variables = {**POD, **cluster.variables, "NBARGO_WATCHER": "sidecar"}
    server = lab.start(
        "jupyter", "lab", *options, "--IdentityProvider.token=t", log=tmp_path / "lab", variables=variables
    )
    sidecar = Container(image=watcher_image, home=lab.home, account=cluster.account)
    watcher = sidecar.start(*watcher_image.entrypoint, log=tmp_path / "watcher", variables=variables)
    try:
        job = cluster.do("create", 1)
        url = f"http://127.0.0.1:{port}/scheduler/jobs"
        eventually(lambda: listed(url) == {job: "QUEUED"}, what="the lab lists the job", seconds=120, every=0.2)
    except AssertionError as error:
        raise AssertionError(f"{server.output[-3000:]}\n{watcher.output[-3000:]}") from error
    finally:
        watcher.stop()
        server.stop()


def listed(url: str) -> dict[str, str]:
    try:
        answer = httpx.get(url, headers={"Authorization": "token t"}, trust_env=False)
    except httpx.TransportError:
        return {}
    return {each["job_id"]: each["status"] for each in answer.json()["jobs"]} if answer.is_success else {}


def test_the_build_context_has_all_that_is_copied_and_no_cache() -> None:
    root = Path(__file__).parents[2]
    allowed = {line[1:] for line in (root / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for name in ("watcher", "lab"):
        lines = (root / "images" / name / "Dockerfile").read_text().splitlines()
        sources = {line.split()[1] for line in lines if line.startswith("COPY ") and "--from" not in line}
        assert {source for source in sources if source not in allowed and source.split("/")[0] not in allowed} == set()
