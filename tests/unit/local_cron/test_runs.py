from datetime import datetime, timedelta

import pytest

from support.controller_bench import START, Object, shell
from support.cron_bench import CronBench, at, lasting

NINE, TEN = "2026-11-23T09:00:00Z", "2026-11-23T10:00:00Z"
AT_NINE = "cron-1795424400"
LAST_SCHEDULE = "cronworkflows.argoproj.io/last-used-schedule"
WORKFLOW_METADATA = {"labels": {"nbargo/job": "7"}, "annotations": {"nbargo/note": "n"}, "finalizers": ["nbargo/keep"]}


async def test_a_run_is_named_by_the_second_that_it_was_due(bench: CronBench) -> None:
    await bench.create_cron("0 * * * *", workflowSpec=lasting(60))
    await bench.until_time(at("2026-11-23 08:59:59"))
    assert bench.phases() == {}
    await bench.until_time(at("2026-11-23 09:00"))
    assert bench.phases() == {AT_NINE: "Running"}
    assert bench.scheduled() == [NINE]
    assert bench.status() == {
        "active": [
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Workflow",
                "name": AT_NINE,
                "namespace": "default",
                "resourceVersion": bench.status()["active"][0]["resourceVersion"],
                "uid": bench.get(AT_NINE)["metadata"]["uid"],
            }
        ],
        "failed": 0,
        "lastScheduledTime": NINE,
        "phase": "Active",
        "succeeded": 0,
    }


async def test_a_run_gets_declared_metadata_and_of_the_labels_only_those_of_the_creator(bench: CronBench) -> None:
    labels = {"own": "x", "workflows.argoproj.io/creator": "ada", "workflows.argoproj.io/creator-email": "ada.at.x"}
    metadata = {"labels": labels, "annotations": {"own": "y"}}
    cron = await bench.create_cron("0 * * * *", metadata=metadata, workflowMetadata=WORKFLOW_METADATA)
    await bench.until_time(at("2026-11-23 09:00"))
    child = bench.get(AT_NINE)["metadata"]
    assert {key: child["labels"][key] for key in child["labels"] if not key.endswith(("phase", "completed"))} == {
        "nbargo/job": "7",
        "workflows.argoproj.io/creator": "ada",
        "workflows.argoproj.io/creator-email": "ada.at.x",
        "workflows.argoproj.io/cron-workflow": "cron",
    }
    assert child["annotations"]["nbargo/note"] == "n"
    assert "own" not in child["annotations"]
    assert child["finalizers"] == ["nbargo/keep"]
    assert child["ownerReferences"] == [
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "CronWorkflow",
            "name": "cron",
            "uid": cron["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


async def test_a_run_knows_its_scheduled_time(bench: CronBench) -> None:
    template = shell("echo {{workflow.scheduledTime}}")
    await bench.create_cron("0 * * * *", workflowSpec={"entrypoint": "main", "templates": [template]})
    await bench.until_time(at("2026-11-23 09:00"))
    await bench.ended(AT_NINE)
    assert bench.log(AT_NINE, AT_NINE).strip() == NINE


@pytest.mark.parametrize("spec", [{"schedule": "0 * * * *"}, {"schedules": ["0 * * * *"]}])
async def test_one_schedule_may_be_singular(bench: CronBench, spec: Object) -> None:
    await bench.create_cron(**spec)
    await bench.until_time(at("2026-11-23 10:30"))
    assert bench.scheduled() == [NINE, TEN]
    assert bench.cron()["metadata"]["annotations"][LAST_SCHEDULE] == "0 * * * *"


async def test_several_schedules_that_meet_make_one_run(bench: CronBench) -> None:
    await bench.create_cron("0 * * * *", "0,30 9 * * *", timezone="UTC", successfulJobsHistoryLimit=9)
    await bench.until_time(at("2026-11-23 10:30"))
    assert bench.scheduled() == [NINE, "2026-11-23T09:30:00Z", TEN]
    noted = bench.cron()["metadata"]["annotations"][LAST_SCHEDULE]
    assert noted == "CRON_TZ=UTC 0 * * * *,CRON_TZ=UTC 0,30 9 * * *"


WEEKS = {
    "2027-03-25 12:00": {
        "Europe/Berlin": ["26 01:30", "27 01:30", "29 00:30", "30 00:30", "31 00:30", "01 00:30"],
        "America/New_York": ["26 06:30", "27 06:30", "28 06:30", "29 06:30", "30 06:30", "31 06:30", "01 06:30"],
        "Asia/Kolkata": ["25 21:00", "26 21:00", "27 21:00", "28 21:00", "29 21:00", "30 21:00", "31 21:00"],
    },
    "2027-10-28 12:00": {
        "Europe/Berlin": [
            "29 00:30",
            "30 00:30",
            "31 00:30",
            "31 01:30",
            "01 01:30",
            "02 01:30",
            "03 01:30",
            "04 01:30",
        ],
        "America/New_York": ["29 06:30", "30 06:30", "31 06:30", "01 06:30", "02 06:30", "03 06:30", "04 06:30"],
        "Asia/Kolkata": ["28 21:00", "29 21:00", "30 21:00", "31 21:00", "01 21:00", "02 21:00", "03 21:00"],
    },
}


@pytest.mark.parametrize("begin", WEEKS)
async def test_a_week_follows_the_clocks_of_each_zone(idle_bench: CronBench, begin: str) -> None:
    idle_bench.clock.advance((at(begin) - START).total_seconds())
    async with idle_bench.running():
        for zone in WEEKS[begin]:
            await idle_bench.create_cron("30 2 * * *", name=name_of(zone), timezone=zone, successfulJobsHistoryLimit=9)
        await idle_bench.until_time(at(begin) + timedelta(days=7))
        assert {zone: times(idle_bench, name_of(zone)) for zone in WEEKS[begin]} == WEEKS[begin]


def name_of(zone: str) -> str:
    return zone.lower().replace("/", "-").replace("_", "-")


def times(bench: CronBench, cron: str) -> list[str]:
    """Return the days and UTC times of a CronWorkflow's runs."""
    texts = (text for name, text in zip(bench.phases(), bench.scheduled(), strict=True) if name.startswith(cron))
    return [f"{datetime.fromisoformat(text):%d %H:%M}" for text in texts]
