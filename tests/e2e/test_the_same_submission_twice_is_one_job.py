"""Idempotency tokens: the second submission is a 409, however it races."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support import notebooks as make
from support.rest import Rest
from support.stack import Stack

pytestmark = pytest.mark.e2e

CONFLICT = 409
MANY = 20


def test_the_second_submission_is_refused_and_harms_nothing(rest: Rest, notebooks: Path) -> None:
    make.write(notebooks / "first.ipynb", "print('first')")
    make.write(notebooks / "second.ipynb", "print('second')")
    job_id = rest.create("first.ipynb", idempotency_token="twice")
    again = rest.send("POST", "jobs", json=rest.body("second.ipynb", idempotency_token="twice"))
    assert again.status_code == CONFLICT
    assert "twice" in again.json()["message"]
    rest.wait_for(job_id, "COMPLETED")
    assert "first" in (notebooks / rest.download(job_id)["ipynb"]).read_text(encoding="utf-8")
    third = rest.send("POST", "jobs", json=rest.body("first.ipynb", idempotency_token="twice"))
    assert third.status_code == CONFLICT


def test_twenty_at_once_are_one_job(stack: Stack, rest: Rest, notebooks: Path) -> None:
    make.write(notebooks / "racing.ipynb", "print('ran')")
    body = rest.body("racing.ipynb", idempotency_token="race")
    before, staged = set(stack.workflows()), {path.name for path in stack.place.staging.iterdir()}
    with ThreadPoolExecutor(MANY) as pool:
        answers = list(pool.map(lambda _: rest.send("POST", "jobs", json=body), range(MANY)))
    won = [answer.json()["job_id"] for answer in answers if answer.is_success]
    assert len(won) == 1
    assert [answer.status_code for answer in answers].count(CONFLICT) == MANY - 1
    assert set(stack.workflows()) - before == set(won)
    rest.wait_for(won[0], "COMPLETED")
    assert "ran" in (notebooks / rest.download(won[0])["ipynb"]).read_text(encoding="utf-8")
    left = {path.name for path in stack.place.staging.iterdir()} - staged - set(won)
    assert not left, "a loser left files behind"
