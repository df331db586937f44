"""The lab and the watcher as processes, on the real control plane, with the chart's rights and configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster.access import unique
from cluster.argocli import ArgoCli
from cluster.labs import Labs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chart.helm import Helm
    from cluster.access import Cluster, Workflows
    from cluster.controlplane import ControlPlane
    from support.rest import Rest
    from support.stack import MakeStack, Stack

VALUES = Path(__file__).parent / "values.yaml"


@pytest.fixture(scope="session")
def limits_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the ConfigMap of the users' limits is mounted in the labs."""
    return tmp_path_factory.mktemp("limits")


@pytest.fixture(scope="session")
def labs(
    control_plane: ControlPlane,
    cluster: Cluster,
    helm: Helm,
    tmp_path_factory: pytest.TempPathFactory,
    limits_folder: Path,
) -> Labs:
    """The chart's labs, with its defaults but for the values of these tests."""
    # The process node shares this machine's files, which a job's pod needs.
    assert control_plane.namespace == cluster.namespace
    options = [
        f"--set=home.mountPath={tmp_path_factory.getbasetemp()}",
        f"--set=lab.settings.concurrency.directory={limits_folder}",
    ]
    objects = helm.render(*options, values=VALUES, namespace=cluster.namespace)
    return Labs.install(cluster, objects, tmp_path_factory.mktemp("configuration"), namespace=cluster.namespace)


@pytest.fixture
def make_stack(labs: Labs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeStack]:
    """Stacks of a test's own, whose programs it may kill."""
    made: list[Stack] = []

    def make(*lab_options: str) -> Stack:
        stack = labs.stack(tmp_path_factory.mktemp("stack"), user=unique("alice"))
        made.append(stack)
        stack.start_watcher()
        stack.start_lab(*lab_options)
        return stack

    yield make
    for stack in made:
        stack.close()


@pytest.fixture(scope="session")
def shared_stack(labs: Labs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for the tests that break nothing."""
    stack = labs.stack(tmp_path_factory.mktemp("shared"), user=unique("alice"))
    try:
        stack.start_watcher()
        stack.start_lab()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def stack(shared_stack: Stack) -> Stack:
    for name in ("watcher", "lab"):
        shared_stack.program(name).check_alive()
    return shared_stack


@pytest.fixture
def rest(stack: Stack) -> Rest:
    return stack.rest


@pytest.fixture
def notebooks(stack: Stack) -> Path:
    return stack.place.notebooks


@pytest.fixture
def argo(control_plane: ControlPlane, workflows: Workflows) -> ArgoCli:
    return ArgoCli(control_plane.toolchain.program("argocommands"), workflows)
