"""The table of mutations is run by `make mutations`, which takes minutes; here, that it still fits the source."""

from pathlib import Path

import pytest

from faults.mutations import MUTATIONS, Mutation, mutate


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"{mutation.of} {mutation.breaks}")
def test_a_mutation_changes_one_place_and_leaves_python(mutation: Mutation, tmp_path: Path) -> None:
    mutate(mutation, tmp_path)
    module = tmp_path / "nbargo_watcher" / mutation.module
    compile(module.read_text(encoding="utf-8"), str(module), "exec")
    assert mutation.tests
