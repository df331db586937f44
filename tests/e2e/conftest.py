from collections.abc import Iterator
from pathlib import Path

import pytest

from support.rest import Rest
from support.stack import MakeStack, Stack

SIZES = {"small": {"cpu": 1, "memory": "1Gi"}, "large": {"cpu": 8, "memory": "32Gi"}}


@pytest.fixture
def make_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeStack]:
    """Stacks of a test's own, whose programs it may kill."""
    made: list[Stack] = []

    def make(**variables: str) -> Stack:
        stack = Stack(tmp_path_factory.mktemp("stack"), variables=variables)
        made.append(stack)
        return stack

    yield make
    for stack in made:
        stack.close()


@pytest.fixture(scope="session")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack, all programs running, for the tests that break nothing; there are two sizes to choose from."""
    stack = Stack(tmp_path_factory.mktemp("shared"))
    try:
        stack.start_argo()
        stack.start_watcher()
        stack.start_lab(f"--ArgoScheduler.compute_types={SIZES}")
        yield stack
    finally:
        stack.close()


@pytest.fixture
def stack(shared_stack: Stack) -> Stack:
    for name in ("argo", "watcher", "lab"):
        shared_stack.program(name).check_alive()
    return shared_stack


@pytest.fixture
def rest(stack: Stack) -> Rest:
    return stack.rest


@pytest.fixture
def notebooks(stack: Stack) -> Path:
    return stack.place.notebooks
