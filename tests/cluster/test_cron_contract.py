"""Argo's real controller tells the recorded stories of CronWorkflows, at the pace of real minutes.

See tests/contract/test_local_cron_contract.py for the other side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract import sides, stories
from contract.crons import CASES

if TYPE_CHECKING:
    from cluster.controlplane import ControlPlane
    from contract.crons import CronCase
    from contract.crons_observe import Object


@pytest.fixture(scope="module")
def told(control_plane: ControlPlane) -> dict[str, Object]:
    """The stories of the real controller, all played at the same time.

    A case that tells another story than the recorded one is played once more: beside other tests a run may end only
    after the controller's look at it.
    """
    played = sides.play_crons_for_real(CASES, control_plane)
    again = [case for case in CASES if played[case.name] != recorded(case)]
    return played | sides.play_crons_for_real(again, control_plane) if again else played


def recorded(case: CronCase) -> Object:
    return stories.read(case.name, stories.CRONS, local=False)


@pytest.mark.timeout(480)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_real_controller_tells_the_recorded_story(case: CronCase, told: dict[str, Object]) -> None:
    assert told[case.name] == recorded(case)
