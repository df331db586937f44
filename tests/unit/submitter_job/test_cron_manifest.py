"""The CronWorkflow of a definition: what stands in it, and the patch of an edit."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbargo_local.api.patches import merge_patch as apply_merge_patch
from nbargo_shared import definition as definition_record
from nbargo_shared import run
from nbargo_shared.definition import DefinitionRecord
from nbargo_shared.errors import InputError
from nbargo_submitter.bundle import runner_source
from nbargo_submitter.cronmanifest import Change, CronPolicy, build_cron_workflow, build_patch, merge_patch
from nbargo_submitter.manifest import MAX_TEMPLATE
from nbargo_submitter.pod import PodSettings
from nbargo_submitter.run_settings import DEADLINE_MARGIN, RunSettings

ID = "0b8ff6a5-9f7c-4f1c-9a0e-3a8e6d1f2c77"
UID = "6f1d3c52-8a3b-4a52-8c3e-d0f0f5b5a111"
STAGING = "/home/jane/it's my (stäging)"
DEFINITION = DefinitionRecord(
    definition_id=ID,
    name="weekly",
    input_filename="report.ipynb",
    runtime_environment_name="default",
    create_time=1_700_000_000_000,
    update_time=1_700_000_000_001,
    files="v1-a",
    output_formats=("ipynb", "html"),
    parameters={"x": "{{workflow.name}}", "n": "2"},
    schedule="0 9 * * 1",
    timezone="Europe/Berlin",
)
SETTINGS = PodSettings(
    image="lab:1",
    namespace="jane",
    labels={"workflows.argoproj.io/controller-instanceid": "blue", "nbargo/user": "somebody-else"},
    annotations={"team": "a", "nbargo/job": "{}"},
    node_selector={"pool": "jobs"},
)
NOW = 1_800_000_000_000
JSON = st.recursive(
    st.booleans() | st.integers(0, 3) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text("abc", min_size=1, max_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text("abc", min_size=1, max_size=1), JSON, max_size=3)


def build(definition: DefinitionRecord = DEFINITION, settings: PodSettings = SETTINGS, **policy: Any) -> dict[str, Any]:
    run_settings = policy.pop("run_settings", RunSettings())
    return build_cron_workflow(
        definition=definition,
        user="jane",
        staging=STAGING,
        settings=settings,
        policy=CronPolicy(**policy),
        run_settings=run_settings,
    )


def template(cron: dict[str, Any]) -> dict[str, Any]:
    (only,) = cron["spec"]["workflowSpec"]["templates"]
    assert isinstance(only, dict)
    return only


def environment(cron: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in template(cron)["script"]["env"]}


def test_the_object_carries_the_definition_and_when_it_runs() -> None:
    cron = build()
    metadata, spec = cron["metadata"], cron["spec"]
    assert (cron["apiVersion"], cron["kind"]) == ("argoproj.io/v1alpha1", "CronWorkflow")
    assert (metadata["name"], metadata["namespace"]) == (f"nb-{ID}", "jane")
    assert len(metadata["name"]) <= 52, "Argo's limit"
    assert definition_record.parse(metadata["annotations"]["nbargo/definition"]) == DEFINITION
    assert metadata["labels"]["nbargo/user"] == "jane"
    assert metadata["labels"]["nbargo/definition-id"] == ID
    assert metadata["labels"]["workflows.argoproj.io/controller-instanceid"] == "blue"
    assert (spec["schedules"], spec["timezone"], spec["suspend"]) == (["0 9 * * 1"], "Europe/Berlin", False)
    assert "schedule" not in spec


def test_the_policy_loses_no_run_and_keeps_little_in_the_cluster() -> None:
    spec = build()["spec"]
    assert (spec["concurrencyPolicy"], spec["startingDeadlineSeconds"]) == ("Forbid", 3600)
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (10, 10)
    assert spec["workflowSpec"]["ttlStrategy"] == {"secondsAfterCompletion": 86400}


def test_the_policy_is_the_administrators() -> None:
    spec = build(concurrency_policy="Allow", starting_deadline_seconds=0, successful_history=0, failed_history=3)[
        "spec"
    ]
    assert (spec["concurrencyPolicy"], spec["startingDeadlineSeconds"]) == ("Allow", 0)
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (0, 3)


def test_an_older_argo_gets_its_one_field() -> None:
    spec = build(single_schedule=True)["spec"]
    assert spec["schedule"] == "0 9 * * 1"
    assert "schedules" not in spec


def test_a_paused_definition_is_suspended_and_no_zone_is_utc() -> None:
    spec = build(replace(DEFINITION, active=False, timezone=None))["spec"]
    assert (spec["suspend"], spec["timezone"]) == (True, "UTC")
    assert "suspend" not in spec["workflowSpec"], "that would stop a run before it begins"


def test_each_run_gets_labels_and_the_template_of_its_record() -> None:
    made = build()["spec"]["workflowMetadata"]
    assert {name: value for name, value in made["labels"].items() if name.startswith("nbargo/")} == {
        "nbargo/user": "jane",
        "nbargo/definition-id": ID,
    }
    assert made["annotations"]["team"] == "a"
    record = run.run_record(made["annotations"]["nbargo/job"], uid=UID, created_ms=0)
    assert (record.job_id, record.job_definition_id, record.parameters) == (UID, ID, DEFINITION.parameters)
    assert record.output_files["html"] == "report-1970-01-01-12-00-00-AM.html"


def test_the_pod_knows_its_run_from_what_argo_puts_in() -> None:
    cron = build()
    variables = environment(cron)
    assert variables["NBARGO_WORKFLOW_UID"] == "{{workflow.uid}}"
    assert variables["NBARGO_CREATED"] == "{{workflow.creationTimestamp.s}}"
    job = json.loads(base64.b64decode(variables["NBARGO_JOB"]))
    assert job["source"] == f"{STAGING}/{ID}/v1-a"
    assert job["directory"] == STAGING
    assert job["record"] == json.loads(cron["spec"]["workflowMetadata"]["annotations"]["nbargo/job"])
    assert job["parameters"] == {"x": "{{workflow.name}}", "n": 2}
    (outcome,) = template(cron)["outputs"]["parameters"]
    assert outcome["valueFrom"]["path"] == STAGING + "/{{workflow.uid}}/outcome.json"
    assert template(cron)["script"]["source"] == runner_source()


def test_argo_replaces_nothing_that_the_user_typed() -> None:
    spec = json.dumps(template(build()))
    assert spec.count("{{") == 3, "the uid twice, the time once"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"parameters": {"a b": "1"}}, "parameter name"),
        ({"input_filename": "outcome.json"}, "cannot be called"),
        ({"input_filename": "x" * 235 + ".ipynb"}, "plain file name"),
        ({"parameters": {"a": "x" * 5000, "b": "y" * 70_000}}, "bytes"),
        ({"definition_id": "not valid"}, "label"),
    ],
)
def test_what_no_run_could_be_made_of_is_refused(values: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        build(replace(DEFINITION, **values))


def test_a_directory_with_braces_is_refused() -> None:
    with pytest.raises(InputError, match="two opening braces"):
        build_cron_workflow(
            definition=DEFINITION, user="jane", staging="/a/{{b}}", settings=SETTINGS, policy=CronPolicy()
        )


def test_the_template_leaves_room_for_what_users_type() -> None:
    assert len(json.dumps(template(build()))) < MAX_TEMPLATE / 3


# The patch of an edit


def there(**changes: Any) -> dict[str, Any]:
    """Return the CronWorkflow as it is in the cluster."""
    cron = build()
    cron["metadata"] |= {"resourceVersion": "7", "uid": UID}
    cron["status"] = {"lastScheduledTime": "2026-11-23T08:00:00Z", "active": [], "succeeded": 3, "failed": 0}
    return cron | changes


def patch(cron: dict[str, Any], *, single: bool = False, **values: Any) -> dict[str, Any]:
    record = replace(DEFINITION, **values, update_time=NOW)
    policy = CronPolicy(single_schedule=single)
    built = build(record) if set(values) - {"schedule", "timezone", "active"} else None
    return build_patch(
        cron, change=Change(record=record, members=frozenset(values)), built=built, policy=policy, now=NOW
    )


def test_an_edit_holds_for_one_version_of_the_object() -> None:
    change = patch(there(), name="other")
    assert change["metadata"]["resourceVersion"] == "7"
    noted = definition_record.parse(change["metadata"]["annotations"]["nbargo/definition"])
    assert (noted.name, noted.update_time) == ("other", NOW)


@pytest.mark.parametrize(
    ("values", "spec"),
    [
        ({"schedule": "@daily"}, {"schedule": None, "schedules": ["@daily"]}),
        ({"timezone": "UTC"}, {"timezone": "UTC"}),
        ({"active": False}, {"suspend": True}),
    ],
)
def test_an_edit_of_when_it_runs_leaves_alone_what_runs(values: dict[str, Any], spec: dict[str, Any]) -> None:
    assert patch(there(), **values)["spec"] == spec


def test_an_older_argos_one_field_is_patched() -> None:
    assert patch(there(), single=True, schedule="@daily")["spec"] == {"schedule": "@daily", "schedules": None}


@pytest.mark.parametrize("values", [{"schedule": "@daily"}, {"timezone": "UTC"}, {"active": True}])
def test_what_the_old_schedule_or_the_pause_left_out_counts_as_done(values: dict[str, Any]) -> None:
    assert patch(there(), **values)["status"] == {"lastScheduledTime": "2027-01-15T08:00:00Z"}


@pytest.mark.parametrize("values", [{"active": False}, {"name": "other"}, {"schedule": "@daily", "active": False}])
def test_other_edits_let_a_missed_run_be_caught_up(values: dict[str, Any]) -> None:
    assert "status" not in patch(there(), **values)


def test_before_the_first_run_there_is_nothing_to_leave_out() -> None:
    assert "status" not in patch(there(status={}), schedule="@daily")
    assert "status" not in patch(
        {name: value for name, value in there().items() if name != "status"}, schedule="@daily"
    )


def test_the_patch_makes_the_edited_object_of_the_one_that_is_there() -> None:
    values: dict[str, Any] = {
        "name": "other",
        "parameters": {},
        "files": "v2-b",
        "schedule": "@daily",
        "output_formats": (),
    }
    record = replace(DEFINITION, **values, update_time=NOW)
    result = apply_merge_patch(there(), patch(there(), **values))
    wanted = build(record)
    assert result["spec"] == wanted["spec"]
    assert result["metadata"]["annotations"] == wanted["metadata"]["annotations"]


def test_a_pod_setting_that_was_taken_back_goes() -> None:
    old = there()
    record = replace(DEFINITION, name="other", update_time=NOW)
    built = build(record, replace(SETTINGS, node_selector={}))
    change = Change(record=record, members=frozenset({"name"}))
    result = apply_merge_patch(old, build_patch(old, change=change, built=built, policy=CronPolicy(), now=NOW))
    assert "nodeSelector" not in result["spec"]["workflowSpec"]


def test_settings_that_are_new_come_with_an_edit() -> None:
    old = there()
    more = replace(SETTINGS, priority_class="jobs", env_from=({"secretRef": {"name": "db"}},), labels={"team": "b"})
    built = build(replace(DEFINITION, name="other", update_time=NOW), more)
    change = Change(record=replace(DEFINITION, name="other", update_time=NOW), members=frozenset({"name"}))
    result = apply_merge_patch(old, build_patch(old, change=change, built=built, policy=CronPolicy(), now=NOW))
    spec = result["spec"]["workflowSpec"]
    assert spec["podPriorityClassName"] == "jobs"
    assert spec["templates"][0]["script"]["envFrom"] == [{"secretRef": {"name": "db"}}]
    for noted in (result["metadata"], result["spec"]["workflowMetadata"], spec["podMetadata"]):
        assert noted["labels"]["team"] == "b"


def test_what_somebody_else_has_noted_on_the_object_stays() -> None:
    old = there()
    old["metadata"]["labels"]["theirs"] = old["metadata"]["annotations"]["theirs"] = "1"
    old["spec"]["stopStrategy"] = {"expression": "false"}
    result = apply_merge_patch(old, patch(old, name="other"))
    assert result["metadata"]["labels"]["theirs"] == result["metadata"]["annotations"]["theirs"] == "1"
    assert result["spec"]["stopStrategy"] == {"expression": "false"}


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_makes_one_object_of_another(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert apply_merge_patch(old, merge_patch(old, new)) == new


def test_each_run_has_the_definitions_limits_and_attempts() -> None:
    cron = build(run_settings=RunSettings(timeout=60, retries=1, kernel="ir"))
    only = template(cron)
    assert (only["retryStrategy"]["limit"], only["activeDeadlineSeconds"]) == ("1", 60 + DEADLINE_MARGIN)
    job = json.loads(base64.b64decode(environment(cron)["NBARGO_JOB"]))
    assert (job["timeout"], job["attempts"], job["kernel"]) == (60, 2, "ir")
    assert environment(cron)["NBARGO_ATTEMPT"] == "{{retries}}"


def test_an_edit_that_takes_retries_and_the_time_limit_away_takes_them_out_of_the_object() -> None:
    cron = {**build(run_settings=RunSettings(timeout=60, retries=1)), "status": {}}
    cron["metadata"]["resourceVersion"] = "1"
    change = Change(record=DEFINITION, members=frozenset({"runtime_environment_parameters"}))
    patch = build_patch(cron, change=change, built=build(), policy=CronPolicy(), now=NOW)
    edited = apply_merge_patch(cron, patch)
    assert template(edited) == template(build())
