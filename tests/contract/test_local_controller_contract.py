"""The local controller does what Argo's own does: the same workflows, the same stories.

`record_stories.py` records the stories of the real controller; `tests/cluster/test_controller_contract.py` holds the
real one to them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contract import sides, stories
from contract.observe import LEFT_OUT
from contract.workflows_table import CASES

if TYPE_CHECKING:
    from collections.abc import Callable

    from contract.player import Story
    from contract.workflows import Case

DOCS = Path(__file__).parents[2] / "docs" / "local-argo.md"
BY_NAME = {case.name: case for case in CASES}
DIFFERING = [case for case in CASES if case.differs]


def selected(request: pytest.FixtureRequest) -> list[Case]:
    """Return the cases of the tests that will run."""
    calls = (getattr(item, "callspec", None) for item in request.session.items)
    wanted = [call.params.get("name") for call in calls if call is not None]
    return [case for case in CASES if case.name in wanted]


@pytest.fixture(scope="module")
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], dict[str, object]]:
    """The stories of the local controller, all played side by side."""
    played: dict[str, Story] = asyncio.run(sides.play_locally(selected(request), tmp_path_factory.mktemp("stories")))

    def story(name: str) -> dict[str, object]:
        found = played[name]
        if isinstance(found, Exception):
            raise found
        return found

    return story


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", BY_NAME)
def test_the_local_controller_tells_the_same_story(name: str, told: Callable[[str], dict[str, object]]) -> None:
    expected = stories.read(name, local=bool(BY_NAME[name].differs))
    assert stories.comparable(told(name)) == stories.comparable(expected)


@pytest.mark.parametrize("case", DIFFERING, ids=lambda case: case.name)
def test_a_listed_difference_is_one(case: Case) -> None:
    real, local = (stories.read(case.name, local=side) for side in (False, True))
    assert stories.comparable(real) != stories.comparable(local)


def test_every_case_has_its_story_and_every_story_its_case() -> None:
    assert stories.names(local=False) == BY_NAME.keys()
    assert stories.names(local=True) == {case.name for case in DIFFERING}
    assert max(Counter(case.name for case in CASES).values()) == 1


def test_every_difference_is_listed_in_the_documentation() -> None:
    text = " ".join(DOCS.read_text().split())
    missing = [case.name for case in DIFFERING if f"`{case.name}`" not in text or case.differs not in text]
    missing += [field for field, why in LEFT_OUT.items() if f"`{field}`" not in text or why not in text]
    assert missing == []


def test_the_fields_that_are_left_out_are_those_that_argo_writes() -> None:
    assert set().union(*(stories.left_out(stories.read(name, local=False)) for name in BY_NAME)) == LEFT_OUT.keys()
    assert set().union(*(stories.left_out(stories.read(case.name, local=True)) for case in DIFFERING)) == set()
