from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contract.answers import FOLDER, expected_of_local, recorded
from contract.cases import CASES, selected
from contract.runner import Answers, Target, namespaces_of, run_cases
from nbargo_local.api.server import LocalServer, ServerSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contract.script import Case

PAGE = Path(__file__).parents[2] / "docs" / "local-argo.md"
# All cases share one event window, and none but those that say so may find it too small.
WINDOW = 10_000
DIFFERENT = [each for each in CASES if each.differs]


@pytest.fixture(scope="module")
def local_answers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answers]:
    """What the local API answers in the cases of this run: together, because most of them wait."""
    kubeconfig = tmp_path_factory.mktemp("local") / "kubeconfig"
    return asyncio.run(run_on_local_server(kubeconfig, selected(request.session.items)))


async def run_on_local_server(kubeconfig: Path, cases: Sequence[Case]) -> dict[str, Answers]:
    async with LocalServer(kubeconfig, ServerSettings(window=WINDOW)) as server:

        async def forget() -> None:
            server.store.compact()

        target = Target(server.url, server.token, forget)
        return await run_cases(target, cases, namespaces_of(cases))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_local_api_answers_as_the_real_one(case: Case, local_answers: dict[str, Answers]) -> None:
    assert local_answers[case.name] == expected_of_local(case)


@pytest.mark.parametrize("case", DIFFERENT, ids=str)
def test_a_difference_is_one(case: Case) -> None:
    assert case.differs
    answers = recorded(case)
    same = [number for number, answer in case.differs.answers.items() if answers[number] == answer]
    assert not same, "the local API answers as the real one: the difference is none any more"


@pytest.mark.parametrize("case", DIFFERENT, ids=str)
def test_a_difference_is_told_to_users(case: Case) -> None:
    assert case.differs
    assert case.differs.reason in " ".join(PAGE.read_text().split())


def test_every_case_has_its_answers_and_every_answer_its_case() -> None:
    names = [each.name for each in CASES]
    assert len(set(names)) == len(names)
    assert {file.stem for file in FOLDER.glob("*.json")} == set(names)


def test_the_table_is_as_long_as_was_promised() -> None:
    assert len(CASES) >= 60
