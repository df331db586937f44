"""The recorded answers: one file for each case, written from a real kube-apiserver and never from the local API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from contract.normalise import as_lines

if TYPE_CHECKING:
    from contract.runner import Answers
    from contract.script import Case

FOLDER = Path(__file__).with_name("answers")


def recorded(case: Case) -> Answers:
    """Return what the real server answered."""
    answers: Answers = json.loads((FOLDER / f"{case.name}.json").read_text())
    return answers


def expected_of_local(case: Case) -> Answers:
    """Return what the local API is to answer: the same, but for the case's differences."""
    differences = case.differs.answers if case.differs else {}
    return [differences.get(number, answer) for number, answer in enumerate(recorded(case))]


def write(answers: dict[str, Answers]) -> None:
    """Write the answers of all cases, and take away those of cases that are no more."""
    for file in FOLDER.glob("*.json"):
        if file.stem not in answers:
            file.unlink()
    for name, each in answers.items():
        (FOLDER / f"{name}.json").write_text(as_lines(each))
