"""The local controller's schedules are due when robfig/cron's are, and refused in its words.

`record_schedules.py` records robfig/cron's answers; `tests/cluster/test_schedules.py` holds it to them.
"""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from contract import schedules
from contract.schedules import Answer, Question
from nbargo_local.controller.cron.fields import ScheduleError
from nbargo_local.controller.cron.schedule import parse_schedule

RECORDED = schedules.read()
UNORDERED = "Australia/Lord_Howe"  # where robfig/cron finds another next time from a later start
TIMED = {
    question: answer["times"]
    for question, answer in RECORDED.items()
    if answer["times"] and UNORDERED not in question.schedule
}


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def local_answer(question: Question) -> Answer:
    try:
        schedule = parse_schedule(question.schedule)
    except ScheduleError as error:
        return {"times": None, "error": str(error)}
    times: list[int] = []
    at: datetime | None = moment(question.after)
    while len(times) < question.count and at is not None:
        if (at := schedule.next(at)) is not None:
            times.append(int(at.timestamp()))
    return {"times": times}


def test_every_question_is_answered() -> None:
    assert list(RECORDED) == list(schedules.QUESTIONS)


@pytest.mark.parametrize("question", RECORDED, ids=lambda question: f"{question.schedule} {question.after}")
def test_a_schedule_is_due_when_robfigs_is(question: Question) -> None:
    assert local_answer(question) == RECORDED[question]


@pytest.mark.parametrize("question", TIMED, ids=lambda question: f"{question.schedule} {question.after}")
def test_the_last_missed_time_is_the_last_of_robfigs(question: Question) -> None:
    times, schedule = TIMED[question], parse_schedule(question.schedule)
    for earlier, later in pairwise(times):
        assert schedule.latest(after=moment(question.after), before=moment(later)) == moment(earlier)
