"""Argo's real controller tells the recorded stories, those that the local controller is held to.

See tests/contract/test_local_controller_contract.py for the other side.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from contract import sides, stories
from contract.workflows_table import CASES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cluster.controlplane import ControlPlane
    from contract.player import Story
    from contract.workflows import Case

BY_NAME = {case.name: case for case in CASES}


def selected(request: pytest.FixtureRequest) -> list[Case]:
    """Return the cases of the tests that will run."""
    calls = (getattr(item, "callspec", None) for item in request.session.items)
    wanted = [call.params.get("name") for call in calls if call is not None]
    return [case for case in CASES if case.name in wanted]


def agrees(name: str, story: Story) -> bool:
    """Tell whether a story is the recorded one."""
    if isinstance(story, Exception):
        return False
    return stories.comparable(story) == stories.comparable(stories.read(name, local=False))


@pytest.fixture(scope="module")
def told(
    request: pytest.FixtureRequest, control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], dict[str, Any]]:
    """The stories of the real controller, all played side by side.

    A case that tells another story than the recorded one is played once more: a controller under load has races.
    """

    def play(cases: list[Case], directory: Path) -> dict[str, Story]:
        plane = control_plane
        return asyncio.run(
            sides.play_for_real(cases, directory, plane.kubeconfig, plane.namespace, control_plane.toolchain)
        )

    cases = selected(request)
    played = play(cases, tmp_path_factory.mktemp("stories"))
    again = [case for case in cases if not agrees(case.name, played[case.name])]
    if again:
        played |= play(again, tmp_path_factory.mktemp("again"))

    def story(name: str) -> dict[str, Any]:
        found = played[name]
        if isinstance(found, Exception):
            raise found
        return found

    return story


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", BY_NAME)
def test_the_real_controller_tells_the_recorded_story(name: str, told: Callable[[str], dict[str, Any]]) -> None:
    assert stories.comparable(told(name)) == stories.comparable(stories.read(name, local=False))
