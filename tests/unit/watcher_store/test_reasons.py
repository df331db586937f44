"""The reasons that a person can act on: what is said, word for word, and what the user reads."""

import pytest

from nbargo_shared.status import MESSAGE_LENGTH
from nbargo_watcher import reasons
from unit.watcher_store.said import ENDED, PASSING, PULL, WAITING


@pytest.mark.parametrize(("said", "told"), WAITING.items())
def test_what_a_job_waits_for_is_told_in_words_that_help(said: str, told: str) -> None:
    assert reasons.of_waiting(said) == told


@pytest.mark.parametrize("said", PASSING)
def test_what_passes_by_itself_is_not_told(said: str) -> None:
    assert reasons.of_waiting(said) is None


@pytest.mark.parametrize(("said", "told"), ENDED.items())
def test_a_failure_is_told_in_words_that_help(said: str, told: str) -> None:
    assert reasons.of_failure(said) == told


@pytest.mark.parametrize("said", WAITING)
def test_what_a_job_waited_for_in_vain_is_told_as_it_was(said: str) -> None:
    assert reasons.of_failure(said) == WAITING[said]


def test_a_long_reason_ends_within_the_column() -> None:
    told = reasons.of_waiting("ImagePullBackOff: " + "x" * 5000)
    assert told is not None
    assert len(told) == MESSAGE_LENGTH
    assert told.startswith(PULL)
    assert told.endswith("x…]")
