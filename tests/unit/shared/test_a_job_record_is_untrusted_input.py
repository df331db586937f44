import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbargo_shared import record
from nbargo_shared.errors import RecordError
from nbargo_shared.record import JobRecord

NAMES = st.text(st.characters(exclude_characters="/\\\0", exclude_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda name: name not in {".", ".."}
)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
MILLISECONDS = st.integers(min_value=0, max_value=4_000_000_000_000)

RECORDS = st.builds(
    JobRecord,
    job_id=st.uuids().map(str),
    name=TEXTS,
    input_filename=NAMES,
    runtime_environment_name=TEXTS,
    create_time=MILLISECONDS,
    runtime_environment_parameters=st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers(), st.booleans()), max_size=3),
    compute_type=st.none() | TEXTS,
    output_formats=st.lists(TEXTS, max_size=3).map(tuple),
    output_files=st.dictionaries(TEXTS, NAMES, max_size=3),
    parameters=st.dictionaries(TEXTS, TEXTS, max_size=3),
    tags=st.lists(TEXTS, max_size=3).map(tuple),
    output_filename_template=st.none() | TEXTS,
    idempotency_token=st.none() | TEXTS,
    job_definition_id=st.none() | st.uuids().map(str),
    package_input_folder=st.booleans(),
    update_time=st.none() | MILLISECONDS,
)

MINIMAL: dict[str, Any] = {
    "version": 1,
    "job_id": "0f1e2d3c-0000-4000-8000-000000000000",
    "name": "a job",
    "input_filename": "a.ipynb",
    "runtime_environment_name": "default",
    "create_time": 1,
}


@given(RECORDS)
def test_a_record_survives_the_way_there_and_back(one: JobRecord) -> None:
    assert record.parse(one.to_json()) == one


def test_a_minimal_record_is_enough() -> None:
    assert record.from_dict(MINIMAL).output_formats == ()


@pytest.mark.parametrize("name", ["../x.ipynb", "a/b", "..", ".", "", "a\\b", "x\0", "é" * 200])
def test_a_file_name_cannot_leave_its_directory(name: str) -> None:
    with pytest.raises(RecordError):
        record.from_dict({**MINIMAL, "input_filename": name})
    with pytest.raises(RecordError):
        record.from_dict({**MINIMAL, "output_files": {"html": name}})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 2),
        ("version", None),
        ("job_id", "../../etc"),
        ("job_id", "plain"),
        ("job_id", "a-" + "b" * 40),
        ("name", 7),
        ("name", "x" * 257),
        ("create_time", "now"),
        ("create_time", True),
        ("create_time", -1),
        ("create_time", 10**18),
        ("parameters", {"a": 1}),
        ("parameters", [1]),
        ("parameters", {str(i): "" for i in range(1001)}),
        ("output_formats", "html"),
        ("output_formats", [1]),
        ("tags", ["x" * 5000]),
        ("package_input_folder", "yes"),
        ("runtime_environment_parameters", {"a": []}),
        ("job_definition_id", "a/b"),
        ("update_time", 1.5),
    ],
)
def test_a_bad_field_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(RecordError) as caught:
        record.from_dict({**MINIMAL, field: value})
    assert field in str(caught.value)


@pytest.mark.parametrize("field", ["job_id", "name", "input_filename", "runtime_environment_name", "create_time"])
def test_a_field_that_a_row_needs_must_be_there(field: str) -> None:
    with pytest.raises(RecordError, match=field):
        record.from_dict({name: value for name, value in MINIMAL.items() if name != field})


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "1", "[" * 5000, b"\xff", '{"a": "\\ud800"}'])
def test_what_is_not_a_json_object_is_refused(text: str | bytes) -> None:
    with pytest.raises(RecordError):
        record.parse(text)


def test_a_record_that_is_too_large_is_refused_on_both_ways() -> None:
    large = {**MINIMAL, "parameters": {"a": "x" * record.MAX_BYTES}}
    with pytest.raises(RecordError, match="more than"):
        record.parse(json.dumps(large))
    with pytest.raises(RecordError, match="file beside the notebook"):
        record.from_dict(large).to_json()


def test_members_of_a_later_version_of_the_same_form_are_passed_over() -> None:
    assert record.from_dict({**MINIMAL, "colour": "blue"}) == record.from_dict(MINIMAL)


def test_a_name_that_is_not_unicode_is_refused_before_it_is_sent() -> None:
    one = record.from_dict({**MINIMAL, "name": "a\udce9"})
    with pytest.raises(RecordError, match="Unicode"):
        one.to_json()
