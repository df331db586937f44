"""Robfig/cron, of the version that Argo is built with, gives the recorded answers about schedules.

See tests/contract/test_schedules.py for the other side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract import schedules

if TYPE_CHECKING:
    from cluster.controlplane import ControlPlane


def test_robfigs_answers_are_the_recorded_ones(control_plane: ControlPlane) -> None:
    answers = schedules.ask(control_plane.toolchain.program("cronanswers"))
    assert dict(zip(schedules.QUESTIONS, answers, strict=True)) == schedules.read()
