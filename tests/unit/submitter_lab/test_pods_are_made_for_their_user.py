"""Names in braces, from a lab's settings to the Workflows and CronWorkflows of its user."""

import json
from pathlib import Path
from typing import Any

import pytest
from jupyter_scheduler.exceptions import SchedulerError
from jupyter_scheduler.models import UpdateJobDefinition

from support.kernel_specs import make_conda, names
from support.lab_bench import Bench, request, scheduled

SETTINGS: dict[str, Any] = {
    "volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": "claim-{username}"}}],
    "volume_mounts": [{"name": "home", "mountPath": "/home/{username}"}],
    "env": {"OWNER": "{username}"},
    "env_from": [{"secretRef": {"name": "of-{username}"}}],
    "service_account": "job-{username}",
    "image_pull_secrets": ["registry-of-{username}"],
    "node_selector": {"owner": "{username}"},
    "affinity": {
        "podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"labelSelector": {"matchLabels": {"nbargo/user": "{username}"}}, "topologyKey": "zone"}
            ]
        }
    },
    "tolerations": [{"key": "owner", "value": "{username}"}],
    "priority_class": "class-{username}",
    "working_dir": "/home/{username}/work",
    "workflow_labels": {"owner": "{username}"},
    "workflow_annotations": {"owner": "{username}"},
}


def made(spec: dict[str, Any]) -> str:
    """Return what a spec has of the settings: everything but the notebook's own record and program."""
    (template,) = spec["templates"]
    script = template["script"]
    env = [each for each in script["env"] if each["name"] == "OWNER"]
    return json.dumps({**spec, "templates": [{**script, "env": env, "source": ""}]})


async def test_every_setting_that_may_name_the_user_does_so_in_jobs_schedules_and_after_edits(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler(**SETTINGS)
    workflow = bench.workflow(await scheduler.create_job(request()))
    assert workflow is not None
    definition_id = await scheduler.create_job_definition(scheduled())
    cron = bench.cron(definition_id)
    change: dict[str, Any] = {"name": "other"}
    await scheduler.update_job_definition(definition_id, UpdateJobDefinition(**change))
    edited = bench.cron(definition_id)
    for spec in (workflow["spec"], cron["spec"]["workflowSpec"], edited["spec"]["workflowSpec"]):
        text = made(spec)
        assert "{username}" not in text
        for name in ("claim-alice", "/home/alice/work", "of-alice", "job-alice", "registry-of-alice", "class-alice"):
            assert f'"{name}"' in text
        assert text.count('"alice"') >= 7
    assert workflow["metadata"]["labels"]["owner"] == edited["spec"]["workflowMetadata"]["labels"]["owner"] == "alice"


async def test_what_a_user_types_is_left_as_it_is(bench: Bench) -> None:
    bench.notebook()
    wishes = {"env.GREETING": "{username}"}
    workflow = bench.workflow(await bench.scheduler().create_job(request(runtime_environment_parameters=wishes)))
    assert workflow is not None
    assert {"name": "GREETING", "value": "{username}"} in workflow["spec"]["templates"][0]["script"]["env"]


async def test_a_mount_of_the_users_own_is_where_conda_environments_are_shared(bench: Bench, tmp_path: Path) -> None:
    make_conda(tmp_path / "alice/envs/mine", "python3")
    mounts = [{"name": "home", "mountPath": f"{tmp_path}/{{username}}"}]
    scheduler = bench.scheduler(
        volume_mounts=mounts, conda_folders=[f"{tmp_path}/alice/envs"], image="another:1", lab_image="lab:1"
    )
    assert await names(scheduler) == ["default", "mine"]


async def test_a_name_that_is_not_known_here_is_told_and_nothing_is_submitted(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler(env={"WHERE": "{namespace}"})
    with pytest.raises(SchedulerError, match=r"has \{namespace\}, which is not known here\. Set c\.ArgoScheduler"):
        await scheduler.create_job(request())
    assert (bench.workflows(), bench.staged()) == ([], [])


async def test_a_name_that_looks_misspelt_is_in_the_log_once_and_stays(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.notebook()
    scheduler = bench.scheduler(volumes=[{"name": "home", "persistentVolumeClaim": {"claimName": "claim-{usrname}"}}])
    workflow = bench.workflow(await scheduler.create_job(request()))
    assert workflow is not None
    assert workflow["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == "claim-{usrname}"
    warned = [record.getMessage() for record in caplog.records if "usrname" in record.getMessage()]
    assert warned == ["c.ArgoScheduler.volumes has {usrname}, which is not replaced; {username} would be"]
