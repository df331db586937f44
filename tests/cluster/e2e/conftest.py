"""The lab and the watcher as processes, on the real control plane, each with the rights that design.md gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluster.access import unique
from cluster.argocli import ArgoCli
from support.stack import Access, MakeStack, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cluster.access import Cluster, Workflows
    from cluster.controlplane import ControlPlane
    from support.rest import Rest

READ = ["get", "list", "watch"]


def rule(verbs: list[str]) -> dict[str, Any]:
    return {"apiGroups": ["argoproj.io"], "resources": ["workflows", "cronworkflows"], "verbs": verbs}


@pytest.fixture(scope="session")
def access(control_plane: ControlPlane, cluster: Cluster) -> Access:
    """The users of all stacks; the process node shares this machine's files, which a job's pod needs."""
    assert control_plane.namespace == cluster.namespace
    return Access(
        namespace=cluster.namespace,
        lab=cluster.user([rule([*READ, "create", "patch", "delete"])]),
        watcher=cluster.user([rule(READ)]),
        test=cluster.kubeconfig,
    )


def new_stack(folder: Path, access: Access, **variables: str) -> Stack:
    # A sidecar: the lab starts no watcher of its own beside the one that a test kills.
    return Stack(folder, access=access, user=unique("alice"), variables={"NBARGO_WATCHER": "sidecar", **variables})


@pytest.fixture
def make_stack(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeStack]:
    """Stacks of a test's own, whose programs it may kill."""
    made: list[Stack] = []

    def make(*lab_options: str, **variables: str) -> Stack:
        stack = new_stack(tmp_path_factory.mktemp("stack"), access, **variables)
        made.append(stack)
        stack.start_watcher()
        stack.start_lab(*lab_options)
        return stack

    yield make
    for stack in made:
        stack.close()


@pytest.fixture(scope="session")
def shared_stack(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for the tests that break nothing."""
    stack = new_stack(tmp_path_factory.mktemp("shared"), access)
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
