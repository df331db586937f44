"""docs/install.md is followed on a real API server, command by command, with the real helm and kubectl.

Only what the page itself says that nobody tries here is left out.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from chart.kubectl import PROGRAM as KUBECTL
from cluster.release import bound_token

if TYPE_CHECKING:
    from chart.helm import Helm
    from cluster.access import Cluster
    from cluster.controlplane import ControlPlane

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/install.md").read_text(encoding="utf-8")
NAMESPACE = "jhub"
NOT_HERE = (
    "make images",
    "docker push",
    "helm upgrade jhub jupyterhub/jupyterhub",
    "kubectl -n argo get deployment workflow-controller",
    "kubectl -n jhub exec",
    "kubectl -n jhub logs",
    "kubectl delete namespace <prefix><user>",
    "examples/kind/try-on-kind.sh",
)
"""The beginnings of commands that nobody tries here, and that the page names as such."""


def section(title: str) -> str:
    """Return the text of one of the page's sections, with those below it."""
    marks, _ = title.split(" ", 1)
    found = re.search(rf"^{re.escape(title)}$.*?(?=^#{{2,{len(marks)}}} |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/install.md has no section {title!r}"
    return found[0]


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """Return the commands of a section, in their order: those in its blocks, and those in its tables."""
    found = re.finditer(r"^```sh\n(?P<block>.*?)^```$|^\|[^\n]*\|$", text, re.MULTILINE | re.DOTALL)
    said: list[str] = []
    for match in found:
        if match["block"]:
            said += match["block"].splitlines()
        else:
            said += re.findall(r"`((?:kubectl|helm) [^`]*)`", match[0])
    return said


@dataclass(frozen=True, slots=True)
class Engineer:
    """Somebody at a terminal, in a folder that looks like a clone, with helm and kubectl of the right cluster.

    Args:
        folder: Where commands run.
        environment: Their environment.
        done: What was run.
    """

    folder: Path
    environment: dict[str, str]
    done: list[str]

    def do(self, command: str) -> str:
        """Run a command and return what it prints; it has to succeed."""
        ended = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
        self.done.append(command)
        return ended.stdout

    def follow(self, text: str) -> dict[str, str]:
        """Run the commands of a text, but for those of NOT_HERE, and return what each of them prints."""
        return {each: self.do(each) for each in commands(text) if not each.startswith(NOT_HERE)}


@pytest.fixture(scope="module")
def engineer(control_plane: ControlPlane, helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Engineer:
    folder = tmp_path_factory.mktemp("clone")
    (folder / "helm").symlink_to(ROOT / "helm")
    (folder / "bin").mkdir()
    (folder / "bin/helm").symlink_to(helm.program)
    (folder / "bin/kubectl").symlink_to(KUBECTL.build())
    environment = {
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "KUBECONFIG": str(control_plane.kubeconfig),
    }
    return Engineer(folder, environment, [])


def test_install_use_upgrade_and_uninstall(engineer: Engineer, cluster: Cluster) -> None:
    cluster.api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    (values,) = blocks(section("### 2. Values"), "yaml")
    (engineer.folder / "nbargo.yaml").write_text(values)

    to_install, to_see = section("## Beside zero-to-jupyterhub").split("### 5. See that it works")
    said = engineer.follow(to_install)
    assert "yes" in said["kubectl auth can-i create validatingadmissionpolicies"]
    (notes,) = (text for command, text in said.items() if command.startswith("helm install"))
    assert "nbargo's rights and rules are installed in jhub" in notes
    snippet = yaml.safe_load((engineer.folder / "nbargo-z2jh.yaml").read_text())
    (watcher,) = snippet["singleuser"]["initContainers"]
    assert watcher["image"] == "registry.example/nbargo-watcher:0.1.0"
    allowed = yaml.safe_load(engineer.do("kubectl get networkpolicy -n jhub nbargo-lab -o yaml"))
    peers = allowed["spec"]["egress"][0]["to"]
    assert [peer["ipBlock"]["cidr"] for peer in peers] == ["10.96.0.1/32", "192.0.2.10/32"]

    # In the place of zero-to-jupyterhub: a pod whose account and ConfigMap have to be there.
    account = snippet["singleuser"]["serviceAccountName"]
    bound_token(cluster.api, namespace=NAMESPACE, account=account, pod="jupyter-alice")
    engineer.do("kubectl get configmap -n jhub nbargo-lab")
    engineer.follow(to_see)

    engineer.follow(section("## Upgrade"))
    assert "deployed" in engineer.do("helm -n jhub status nbargo")

    engineer.follow(section("## Uninstall"))
    left = engineer.do(
        "kubectl get serviceaccounts,roles,rolebindings,configmaps,networkpolicies,"
        "validatingadmissionpolicies,validatingadmissionpolicybindings -n jhub -o name -l app.kubernetes.io/name=nbargo"
    )
    # Of what is in no namespace, releases of other tests in this cluster have some, too.
    assert [each for each in left.split() if "admission" not in each or f"/{NAMESPACE}-" in each] == []

    for each in commands(PAGE):
        known = each in engineer.done or each.startswith(NOT_HERE) or not each.startswith(("kubectl ", "helm "))
        assert known, f"in a section that nobody follows: {each}"


def test_the_page_says_which_commands_are_not_tried() -> None:
    said = section("## What of this page was tried")
    everything = PAGE.replace(said, "")
    for each in NOT_HERE:
        assert f"`{each}" in said, f"the page does not say that nobody tries: {each}"
        assert each in everything, f"not a command of the page any more: {each}"
