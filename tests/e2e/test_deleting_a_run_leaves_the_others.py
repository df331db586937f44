"""Deleting one run leaves the definition's notebook and the other runs' files as they were, byte by byte."""

from pathlib import Path

import pytest

from support import notebooks as make
from support.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]  # several kernels start one after the other


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_deleting_a_run_leaves_the_others(stack: Stack, notebooks: Path) -> None:
    rest = stack.rest
    make.write(notebooks / "several.ipynb", "open('made.txt', 'w').write('made')\nprint('ran')")
    definition = rest.define("several.ipynb", schedule="0 0 29 2 *", timezone="UTC")
    runs = [rest.run_now(definition) for _ in range(2)]
    for run in runs:
        rest.wait_for(run, "COMPLETED")
    gone, *kept = runs
    folders = [stack.staged(each) for each in (definition, *kept)]
    before = [contents(folder) for folder in folders]
    rows = {key: row for key, row in stack.rows().items() if key in kept}
    assert all(before)
    rest.delete(gone)
    assert [contents(folder) for folder in folders] == before
    assert not stack.staged(gone).exists()
    assert set(rest.runs(definition)) == set(kept)
    assert stack.once().returncode == 0
    assert set(rest.runs(definition)) == set(kept)
    assert {key: row for key, row in stack.rows().items() if key in kept} == rows
    assert rest.definition(definition)["name"] == "several"
