import json
from typing import Any

import pytest

from nbargo_shared import outcome
from nbargo_shared.errors import RecordError
from nbargo_shared.outcome import MAX_FILES, Outcome, RunError, State
from nbargo_shared.record import JobRecord

JOB = JobRecord(
    job_id="0f1e2d3c-0000-4000-8000-000000000000",
    name="a job",
    input_filename="a.ipynb",
    runtime_environment_name="default",
    create_time=1,
)
FAILED = Outcome(
    job_id=JOB.job_id,
    workflow_uid="u-1",
    state=State.FAILED,
    started_at=2,
    ended_at=3,
    error=RunError(name="ZeroDivisionError", message="division by zero", cell=3),
    outputs={"html": "a.html"},
    files=("data/x.csv", "y.txt"),
    job=JOB,
)
MEMBERS: dict[str, Any] = json.loads(FAILED.to_json())


def test_an_outcome_survives_the_way_there_and_back() -> None:
    assert outcome.parse(FAILED.to_json()) == FAILED


def test_an_error_reads_as_the_user_wants_it() -> None:
    assert str(FAILED.error) == "ZeroDivisionError: division by zero (cell 3)"
    assert str(RunError(name="KernelDied", message="")) == "KernelDied"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 0),
        ("job_id", "another-job"),
        ("workflow_uid", None),
        ("workflow_uid", "u" * 200),
        ("state", "fine"),
        ("started_at", None),
        ("ended_at", "late"),
        ("error", "boom"),
        ("error", {"name": 1, "message": ""}),
        ("error", {"name": "E", "message": "", "cell": "three"}),
        ("outputs", {"html": "../a.html"}),
        ("files", ["/etc/passwd"]),
        ("files", ["a/../../b"]),
        ("files", ["a//b"]),
        ("files", ["a\\b"]),
        ("files_omitted", -1),
        ("job", None),
        ("job", {}),
    ],
)
def test_a_bad_member_is_refused(field: str, value: object) -> None:
    with pytest.raises(RecordError):
        outcome.parse(json.dumps({**MEMBERS, field: value}))


def test_a_list_of_files_is_cut() -> None:
    many = [f"f{number}" for number in range(MAX_FILES + 5)]
    assert len(outcome.parse(json.dumps({**MEMBERS, "files": many})).files) == MAX_FILES


def test_an_outcome_that_is_too_large_is_refused() -> None:
    with pytest.raises(RecordError, match="more than"):
        outcome.parse(" " * (outcome.MAX_BYTES + 1))
