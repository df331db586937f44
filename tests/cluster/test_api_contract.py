"""The cases that the local API is held to, against the real kube-apiserver: the recorded answers are still its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.answers import recorded
from contract.cases import CASES, selected
from contract.real import run_on_control_plane

if TYPE_CHECKING:
    from cluster.controlplane import ControlPlane
    from contract.runner import Answers
    from contract.script import Case

# The first test waits for all cases, and for the control plane if it is the first of all.
pytestmark = pytest.mark.timeout(480)


@pytest.fixture(scope="module")
def real_answers(request: pytest.FixtureRequest, control_plane: ControlPlane) -> dict[str, Answers]:
    """What the real server answers in the cases of this run: together, because most of them wait.

    A case that is answered otherwise than recorded is asked once more: a watch ends after two seconds, and a busy
    machine may not have written by then what the watch is to see.
    """
    cases = selected(request.session.items)
    answers = run_on_control_plane(control_plane, cases)
    again = [case for case in cases if answers[case.name] != recorded(case)]
    return answers | run_on_control_plane(control_plane, again) if again else answers


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_real_api_answers_as_recorded(case: Case, real_answers: dict[str, Answers]) -> None:
    assert real_answers[case.name] == recorded(case)
