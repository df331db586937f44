"""examples/kind: the script with stand-ins for the tools, which note what they are asked; its values with real Helm."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from chart.helm import CHART
from chart.rendered import Rendered

if TYPE_CHECKING:
    from pathlib import Path

    from chart.helm import Helm

FOLDER = CHART.parents[1] / "examples" / "kind"
SCRIPT = FOLDER / "try-on-kind.sh"
TOOLS = ("docker", "kind", "kubectl", "helm", "make")
NEEDED = ("sh", "cat", "dirname", "grep", "mktemp", "rm", "sed")
"""What every system has."""
LOG = '#!/bin/sh\necho "${0##*/} $*" >> "$LOG"\n'
ANSWERS = {
    "kind": 'case "$*" in "get clusters") echo "$CLUSTERS" ;; esac\n',
    "kubectl": """case "$*" in
*clusterIP*) printf 10.96.0.1 ;;
*endpointslices*) printf 172.18.0.2 ;;
*"configmap nbargo-z2jh"*) cat "$VALUES" ;;
esac
""",
}


@dataclass(frozen=True, slots=True)
class Laptop:
    """A PATH with stand-ins for the tools.

    Attributes:
        folder: The PATH's only folder.
        log: What the tools were asked, a line each.
    """

    folder: Path
    log: Path

    def run(self, *options: str, clusters: str = "", values: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        environment = {
            "PATH": str(self.folder),
            "LOG": str(self.log),
            "CLUSTERS": clusters,
            "VALUES": str(values or os.devnull),
        }
        command = [str(self.folder / "sh"), str(SCRIPT), *options]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def asked(self) -> list[str]:
        """Return what the tools were asked since the last time."""
        text = self.log.read_text() if self.log.exists() else ""
        self.log.unlink(missing_ok=True)
        return re.sub(r"\S+/tmp\.\w+", "FILE", text).splitlines()


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in NEEDED:
        program = shutil.which(name)
        assert program
        (folder / name).symlink_to(program)
    for name in TOOLS:
        (folder / name).write_text(LOG + ANSWERS.get(name, ""))
        (folder / name).chmod(0o755)
    return Laptop(folder, tmp_path / "log")


def test_help_needs_no_tool(laptop: Laptop) -> None:
    for name in TOOLS:
        (laptop.folder / name).unlink()
    told = laptop.run("--help")
    assert (told.returncode, told.stderr) == (0, "")
    assert "--delete" in told.stdout
    assert laptop.run("--nonsense").returncode == 2


@pytest.mark.parametrize("name", TOOLS)
def test_a_missing_tool_is_named_with_a_hint_before_anything_is_done(laptop: Laptop, name: str) -> None:
    (laptop.folder / name).unlink()
    told = laptop.run()
    assert told.returncode == 2
    assert f"there is no '{name}': install" in told.stderr
    assert laptop.asked() == []


def test_a_docker_that_does_not_run_is_told(laptop: Laptop) -> None:
    (laptop.folder / "docker").write_text("#!/bin/sh\nexit 1\n")
    told = laptop.run()
    assert (told.returncode, "start Docker" in told.stderr) == (2, True)
    assert laptop.asked() == []


def test_everything_is_done_in_its_own_cluster(laptop: Laptop) -> None:
    told = laptop.run()
    assert told.returncode == 0, told.stderr
    assert "http://127.0.0.1:8000" in told.stdout
    asked = laptop.asked()
    for line in asked:
        tool = line.split()[0]
        if tool == "kubectl":
            assert line.startswith("kubectl --context kind-nbargo "), line
        if tool == "helm":
            assert line.startswith("helm --kube-context kind-nbargo upgrade --install --namespace jhub "), line
    steps = (
        "kind create cluster",
        "make",
        "kind load",
        "v3.7.3/install.yaml",
        "jhub nbargo /",
        "jhub jhub jupyterhub",
        "forward",
    )
    places = [next(index for index, line in enumerate(asked) if step in line) for step in steps]
    assert places == sorted(places)


def test_it_may_be_run_again(laptop: Laptop) -> None:
    assert laptop.run().returncode == 0
    first = laptop.asked()
    assert laptop.run(clusters="other\nnbargo").returncode == 0
    again = laptop.asked()
    assert sorted(first) == sorted([*again, "kind create cluster --name nbargo --wait 180s"])


def test_delete_removes_the_cluster_and_nothing_else(laptop: Laptop) -> None:
    assert laptop.run("--delete").returncode == 0
    assert laptop.asked() == ["kind delete cluster --name nbargo"]


def installed(laptop: Laptop, helm: Helm, *more: str) -> Rendered:
    """Return the chart as the script installs it."""
    assert laptop.run().returncode == 0
    (line,) = (line for line in laptop.asked() if " nbargo " in line and line.startswith("helm "))
    words = line.split()
    assert words[words.index("nbargo") + 1] == str(CHART)
    options = words[words.index("--values") + 2 :]
    return Rendered(helm.render(*options, *more, values=FOLDER / "nbargo.yaml"))


def test_the_chart_takes_the_values(laptop: Laptop, helm: Helm) -> None:
    chart = installed(laptop, helm)
    (policy,) = (each for each in chart.of_kind("NetworkPolicy") if each["metadata"]["name"] == "nbargo-lab")
    assert "10.96.0.1/32" in json.dumps(policy)
    assert "172.18.0.2/32" in json.dumps(policy)
    helm.run(
        "lint", CHART, "--values", FOLDER / "nbargo.yaml", "--set-json", 'networkPolicy.apiServer.cidrs=["::1/128"]'
    )


def test_the_images_are_those_that_make_builds(laptop: Laptop, helm: Helm) -> None:
    sidecar = installed(laptop, helm).z2jh()["singleuser"]["initContainers"][0]
    assert laptop.run().returncode == 0
    asked = laptop.asked()
    (loaded,) = (line for line in asked if line.startswith("kind load"))
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    assert loaded.split()[-2:] == [sidecar["image"], f"nbargo-lab:{version}"]
    assert f"--set singleuser.image.tag={version}" in asked[-2]
    assert yaml.safe_load((FOLDER / "jupyterhub.yaml").read_text())["singleuser"]["image"]["name"] == "nbargo-lab"
    assert f"TAG={version}" in next(line for line in asked if line.startswith("make "))


def test_neither_file_of_values_hides_a_list_or_value_of_the_other(laptop: Laptop, helm: Helm) -> None:
    """Helm takes the later file's lists and values; only dictionaries are put together."""

    def leaves(value: Any, path: str = "") -> set[str]:
        if not isinstance(value, dict):
            return {path}
        return set().union(*(leaves(each, f"{path}.{name}") for name, each in value.items()))

    ours = leaves(installed(laptop, helm).z2jh())
    theirs = leaves(yaml.safe_load((FOLDER / "jupyterhub.yaml").read_text()))
    assert not {(a, b) for a in ours for b in theirs if a == b or a.startswith(f"{b}.") or b.startswith(f"{a}.")}


def test_the_sidecar_runs_as_the_images_user(laptop: Laptop, helm: Helm) -> None:
    sidecar = installed(laptop, helm).z2jh()["singleuser"]["initContainers"][0]
    context = sidecar["securityContext"]
    dockerfile = (CHART.parents[1] / "images" / "watcher" / "Dockerfile").read_text()
    assert f"USER {context['runAsUser']}:{context['runAsGroup']}" in dockerfile.splitlines()
    assert "command" not in sidecar
    assert "args" not in sidecar
