"""Who waits for what: the locks that a user's Workflows ask for."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from traitlets import TraitError

from nbargo_shared.definition import DefinitionRecord
from nbargo_shared.errors import ConfigError
from nbargo_shared.record import JobRecord
from nbargo_submitter.cronmanifest import Change, CronPolicy, build_cron_workflow, build_patch
from nbargo_submitter.manifest import build_workflow
from nbargo_submitter.pod import PodSettings
from nbargo_submitter.settings import ArgoSettings

ID = "0b8ff6a5-9f7c-4f1c-9a0e-3a8e6d1f2c77"
COMMON: dict[str, Any] = {
    "name": "weekly",
    "input_filename": "report.ipynb",
    "runtime_environment_name": "default",
    "create_time": 1_700_000_000_000,
    "output_formats": ("ipynb",),
}
JOB = JobRecord(job_id=ID, output_files={"ipynb": "report-1.ipynb"}, **COMMON)
DEFINITION = DefinitionRecord(
    definition_id=ID, update_time=1_700_000_000_000, files="v1-a", schedule="0 9 * * 1", timezone="UTC", **COMMON
)
LOCKS = {"mutexes": [{"name": "nbargo-jane"}]}


def settings(folder: Path, **traits: Any) -> ArgoSettings:
    (folder / "jane").write_text("2")
    (folder / "runs-jane").write_text("3")
    concurrency = {"config_map": "limits", "directory": str(folder), **traits.pop("concurrency", {})}
    return ArgoSettings(concurrency=concurrency, **traits)


def semaphore(key: str) -> dict[str, Any]:
    return {"configMapKeyRef": {"name": "limits", "key": key}}


def test_without_settings_nobody_waits() -> None:
    assert ArgoSettings().synchronization("jane") == {}


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        ({}, {"semaphores": [semaphore("jane")]}),
        ({"concurrency": {"key": "runs-{user}"}}, {"semaphores": [semaphore("runs-jane")]}),
        ({"one_at_a_time": True}, {"semaphores": [semaphore("jane")]}),
        ({"synchronization_form": "single"}, {"semaphore": semaphore("jane")}),
    ],
)
def test_a_user_with_a_key_has_a_semaphore(tmp_path: Path, traits: dict[str, Any], expected: dict[str, Any]) -> None:
    assert settings(tmp_path, **traits).synchronization("jane") == expected


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        ({}, {}),
        ({"one_at_a_time": True}, {"mutexes": [{"name": "nbargo-joe"}]}),
        ({"one_at_a_time": True, "synchronization_form": "single"}, {"mutex": {"name": "nbargo-joe"}}),
    ],
)
def test_a_user_without_a_key_never_asks_for_a_semaphore(
    tmp_path: Path, traits: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert settings(tmp_path, **traits).synchronization("joe") == expected


def test_a_key_that_comes_or_goes_counts_from_the_next_job_on(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert found.synchronization("joe") == {}
    (tmp_path / "joe").write_text("1")
    assert found.synchronization("joe") == {"semaphores": [semaphore("joe")]}
    (tmp_path / "joe").unlink()
    assert found.synchronization("joe") == {}


@pytest.mark.parametrize("text", ["0", "", "two", "2\n", "-1", " 2", "1.5"])
def test_a_limit_that_argo_does_not_take_is_told_before_the_job_is_submitted(tmp_path: Path, text: str) -> None:
    found = settings(tmp_path)
    (tmp_path / "jane").write_text(text)
    with pytest.raises(ConfigError, match="which is no number of runs") as caught:
        found.synchronization("jane")
    assert "ConfigMap limits" in caught.value.hint


def test_a_directory_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "joe").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        settings(tmp_path).synchronization("joe")


@pytest.mark.parametrize(
    "concurrency",
    [
        {"config_map": "limits"},
        {"directory": "/limits"},
        {"config_map": "limits", "directory": "/limits", "keys": "{user}"},
        {"config_map": "limits", "directory": "/limits", "key": "everybody"},
    ],
)
def test_a_setting_that_means_nothing_is_refused(concurrency: dict[str, str]) -> None:
    with pytest.raises(TraitError, match="concurrency"):
        ArgoSettings(concurrency=concurrency)


def test_the_locks_stand_in_the_workflow() -> None:
    pod = PodSettings(image="lab:1", synchronization=LOCKS)
    made = build_workflow(record=JOB, user="jane", directory="/staging/job", settings=pod)
    assert made["spec"]["synchronization"] == LOCKS
    without = build_workflow(record=JOB, user="jane", directory="/staging/job", settings=PodSettings(image="lab:1"))
    assert "synchronization" not in without["spec"]


def test_the_locks_stand_in_what_a_schedule_runs_and_an_edit_brings_them_up_to_date() -> None:
    def cron(pod: PodSettings) -> dict[str, Any]:
        return build_cron_workflow(
            definition=DEFINITION, user="jane", staging="/staging", settings=pod, policy=CronPolicy()
        )

    pod = PodSettings(image="lab:1")
    limited = cron(replace(pod, synchronization=LOCKS))
    assert limited["spec"]["workflowSpec"]["synchronization"] == LOCKS
    limited["metadata"]["resourceVersion"] = "7"
    edited = build_patch(
        limited,
        change=Change(record=DEFINITION, members=frozenset({"name"})),
        built=cron(pod),
        policy=CronPolicy(),
        now=1_800_000_000_000,
    )
    assert edited["spec"]["workflowSpec"] == {"synchronization": None}
