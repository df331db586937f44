"""The Workflow of a job: what stands in it, that nothing the user typed is touched by Argo, and what is refused."""

import ast
import base64
import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbargo_shared import record as job_record
from nbargo_shared.errors import ConfigError, InputError
from nbargo_shared.record import JobRecord
from nbargo_submitter.bundle import runner_source
from nbargo_submitter.manifest import MAX_TEMPLATE, build_workflow
from nbargo_submitter.pod import PodSettings
from nbargo_submitter.run_settings import DEADLINE_MARGIN, RunSettings

RECORD = JobRecord(
    job_id="0b8ff6a5-9f7c-4f1c-9a0e-3a8e6d1f2c77",
    name="report",
    input_filename="It's (ä).ipynb",
    runtime_environment_name="python3",
    create_time=1_700_000_000_000,
    output_formats=("ipynb", "html"),
    output_files={"ipynb": "It's (ä)-1.ipynb", "html": "It's (ä)-1.html"},
    parameters={"x": "{{workflow.name}}", "n": "2"},
)
DIRECTORY = "/home/jane/.local/share/jupyter/It's my (jöb) {1}/0b8ff6a5"
FULL = PodSettings(
    image="registry.example/image:1",
    namespace="jane",
    image_pull_policy="IfNotPresent",
    image_pull_secrets=("registry",),
    service_account="job",
    working_dir="/home/jane",
    env={"PLAIN": "1", "TOKEN": {"valueFrom": {"secretKeyRef": {"name": "slack", "key": "token"}}}},
    env_from=({"prefix": "SITE_", "configMapRef": {"name": "site"}}, {"secretRef": {"name": "db", "optional": True}}),
    volumes=({"name": "home", "persistentVolumeClaim": {"claimName": "claim-jane"}},),
    volume_mounts=({"name": "home", "mountPath": "/home/jane", "subPath": "home/jane"},),
    resources={"requests": {"cpu": "500m"}, "limits": {"memory": "2Gi", "nvidia.com/gpu": "1"}},
    node_selector={"pool": "jobs"},
    affinity={"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    tolerations=({"key": "jobs", "operator": "Exists"},),
    priority_class="jobs",
    security_context={"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    pod_security_context={"runAsUser": 1000, "fsGroup": 100},
    labels={"team": "a", "nbargo/user": "somebody-else"},
    annotations={"sidecar.istio.io/inject": "false", "nbargo/job": "{}"},
    ttl_seconds=60,
    pod_gc="OnWorkflowCompletion",
    active_deadline_seconds=600,
)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)


def build(record: JobRecord = RECORD, settings: PodSettings = FULL, **given_values: Any) -> dict[str, Any]:
    values = {"user": "jane", "directory": DIRECTORY, **given_values}
    return build_workflow(record=record, settings=settings, **values)


def template(manifest: dict[str, Any]) -> dict[str, Any]:
    (only,) = manifest["spec"]["templates"]
    assert isinstance(only, dict)
    return only


def environment(manifest: dict[str, Any]) -> dict[str, Any]:
    entries = template(manifest)["script"]["env"]
    return {entry["name"]: {key: value for key, value in entry.items() if key != "name"} for entry in entries}


def sent(manifest: dict[str, Any]) -> Any:
    return json.loads(base64.b64decode(environment(manifest)["NBARGO_JOB"]["value"]))


def test_the_workflow_is_found_again_by_its_labels_and_carries_the_whole_job() -> None:
    manifest = build(replace(RECORD, job_definition_id="7f0c2b1e-0d1e-4a55-8a55-1f0c2b1e0d1e"))
    metadata = manifest["metadata"]
    own = {
        "nbargo/user": "jane",
        "nbargo/job-id": RECORD.job_id,
        "nbargo/definition-id": "7f0c2b1e-0d1e-4a55-8a55-1f0c2b1e0d1e",
    }
    assert (manifest["apiVersion"], manifest["kind"]) == ("argoproj.io/v1alpha1", "Workflow")
    assert (metadata["name"], metadata["namespace"]) == (f"nb-{RECORD.job_id}", "jane")
    assert metadata["labels"] == {"team": "a", **own}
    assert manifest["spec"]["podMetadata"]["labels"] == {"team": "a", **own}
    assert job_record.parse(metadata["annotations"]["nbargo/job"]).parameters == RECORD.parameters


def test_one_script_template_runs_the_runner_and_hands_its_outcome_on() -> None:
    manifest = build()
    only = template(manifest)
    assert manifest["spec"]["entrypoint"] == only["name"]
    assert (only["script"]["command"], only["script"]["source"]) == (["python"], runner_source())
    assert only["outputs"]["parameters"] == [
        {
            "name": "nbargo-outcome",
            "globalName": "nbargo-outcome",
            "valueFrom": {"path": f"{DIRECTORY}/outcome.json", "default": ""},
        }
    ]
    assert sent(manifest) == {
        "record": RECORD.to_dict(),
        "directory": DIRECTORY,
        "parameters": {"x": "{{workflow.name}}", "n": 2},
        "kernel": None,
    }
    assert sent(build(run=RunSettings(kernel="ir")))["kernel"] == "ir"


def test_the_pod_is_as_the_settings_say() -> None:
    spec = build()["spec"]
    script = template({"spec": spec})["script"]
    variables = environment({"spec": spec})
    assert variables["PLAIN"] == {"value": "1"}
    assert variables["TOKEN"] == {"valueFrom": {"secretKeyRef": {"name": "slack", "key": "token"}}}
    assert script["envFrom"] == [dict(each) for each in FULL.env_from]
    assert spec["volumes"] == [dict(FULL.volumes[0])]
    assert script["volumeMounts"] == [dict(FULL.volume_mounts[0])]
    assert (script["resources"], script["securityContext"]) == (FULL.resources, FULL.security_context)
    assert (script["image"], script["imagePullPolicy"], script["workingDir"]) == (
        FULL.image,
        "IfNotPresent",
        "/home/jane",
    )
    assert spec["securityContext"] == FULL.pod_security_context
    assert (spec["nodeSelector"], spec["affinity"]) == (FULL.node_selector, FULL.affinity)
    assert spec["tolerations"] == [dict(FULL.tolerations[0])]
    assert spec["podPriorityClassName"] == "jobs"
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert (spec["serviceAccountName"], spec["activeDeadlineSeconds"]) == ("job", 600)
    assert (spec["ttlStrategy"], spec["podGC"]) == (
        {"secondsAfterCompletion": 60},
        {"strategy": "OnWorkflowCompletion"},
    )
    assert spec["podMetadata"]["annotations"]["sidecar.istio.io/inject"] == "false"


def test_what_is_not_set_is_not_in_the_manifest() -> None:
    spec = build(settings=PodSettings(image="image"))["spec"]
    assert set(spec) == {"entrypoint", "templates", "podMetadata", "ttlStrategy"}
    assert spec["ttlStrategy"] == {"secondsAfterCompletion": 86_400}
    assert set(template({"spec": spec})["script"]) == {"image", "command", "source", "env"}
    assert "ttlStrategy" not in build(settings=PodSettings(image="image", ttl_seconds=None))["spec"]


@given(TEXT, TEXT)
def test_argo_finds_nothing_to_replace_but_the_uid(value: str, name: str) -> None:
    record = replace(RECORD, name=name, tags=(value,), parameters={"p": "{{" + value + "}}"})
    manifest = build(record)
    text = json.dumps(manifest["spec"], ensure_ascii=False)
    assert text.count("{{") == text.count("{{workflow.uid}}") == 1
    assert "$(" not in environment(manifest)["NBARGO_JOB"]["value"]
    assert sent(manifest)["record"]["name"] == name
    assert sent(manifest)["record"]["parameters"] == record.parameters


def test_heras_own_model_reads_it_back_unchanged() -> None:
    from hera.workflows.models import Workflow  # noqa: PLC0415 - slow to import, and only needed here

    manifest = build()
    assert Workflow.model_validate(manifest).model_dump(by_alias=True, exclude_none=True) == manifest
    assert json.loads(json.dumps(manifest)) == manifest


def test_importing_it_does_not_import_hera() -> None:
    program = (
        "import sys, nbargo_submitter.manifest; print([name for name in ('hera', 'pydantic') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert ast.literal_eval(result.stdout) == []


@pytest.mark.parametrize("filler", ["x", "<", "é", '"'])
def test_the_largest_record_that_fits_makes_an_object_far_below_the_limit(filler: str) -> None:
    record = replace(RECORD, tags=())
    room = job_record.MAX_BYTES - len(record.to_json().encode()) - len(',"tags":[""]')
    escaped = len(json.dumps(filler, ensure_ascii=False).encode()) - 2
    tags: list[str] = []
    while room > 4096 * escaped + 3:
        tags.append(filler * 4096)
        room -= 4096 * escaped + 3
    manifest = build(replace(record, tags=tuple(tags)))
    assert len(json.dumps(manifest)) < 1024 * 1024
    assert len(json.dumps(template(manifest))) < 128 * 1024


@pytest.mark.parametrize("size", [50_000, 60_000])
def test_parameters_that_argo_could_not_start_are_refused_with_what_to_do(size: int) -> None:
    with pytest.raises(InputError, match=r"bytes.*Pass large values in a file"):
        build(replace(RECORD, parameters={"p": "x" * size}))


def test_a_template_that_argo_could_not_start_is_refused() -> None:
    settings = replace(FULL, env={"BIG": "<" * (MAX_TEMPLATE // 6)})
    with pytest.raises(InputError, match="that Argo can start"):
        build(settings=settings)


@pytest.mark.parametrize(
    ("directory", "why"),
    [
        ("/home/{{x}}/job", "two opening braces"),
        ("relative/job", "not an absolute path"),
        ("", "not an absolute path"),
        ("/home/a\nb", "not an absolute path"),
        ("/home/a\0b", "not an absolute path"),
        ("/home/\udcff", "not an absolute path"),
    ],
)
def test_a_directory_that_argo_would_change_is_refused(directory: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        build(directory=directory)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"job_id": "A-B"}, "cannot be the name"),
        ({"job_id": "_a-b"}, "label nbargo/job-id"),
        ({"job_id": "a/../b"}, "not a job's"),
        ({"input_filename": "a/b.ipynb"}, "not a plain file name"),
        ({"output_formats": ("pdf",)}, "no file name"),
        ({"output_files": {"ipynb": "It's (ä).ipynb", "html": "a"}}, "Two files"),
        ({"output_files": {"ipynb": "a", "html": "a"}}, "Two files"),
        ({"output_files": {"ipynb": "outcome.json", "html": "a"}}, "Two files"),
        ({"parameters": {"a b": "1"}}, "name of a variable"),
    ],
)
def test_a_record_that_would_not_work_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        build(replace(RECORD, **change))


def test_a_user_that_is_no_label_is_refused() -> None:
    with pytest.raises(InputError, match="label nbargo/user"):
        build(user="jane@example.org")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"volumes": ({"name": "home", "persistentVolumeClaims": {"claimName": "c"}},)}, "persistentVolumeClaims"),
        ({"volume_mounts": ({"name": "home"},)}, "'volume_mounts' is wrong at 'mountPath'"),
        ({"resources": {"limits": {"cpu": 1}}}, "'resources' is wrong at 'limits.cpu'"),
        ({"security_context": {"runAsNonRot": True}}, "runAsNonRot"),
        ({"env": {"A": {"value_from": {"secretKeyRef": {"name": "s", "key": "k"}}}}}, "value_from"),
        ({"env_from": ({"secretRef": {"name": 1}},)}, "'env_from' is wrong at 'secretRef.name'"),
        ({"env_from": ({"secretKeyRef": {"name": "s", "key": "k"}},)}, "secretKeyRef"),
        ({"image_pull_policy": "Sometimes"}, "Sometimes"),
        ({"env": {"N": 5}}, r"'env' has no text for 'N' but int\. Put it in quotes"),
        ({"labels": {"team": None}}, "'workflow_labels' has no text for 'team'"),
        ({"annotations": {"cost": 1.5}}, "'workflow_annotations' has no text for 'cost'"),
        ({"node_selector": {"gpu": True}}, "'node_selector' has no text for 'gpu' but bool"),
    ],
)
def test_a_setting_that_kubernetes_does_not_know_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        build(settings=replace(FULL, **change))


def test_without_retries_and_a_time_limit_nothing_of_them_is_there() -> None:
    only = template(build())
    assert {"retryStrategy", "activeDeadlineSeconds"}.isdisjoint(only)
    assert "NBARGO_ATTEMPT" not in environment(build())


def test_a_time_limit_is_the_runners_and_behind_it_the_pods() -> None:
    manifest = build(run=RunSettings(timeout=600))
    assert sent(manifest)["timeout"] == 600
    assert template(manifest)["activeDeadlineSeconds"] == 600 + DEADLINE_MARGIN


def test_failures_of_the_infrastructure_alone_are_tried_again_unless_the_user_wants_more() -> None:
    manifest = build(run=RunSettings(retries=2))
    assert template(manifest)["retryStrategy"] == {
        "limit": "2",
        "retryPolicy": "Always",
        "expression": (
            "(asInt(lastRetry.exitCode) > 2 || asInt(lastRetry.exitCode) < 0)"
            " && !(lastRetry.message contains 'OOMKilled') && !(lastRetry.message contains 'deadline')"
        ),
    }
    assert sent(manifest)["attempts"] == 3
    assert environment(manifest)["NBARGO_ATTEMPT"] == {"value": "{{retries}}"}
    every = build(run=RunSettings(retries=1, retry_failures=True))
    assert template(every)["retryStrategy"] == {"limit": "1", "retryPolicy": "Always"}


def test_who_is_told_of_the_end_travels_with_the_job() -> None:
    assert sent(build(run=RunSettings(notify={"on": ["failure"]})))["notify"] == {"on": ["failure"]}


def test_another_python_runs_it() -> None:
    only = template(build(run=RunSettings(command=("/opt/conda/envs/a/bin/python",))))
    assert only["script"]["command"] == ["/opt/conda/envs/a/bin/python"]
