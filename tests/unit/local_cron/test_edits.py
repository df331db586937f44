import pytest

from nbargo_local.controller.names import Object
from support.cron_bench import ENDLESS, CronBench, Record, at, condition, lasting

NINE, TEN = "cron-1795424400", "cron-1795428000"
DEADLINE = 24 * 3600


@pytest.mark.parametrize(
    "edit",
    [
        {"schedules": ["*/5 * * * *"]},
        {"schedules": ["0 8,9 * * *"]},
        {"timezone": "Asia/Kolkata"},
        {"schedules": ["0 9 * * *"], "timezone": "UTC"},
        {"workflowSpec": lasting(1)},
        {"concurrencyPolicy": "Allow"},
        {"startingDeadlineSeconds": 3600},
    ],
    ids=str,
)
async def test_an_edit_starts_no_run(bench: CronBench, edit: Object) -> None:
    with Record(bench) as record:
        await bench.create_cron("0 9 * * *", startingDeadlineSeconds=DEADLINE)
        await bench.until_time(at("2026-11-23 09:31:07"))
        await bench.edit(**edit)
        await bench.until_time(at("2026-11-23 09:34"))
        assert await record.times() == ["2026-11-23T09:00:00Z"]


async def test_an_edited_schedule_is_followed_at_once(bench: CronBench) -> None:
    with Record(bench) as record:
        await bench.create_cron("0 9 * * *")
        await bench.until_time(at("2026-11-23 08:30"))
        await bench.edit(schedules=["15 9 * * *", "45 9 * * *"], timezone="Asia/Kolkata")
        await bench.until_time(at("2026-11-24 08:00"))
        assert await record.times() == ["2026-11-24T03:45:00Z", "2026-11-24T04:15:00Z"]


async def test_a_run_uses_the_edited_workflow_whole_and_a_running_one_keeps_its_own(bench: CronBench) -> None:
    await bench.create_cron("0 * * * *", workflowSpec=ENDLESS)
    await bench.until_time(at("2026-11-23 09:30"))
    await bench.edit(workflowSpec=lasting(7), workflowMetadata={"labels": {"edition": "2"}})
    await bench.until_time(at("2026-11-23 10:30"))
    assert bench.get(NINE)["spec"] == ENDLESS
    assert "edition" not in bench.get(NINE)["metadata"]["labels"]
    assert bench.get(TEN)["spec"] == lasting(7)
    assert bench.get(TEN)["metadata"]["labels"]["edition"] == "2"


async def test_an_edit_keeps_what_others_wrote_on_it(bench: CronBench) -> None:
    await bench.create_cron("0 * * * *", metadata={"labels": {"a": "1"}, "annotations": {"b": "2"}})
    await bench.edit(metadata={"labels": {"a": "3"}, "annotations": {"b": "4"}}, suspend=False)
    await bench.until_time(at("2026-11-23 09:30"))
    metadata = bench.cron()["metadata"]
    assert metadata["labels"] == {"a": "3"}
    assert metadata["annotations"]["b"] == "4"


@pytest.mark.parametrize(
    "edit",
    [{"schedules": ["61 * * * *"]}, {"concurrencyPolicy": "Maybe"}, {"workflowSpec": {"entrypoint": "nobody"}}],
    ids=str,
)
async def test_after_an_edit_that_is_not_valid_argo_goes_on_with_what_was_before(
    bench: CronBench, edit: Object
) -> None:
    await bench.create_cron("0 * * * *")
    await bench.until_time(at("2026-11-23 09:30"))
    await bench.edit(**edit)
    await bench.until_time(at("2026-11-23 10:30"))
    assert bench.phases() == {NINE: "Succeeded", TEN: "Succeeded"}


@pytest.mark.parametrize(
    "spec",
    [
        {"schedules": ["61 * * * *"]},
        {"schedules": ["0 * * * *"], "schedule": "0 * * * *"},
        {"schedules": ["0 * * * *"], "timezone": "Mars/Base"},
        {"schedules": ["0 * * * *"], "concurrencyPolicy": "Maybe"},
        {"schedules": ["0 * * * *"], "startingDeadlineSeconds": -1},
        {"schedules": ["0 * * * *"], "startingDeadlineSeconds": "soon"},
        {"schedules": ["0 * * * *"], "workflowSpec": {"entrypoint": "nobody"}},
        {"schedules": ["0 * * * *"], "workflowSpec": {"templates": "none"}},
    ],
    ids=str,
)
async def test_one_that_is_not_valid_starts_nothing_and_says_nothing_until_it_is_mended(
    bench: CronBench, spec: Object
) -> None:
    await bench.create_cron(**spec)
    await bench.until_time(at("2026-11-23 09:30"))
    assert bench.phases() == {}
    assert bench.status() == {}
    mended: Object = {"schedule": None, "timezone": None, "concurrencyPolicy": None, "startingDeadlineSeconds": None}
    await bench.edit(**mended, schedules=["0 * * * *"], workflowSpec=lasting(0))
    await bench.until_time(at("2026-11-23 10:30"))
    assert list(bench.phases()) == [TEN]


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"stopStrategy": {"expression": "cronworkflow.failed >= 3"}}, "spec.stopStrategy"),
        ({"when": "1 == 1"}, "spec.when"),
        ({"workflowMetadata": {"labelsFrom": {"a": {"expression": "1"}}}}, "spec.workflowMetadata.labelsFrom"),
    ],
)
async def test_what_is_not_supported_is_refused_in_the_status_at_once(
    bench: CronBench, spec: Object, path: str
) -> None:
    await bench.create_cron("0 * * * *", **spec)
    assert condition(bench.cron(), "SpecError") == f"not supported by the local controller: {path}"
    await bench.until_time(at("2026-11-23 10:30"))
    assert bench.phases() == {}


async def test_a_run_that_cannot_be_submitted_is_a_failure_and_a_condition_until_one_can(bench: CronBench) -> None:
    await bench.create_cron("0 * * * *", workflowMetadata={"labels": {"bad": "not a label"}})
    await bench.until_time(at("2026-11-23 09:30"))
    said = condition(bench.cron(), "SubmissionError")
    assert said is not None
    assert said.startswith('Failed to submit Workflow: Workflow.argoproj.io "cron-1795424400" is invalid')
    assert bench.status()["failed"] == 1
    assert "lastScheduledTime" not in bench.status()
    await bench.edit(workflowMetadata={"labels": {"bad": None, "good": "yes"}})
    await bench.until_time(at("2026-11-23 10:30"))
    assert condition(bench.cron(), "SubmissionError") is None
    assert bench.status()["conditions"] == []
    assert (bench.status()["failed"], bench.status()["succeeded"]) == (1, 1)


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {"cronworkflows.argoproj.io/completed": "true"}},
        {"labels": {"workflows.argoproj.io/controller-instanceid": "other"}},
    ],
)
async def test_one_that_is_completed_or_another_controllers_is_left_alone(bench: CronBench, metadata: Object) -> None:
    created = await bench.create_cron("0 * * * *", metadata=metadata)
    await bench.until_time(at("2026-11-23 10:30"))
    assert bench.phases() == {}
    assert bench.cron() == created
