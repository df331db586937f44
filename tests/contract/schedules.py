"""The questions about schedules that robfig/cron's own answers are recorded of: which times follow a time.

The times lie before 2026, so that no later time zone data changes an answer.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE: Final = Path(__file__).with_suffix(".json")
COUNT: Final = 6
START: Final = "2025-01-14T10:30:30Z"

# Before the days on which clocks change: skipped and repeated hours at night, at midnight, and by half an hour. Asking
# for weekdays where a whole date is skipped (Pacific/Apia, 2011) robfig/cron never answers.
CHANGES: Final = (
    ("Europe/Berlin", "2025-03-28T12:00:00Z", "2025-10-24T12:00:00Z"),
    ("Europe/Dublin", "2025-03-28T12:00:00Z", "2025-10-24T12:00:00Z"),
    ("America/New_York", "2025-03-07T12:00:00Z", "2025-10-31T12:00:00Z"),
    ("America/St_Johns", "2025-03-07T12:00:00Z", "2025-10-31T12:00:00Z"),
    ("America/Havana", "2025-03-07T12:00:00Z", "2025-10-31T12:00:00Z"),
    ("America/Asuncion", "2024-03-22T12:00:00Z", "2024-10-04T12:00:00Z"),
    ("Africa/Cairo", "2025-04-23T12:00:00Z", "2025-10-29T12:00:00Z"),
    ("Africa/Casablanca", "2025-02-21T12:00:00Z", "2025-04-04T12:00:00Z"),
    ("Asia/Beirut", "2025-03-28T12:00:00Z", "2025-10-24T12:00:00Z"),
    ("Asia/Kathmandu", "2025-03-28T12:00:00Z"),
    ("Australia/Lord_Howe", "2025-04-04T02:00:00Z", "2025-10-03T02:00:00Z"),
    ("Antarctica/Troll", "2025-03-28T12:00:00Z", "2025-10-24T12:00:00Z"),
    ("UTC", "2025-03-28T12:00:00Z"),
)
THROUGH_CHANGES: Final = (
    "30 2 * * *",
    "15,45 1 * * *",
    "0 0 * * *",
    "30 0 * * *",
    "59 23 * * *",
    "0 9 * * 5-6",
    "0 2 * * SUN",
    "0 */6 * * *",
    "20 */1 29-30 * *",
    "0 0 1 */2 *",
    "@daily",
    "@weekly",
)
TEXTS: Final = (
    # Dialect.
    "* * * * *",
    "*/7 * * * *",
    "5/20 * * * *",
    "1-30/9,45 4-6 * * *",
    "0 0 13 * 5",
    "0 0 */10 * 5",
    "0 0 * * 5",
    "0 0 13 * *",
    "0 0 ? * ?",
    "0 0 13 * */1",
    "0 0 13 * */2",
    "0 0 13 * 0-6",
    "0 12 29 FEB *",
    "0 12 29 2 1",
    "0 0 31 * *",
    "0 0 30 2 *",
    "0 0 1 jan,Jul MON",
    "0 0 * JAN-mar sun",
    "+5 +1 * * *",
    "1,,2 0 * * *",
    ", * * * *",
    "*-5 0 * * *",
    "? 0 * * *",
    "  0  9  *  *  *  ",
    "0\t9\t*\t*\t*",
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@midnight",
    "@hourly",
    "@every 1h30m",
    "@every 90s",
    "@every 1.5h",
    "@every 1.9s",
    "@every 10ms",
    "@every 0",
    "@every -1h",
    "TZ=Asia/Tokyo 0 9 * * MON-FRI",
    "CRON_TZ=Asia/Tokyo   @daily",
    "CRON_TZ=Asia/Tokyo @every 1h",
    "CRON_TZ= 0 9 * * *",
    "CRON_TZ=Local 0 9 * * *",
    # Errors.
    "",
    " ",
    "never",
    "* * * *",
    "* * * * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * 32 * *",
    "* * * 0 *",
    "* * * 13 *",
    "* * * * 7",
    "* * * * sat-mon",
    "30-20 * * * *",
    "*/0 * * * *",
    "*/-5 * * * *",
    "1-2-3 * * * *",
    "1/2/3 * * * *",
    "-1 * * * *",
    "L * * * *",
    "* * L * *",
    "* * 15W * *",
    "* * * * 5#2",
    "* * * jann *",
    "* * * * mon,",
    "1.5 * * * *",
    "99999999999999999999 * * * *",
    "@reboot",
    "@Daily",
    " @daily",
    "@daily ",
    "@every",
    "@every ",
    "@every 30",
    "@every soon",
    "@every 1h 30m",
    "@every 1 h",
    "CRON_TZ=Mars/Base * * * * *",
    "CRON_TZ=../UTC * * * * *",
    "CRON_TZ=europe/berlin2 * * * * *",
    "CRON_TZ=UTC CRON_TZ=UTC * * * * *",
    "TZ=UTC 60 * * * *",
    "cron_tz=UTC * * * * *",
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Args:
        schedule: A schedule, as Argo gives it to robfig/cron: with the time zone before it.
        after: The time that is asked from, in Unix seconds.
        count: How many times are asked for.
    """

    schedule: str
    after: int
    count: int = COUNT


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


QUESTIONS: Final = (
    *(Question(text, _seconds(START)) for text in TEXTS),
    *(
        Question(f"CRON_TZ={zone} {schedule}", _seconds(after))
        for zone, *times in CHANGES
        for after in times
        for schedule in THROUGH_CHANGES
    ),
)

Answer = dict[str, Any]
"""`times` in Unix seconds, fewer than asked for where no others follow; or null, and the `error`."""


def ask(program: Path, questions: Sequence[Question] = QUESTIONS) -> list[Answer]:
    """Return robfig/cron's answers.

    Args:
        program: The built `cronanswers`.
        questions: What is asked.
    """
    text = json.dumps([asdict(each) for each in questions])
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    answers: list[Answer] = json.loads(done.stdout)
    return answers


def read() -> dict[Question, Answer]:
    """Return the recorded answers."""
    lines = json.loads(FILE.read_text())
    return {Question(**each["question"]): each["answer"] for each in lines}


def write(answers: Sequence[Answer]) -> None:
    """Record the answers to all questions, one a line."""
    pairs = zip(QUESTIONS, answers, strict=True)
    lines = (json.dumps({"question": asdict(question), "answer": answer}) for question, answer in pairs)
    FILE.write_text("[\n" + ",\n".join(lines) + "\n]\n")
