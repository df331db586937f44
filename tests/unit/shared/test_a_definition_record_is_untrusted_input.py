"""A definition's record survives the way through JSON, and everything else is refused."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyter_scheduler.orm import JobDefinition

from nbargo_shared.definition import MAX_BYTES, DefinitionRecord, parse
from nbargo_shared.errors import RecordError

ID = "0b8ff6a5-9f7c-4f1c-9a0e-3a8e6d1f2c77"
RECORD = DefinitionRecord(
    definition_id=ID,
    name="weekly report",
    input_filename="report.ipynb",
    runtime_environment_name="default",
    create_time=1_700_000_000_000,
    update_time=1_700_000_000_001,
    files="v1-a",
    input_uri="folder/report.ipynb",
    runtime_environment_parameters={"gpu": 1, "spot": True, "size": "4Gi", "share": 0.5},
    compute_type="large",
    output_formats=("ipynb", "html"),
    parameters={"x": "{{y}}"},
    tags=("t", "u"),
    output_filename_template="{{input_filename}}",
    schedule="0 9 * * 1",
    timezone="Europe/Berlin",
    active=False,
    package_input_folder=True,
)
MINIMAL = DefinitionRecord(
    definition_id=ID,
    name="",
    input_filename="a",
    runtime_environment_name="",
    create_time=0,
    update_time=0,
    files="v",
)
NOT_OF_THE_USER = {  # the same in every row, or not in use by jupyter-scheduler
    *("url", "packaged_files", "email_notifications", "timeout_seconds", "retry_on_timeout", "max_retries"),
    *("min_retry_interval_millis", "job_definition_id"),
}


def changed(**values: Any) -> str:
    return json.dumps({**RECORD.to_dict(), **values})


@pytest.mark.parametrize("record", [RECORD, MINIMAL, replace(RECORD, schedule=None, timezone=None, active=True)])
def test_a_record_is_read_back_as_it_was_written(record: DefinitionRecord) -> None:
    assert parse(record.to_json()) == record
    assert parse(record.to_json().encode()) == record


def test_every_column_of_the_table_can_be_rebuilt() -> None:
    columns = {column.name for column in JobDefinition.__table__.columns}
    assert columns - NOT_OF_THE_USER <= {field.name for field in fields(DefinitionRecord)}


@given(st.text(), st.dictionaries(st.text(), st.text()), st.booleans())
def test_any_text_that_is_unicode_survives(name: str, parameters: dict[str, str], active: bool) -> None:  # noqa: FBT001 - drawn
    record = replace(RECORD, name=name[:200].replace("\0", ""), parameters=parameters, active=active)
    try:
        text = record.to_json()
    except RecordError:
        return
    assert parse(text) == record


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "version is not 1"),
        (changed(version=2), "version is not 1"),
        (changed(definition_id="../x"), "'definition_id'"),
        (changed(definition_id="x" * 37), "'definition_id'"),
        (changed(name=None), "'name'"),
        (changed(name="x" * 257), "'name'"),
        (changed(input_filename="a/b.ipynb"), "'input_filename'"),
        (changed(input_filename=".."), "'input_filename'"),
        (changed(files="../other"), "'files'"),
        (changed(files=""), "'files'"),
        (changed(files=None), "'files'"),
        (changed(create_time="1"), "'create_time'"),
        (changed(update_time=-1), "'update_time'"),
        (changed(update_time=True), "'update_time'"),
        (changed(schedule=["* * * * *"]), "'schedule'"),
        (changed(schedule="x" * 257), "'schedule'"),
        (changed(timezone="x" * 37), "'timezone'"),
        (changed(active="yes"), "'active'"),
        (changed(tags="t"), "'tags'"),
        (changed(parameters={"a": 1}), "'parameters'"),
        (changed(runtime_environment_parameters={"a": []}), "'runtime_environment_parameters'"),
        (changed(name="\ud800"), "not JSON"),
        ("[" * 50_000, "not JSON"),
        (" " * (MAX_BYTES + 1), "bytes"),
    ],
)
def test_what_is_no_record_is_refused(text: str, why: str) -> None:
    with pytest.raises(RecordError, match=why):
        parse(text)


def test_members_of_a_newer_version_are_passed_over() -> None:
    assert parse(changed(invented_later={"a": [1]})) == RECORD


def test_a_record_that_is_too_large_is_not_written() -> None:
    with pytest.raises(RecordError, match="bytes, more than"):
        replace(RECORD, parameters={"x": "y" * MAX_BYTES}).to_json()


def test_a_record_that_is_not_unicode_is_not_written() -> None:
    with pytest.raises(RecordError, match="not valid Unicode"):
        replace(RECORD, name="\ud800").to_json()
