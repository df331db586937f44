"""The record of a scheduled run: the same for everybody who has its template, its uid and its time of creation."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nbargo_shared import record as job_record
from nbargo_shared.definition import DefinitionRecord
from nbargo_shared.errors import RecordError
from nbargo_shared.run import file_name, name_time, run_record, run_template

UID = "6f1d3c52-8a3b-4a52-8c3e-d0f0f5b5a111"
DEFINITION_ID = "0b8ff6a5-9f7c-4f1c-9a0e-3a8e6d1f2c77"
CREATED = 1_774_747_800_000  # 2026-03-29 01:30 UTC: in Berlin the clocks have just gone on
DEFINITION = DefinitionRecord(
    definition_id=DEFINITION_ID,
    name="weekly",
    input_filename="report.ipynb",
    runtime_environment_name="default",
    create_time=1_700_000_000_000,
    update_time=1_700_000_000_001,
    files="v1-a",
    compute_type="large",
    output_formats=("ipynb", "html"),
    parameters={"x": "1"},
    tags=("t",),
    schedule="0 9 * * 1",
    package_input_folder=True,
)
PATTERNS = {"ipynb": "report-{time}.ipynb", "html": "report-{time}.html"}
TIMES = st.integers(0, 4_102_444_800)


def template(**values: Any) -> str:
    members = json.loads(run_template(DEFINITION, patterns=PATTERNS))
    return json.dumps({**members, **values})


def test_the_uid_is_the_job_and_the_rest_is_the_definitions() -> None:
    run = run_record(template(), uid=UID, created_ms=CREATED)
    assert (run.job_id, run.create_time, run.job_definition_id) == (UID, CREATED, DEFINITION_ID)
    assert (run.name, run.parameters, run.tags, run.compute_type) == ("weekly", {"x": "1"}, ("t",), "large")
    assert run.output_files == {
        "ipynb": "report-2026-03-29-01-30-00-AM.ipynb",
        "html": "report-2026-03-29-01-30-00-AM.html",
    }
    assert run.package_input_folder
    assert job_record.parse(run.to_json()) == run


@given(TIMES, TIMES)
def test_two_runs_never_share_a_file_name(first: int, second: int) -> None:
    assume(first != second)
    assert name_time(first * 1000) != name_time(second * 1000)


@pytest.mark.parametrize("hour", [(0, "12-00-00-AM"), (12, "12-00-00-PM"), (13, "01-00-00-PM")])
def test_the_time_is_written_as_jupyter_scheduler_does(hour: tuple[int, str]) -> None:
    assert name_time(hour[0] * 3_600_000) == f"1970-01-01-{hour[1]}"


def test_a_name_that_looks_like_a_pattern_keeps_its_text() -> None:
    assert file_name("{time} of {time}-{time}.ipynb", created_ms=0) == "{time} of {time}-1970-01-01-12-00-00-AM.ipynb"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON"),
        (template(job_id=UID), "not the template"),
        (template(create_time=1), "not the template"),
        (template(job_definition_id=None), "not the template"),
        (template(job_definition_id="x"), "'job_definition_id'"),
        (template(version=9), "version"),
        (template(output_files={"ipynb": "../{time}.ipynb"}), "'output_files'"),
        (template(output_files=["x"]), "'output_files'"),
        (template(name=3), "'name'"),
        (" " * (job_record.MAX_BYTES + 1), "bytes"),
    ],
)
def test_what_is_no_template_is_refused(text: str, why: str) -> None:
    with pytest.raises(RecordError, match=why):
        run_record(text, uid=UID, created_ms=CREATED)


@pytest.mark.parametrize("uid", ["", "../x", "x" * 40])
def test_a_uid_that_cannot_be_a_jobs_id_is_refused(uid: str) -> None:
    with pytest.raises(RecordError, match="'job_id'"):
        run_record(template(), uid=uid, created_ms=CREATED)


def test_a_template_whose_runs_would_not_be_valid_is_not_made() -> None:
    with pytest.raises(RecordError, match="'output_files'"):
        run_template(DEFINITION, patterns={"ipynb": "x" * 230 + "-{time}.ipynb"})
    with pytest.raises(RecordError, match="bytes"):
        run_template(replace(DEFINITION, parameters={"x": "y" * job_record.MAX_BYTES}), patterns=PATTERNS)
