"""Idempotency tokens, against the real API server's own conflict."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING

from support import notebooks as make

if TYPE_CHECKING:
    from pathlib import Path

    from support.rest import Rest
    from support.stack import Stack

MANY = 20


def test_twenty_at_once_are_one_workflow(stack: Stack, rest: Rest, notebooks: Path) -> None:
    make.write(notebooks / "racing.ipynb", "print('ran')")
    body = rest.body("racing.ipynb", idempotency_token="race", output_formats=["ipynb"])
    before = set(stack.workflows())
    with ThreadPoolExecutor(MANY) as pool:
        answers = list(pool.map(lambda _: rest.send("POST", "jobs", json=body), range(MANY)))
    won = [answer.json()["job_id"] for answer in answers if answer.is_success]
    assert len(won) == 1
    assert [answer.status_code for answer in answers].count(HTTPStatus.CONFLICT) == MANY - 1
    assert set(stack.workflows()) - before == set(won)
    rest.wait_for(won[0], "COMPLETED")
    assert make.outputs_of(notebooks / rest.download(won[0])["ipynb"]) == "ran\n"
    left = {path.name for path in stack.place.staging.iterdir()} - set(rest.listed())
    assert not left, "a loser left files behind"
