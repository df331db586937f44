"""The watcher's image: its Dockerfile's steps, and the program run as the sidecar's container runs it."""

from __future__ import annotations

import json
import re
import stat
from contextlib import closing
from functools import partial
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from packaging.utils import canonicalize_name

from images import container
from images.container import HOME, Container
from nbargo_shared.database import open_to_read
from support.jobs import USER
from support.ports import free_port
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from images.cluster import Cluster
    from images.dockerfile import Built

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(600)
SIDECAR = {"NBARGO_USER": USER, "NBARGO_LOG_LEVEL": "info", "HOME": HOME, "MALLOC_TRIM_THRESHOLD_": "65536"}
"""What the sidecar's container sets (helm/nbargo), but for the health port, which is a free one here."""
COMPILED = re.compile(r"^# code object from (\S+\.py)$", re.MULTILINE)
"""How PYTHONVERBOSE names a source file that had to be compiled."""
DATABASE = ".local/share/jupyter/scheduler.sqlite"


@pytest.fixture
def alone(watcher_image: Built) -> Container:
    return Container(image=watcher_image)


@pytest.fixture
def sidecar(watcher_image: Built, home: Path, cluster: Cluster) -> Container:
    return Container(image=watcher_image, home=home, account=cluster.account)


def rows(home: Path) -> dict[str, str]:
    with closing(open_to_read(home / DATABASE)) as connection:
        return dict(connection.execute("SELECT job_id, status FROM jobs").fetchall())


def test_it_has_what_the_watcher_needs_and_nothing_else(watcher_image: Built) -> None:
    (folder,) = watcher_image.tree.glob("lib/python3*/site-packages")
    installed = list(distributions(path=[str(folder)]))
    pinned = {line.partition(" ;")[0] for line in (ROOT / "pins" / "watcher.txt").read_text().splitlines()}
    found = {f"{canonicalize_name(each.name)}=={each.version}" for each in installed}
    assert found == pinned | {"nbargo-shared==0.1.0", "nbargo-watcher==0.1.0"}
    recorded = {file.locate() for each in installed for file in each.files or ()}
    present = {path for path in folder.rglob("*") if path.is_file()}
    assert present - {path.resolve() for path in map(Path, recorded)} == set()


def test_nothing_of_the_build_is_in_it(watcher_image: Built) -> None:
    assert [path.name for path in watcher_image.root.iterdir()] == ["opt"]
    assert [path.name for path in (watcher_image.root / "opt").iterdir()] == ["nbargo"]


def test_its_size(watcher_image: Built) -> None:
    files = [path for path in watcher_image.tree.rglob("*") if path.is_file() and not path.is_symlink()]
    size = sum(path.stat().st_size for path in files) / 1e6
    bytecode = sum(path.stat().st_size for path in files if path.suffix == ".pyc") / 1e6
    print(f"\n{size:.1f} MB in {len(files)} files beside the base, of it {bytecode:.1f} MB bytecode")  # noqa: T201
    assert size < 40, "docs/performance.md promises 30 MB without the standard library's bytecode"


def test_nobody_can_write_in_it(watcher_image: Built) -> None:
    for path in (watcher_image.tree, *watcher_image.tree.rglob("*")):
        mode = path.lstat()
        assert mode.st_uid == 0
        assert path.is_symlink() or not stat.S_IMODE(mode.st_mode) & 0o022, path


def test_it_runs_as_the_user_of_the_homes(watcher_image: Built) -> None:
    assert watcher_image.user == f"{container.UID}:{container.GID}"


def test_the_container_is_as_strict_as_a_pods(watcher_image: Built, home: Path) -> None:
    within = Container(image=watcher_image, home=home)
    script = "id -u; id -g; cd; touch a && for place in / /tmp /run /dev/shm /home; do touch $place/a || echo no; done"
    told = within.run("sh", "-c", script, variables={"HOME": HOME})
    assert told.stdout.split() == ["1000", "100", *["no"] * 5], told.stderr
    assert told.stderr.count("Read-only file system") == 5
    assert (home / "a").stat().st_uid == container.UID


def test_version_help_and_check_need_no_home(alone: Container) -> None:
    (program,) = alone.image.entrypoint
    assert alone.run(program, "--version").stdout.startswith("watcher 0.1.0")
    assert "usage: watcher" in alone.run(program, "--help").stdout
    named = {"NBARGO_DB": "/nowhere/scheduler.sqlite", "NBARGO_STAGING": "/nowhere/staging"}
    checked = alone.run(program, "--check", variables=named)
    assert checked.returncode == 1
    assert "Traceback" not in checked.stderr + checked.stdout


@pytest.mark.parametrize("option", ["--once", "--check"])
def test_without_a_home_it_says_what_to_set(alone: Container, option: str) -> None:
    done = alone.run(*alone.image.entrypoint, option)
    assert "Traceback" not in done.stderr
    assert "NBARGO_DB" in done.stderr
    assert done.returncode == 2


def test_once_makes_the_rows(sidecar: Container, cluster: Cluster, home: Path) -> None:
    first, second = (cluster.do("create", number) for number in (1, 2))
    cluster.do("run", 2)
    done = sidecar.run(*sidecar.image.entrypoint, "--once", variables={**SIDECAR, **cluster.variables})
    assert done.returncode == 0, done.stderr
    assert "2 rows were added" in done.stdout
    assert rows(home) == {first: "QUEUED", second: "IN_PROGRESS"}
    assert sidecar.run(*sidecar.image.entrypoint, "--check", variables=SIDECAR).returncode == 1, "nobody watches"


def test_the_sidecar_follows_the_cluster_and_writes_to_the_home_alone(
    sidecar: Container,
    cluster: Cluster,
    home: Path,
    tmp_path: Path,
    snapshot: Callable[[Path], dict[Path, tuple[int, int]]],
) -> None:
    before = snapshot(sidecar.image.root)
    port = free_port()
    variables = {**SIDECAR, **cluster.variables, "NBARGO_HEALTH_PORT": str(port), "PYTHONVERBOSE": "1"}
    program = sidecar.start(*sidecar.image.entrypoint, log=tmp_path / "log", variables=variables)
    try:
        job = cluster.do("create", 1)
        eventually(lambda: rows(home) == {job: "QUEUED"}, what="the row is there", seconds=60)
        cluster.do("run", 1)
        cluster.do("succeed", 1)
        eventually(lambda: rows(home) == {job: "COMPLETED"}, what="the row is right")
        for path in ("healthz", "readyz", "metrics"):
            eventually(partial(answers, port, path), what=f"/{path} says that all is well")
        checked = sidecar.run(
            *sidecar.image.entrypoint, "--check", variables={**SIDECAR, "NBARGO_HEALTH_PORT": str(port)}
        )
        assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
        resident = int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{program.pid}/status").read_text())[0]) / 1024
        print(f"\n{resident:.0f} MiB resident with one job and a health port")  # noqa: T201 - a figure of the log
    finally:
        assert program.stop() == 0, program.output[-4000:]
    assert snapshot(sidecar.image.root) == before
    assert {path.stat().st_uid for path in home.rglob("scheduler.sqlite*")} == {container.UID}
    assert COMPILED.findall(program.output) == [], "these have no bytecode in the image"
    lines = [line for line in program.output.splitlines() if line.startswith("{")]
    assert {json.loads(line)["level"] for line in lines} == {"info"}


def answers(port: int, path: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/{path}", trust_env=False).is_success
    except httpx.TransportError:
        return False
