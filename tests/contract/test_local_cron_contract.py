"""The local controller does with CronWorkflows what Argo's own does: the same cases, the same stories.

`record_stories.py --crons` records the stories of the real controller; `tests/cluster/test_cron_contract.py` holds the
real one to them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contract import sides, stories
from contract.crons import CASES

if TYPE_CHECKING:
    from contract.crons import CronCase
    from contract.crons_observe import Object

DOCS = Path(__file__).parents[2] / "docs" / "local-argo.md"
DIFFERING = [case for case in CASES if case.differs]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Object]:
    """The stories of the local controller, all played at the same time."""
    return asyncio.run(sides.play_crons_locally(CASES, tmp_path_factory.mktemp("stories")))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_local_controller_tells_the_same_story(case: CronCase, told: dict[str, Object]) -> None:
    assert told[case.name] == stories.read(case.name, stories.CRONS, local=bool(case.differs))


@pytest.mark.parametrize("case", DIFFERING, ids=lambda case: case.name)
def test_a_listed_difference_is_one(case: CronCase) -> None:
    real, local = (stories.read(case.name, stories.CRONS, local=side) for side in (False, True))
    assert real != local


def test_every_case_has_its_story_and_every_story_its_case() -> None:
    assert stories.names(stories.CRONS, local=False) == {case.name for case in CASES}
    assert stories.names(stories.CRONS, local=True) == {case.name for case in DIFFERING}
    assert max(Counter(case.name for case in CASES).values()) == 1


def test_every_difference_is_listed_in_the_documentation() -> None:
    text = " ".join(DOCS.read_text().split())
    assert [case.name for case in DIFFERING if f"`{case.name}`" not in text or case.differs not in text] == []
