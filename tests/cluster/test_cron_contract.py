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
    """The stories of the real controller, all played at the same time."""
    return sides.play_crons_for_real(CASES, control_plane)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_real_controller_tells_the_recorded_story(case: CronCase, told: dict[str, Object]) -> None:
    assert told[case.name] == stories.read(case.name, stories.CRONS, local=False)
