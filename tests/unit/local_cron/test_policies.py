from support.controller_bench import Object, phase_of
from support.cron_bench import AT_ONCE, ENDLESS, CronBench, Record, at, failing, lasting

NINE, TEN, ELEVEN = (f"cron-{seconds}" for seconds in (1795424400, 1795428000, 1795431600))


def active(bench: CronBench) -> list[str]:
    return [each["name"] for each in bench.status().get("active", [])]


async def test_allow_lets_runs_overlap(bench: CronBench) -> None:
    await bench.create_cron("0 * * * *", workflowSpec=ENDLESS, concurrencyPolicy="Allow")
    await bench.until_time(at("2026-11-23 10:00"))
    assert bench.phases() == {NINE: "Running", TEN: "Running"}
    assert active(bench) == [NINE, TEN]


async def test_forbid_leaves_a_run_out_while_another_goes_on(bench: CronBench) -> None:
    await bench.create_cron("0 * * * *", workflowSpec=lasting(90 * 60), concurrencyPolicy="Forbid")
    await bench.until_time(at("2026-11-23 10:15"))
    assert bench.phases() == {NINE: "Running"}
    assert bench.status()["lastScheduledTime"] == "2026-11-23T09:00:00Z"
    await bench.until_time(at("2026-11-23 11:00"))
    assert bench.phases() == {NINE: "Succeeded", ELEVEN: "Running"}


async def test_forbid_with_a_deadline_makes_up_for_the_run_once_the_other_has_ended(bench: CronBench) -> None:
    spec: Object = {"workflowSpec": lasting(90 * 60), "concurrencyPolicy": "Forbid", "startingDeadlineSeconds": 3600}
    await bench.create_cron("0 * * * *", **spec)
    await bench.until_time(at("2026-11-23 10:29"))
    assert bench.phases() == {NINE: "Running"}
    await bench.until_time(at("2026-11-23 10:31"))
    assert bench.phases() == {NINE: "Succeeded", TEN: "Running"}


async def test_replace_terminates_what_goes_on(bench: CronBench) -> None:
    await bench.create_cron("0 * * * *", workflowSpec=ENDLESS, concurrencyPolicy="Replace")
    await bench.until_time(at("2026-11-23 10:01"))
    assert bench.phases() == {NINE: "Failed", TEN: "Running"}
    assert bench.get(NINE)["spec"]["shutdown"] == "Terminate"
    assert bench.get(NINE)["status"]["message"] == "Stopped with strategy 'Terminate'"
    assert active(bench) == [TEN]
    assert (bench.status()["succeeded"], bench.status()["failed"]) == (0, 1)


async def test_a_run_that_has_ended_is_counted_within_ten_seconds(bench: CronBench) -> None:
    await bench.create_cron("0 * * * *")
    await bench.until_time(at("2026-11-23 09:00"))
    assert phase_of(bench.get(NINE)) == "Succeeded"
    assert active(bench) == [NINE]
    await bench.until_time(at("2026-11-23 09:00:10"))
    assert active(bench) == []
    assert bench.status()["succeeded"] == 1


async def test_a_run_that_was_deleted_is_not_counted(bench: CronBench) -> None:
    await bench.create_cron("0 * * * *", workflowSpec=ENDLESS)
    await bench.until_time(at("2026-11-23 09:00"))
    bench.store.delete(*bench.key(NINE))
    await bench.until_time(at("2026-11-23 09:01"))
    assert active(bench) == []
    assert (bench.status()["succeeded"], bench.status()["failed"]) == (0, 0)


async def test_three_successes_and_one_failure_stay_by_default(bench: CronBench) -> None:
    await bench.create_cron("0 * * * *", name="good")
    await bench.create_cron("0 * * * *", name="bad", workflowSpec=failing(5))
    await bench.until_time(at("2026-11-23 15:01"))
    stay = list(bench.phases())
    assert [name for name in stay if name.startswith("good")] == [f"good-{1795424400 + 3600 * n}" for n in (4, 5, 6)]
    assert [name for name in stay if name.startswith("bad")] == [f"bad-{1795424400 + 3600 * 6}"]
    assert bench.status("good")["succeeded"] == bench.status("bad")["failed"] == 7


async def test_limits_of_the_history_can_be_set_and_lowered(bench: CronBench) -> None:
    await bench.create_cron("0 * * * *", successfulJobsHistoryLimit=2, failedJobsHistoryLimit=0)
    await bench.until_time(at("2026-11-23 11:01"))
    assert list(bench.phases()) == [TEN, ELEVEN]
    await bench.edit(successfulJobsHistoryLimit=0)
    await bench.until_time(at("2026-11-23 11:02"))
    assert bench.phases() == {}


async def test_a_suspended_one_starts_nothing_and_loses_what_was_due(bench: CronBench) -> None:
    with Record(bench) as record:
        await bench.create_cron("0 * * * *", workflowSpec=lasting(90 * 60))
        await bench.until_time(at("2026-11-23 09:30"))
        await bench.edit(suspend=True)
        await bench.until_time(at("2026-11-23 11:30"))
        assert bench.phases() == {NINE: "Succeeded"}  # the run that went on has ended normally
        await bench.edit(suspend=False)
        await bench.until_time(at("2026-11-23 12:00"))
        assert await record.times() == ["2026-11-23T09:00:00Z", "2026-11-23T12:00:00Z"]


async def test_a_resumed_one_makes_up_for_its_last_run_within_the_deadline(bench: CronBench) -> None:
    with Record(bench) as record:
        await bench.create_cron("0 * * * *", startingDeadlineSeconds=3600)
        await bench.until_time(at("2026-11-23 09:30"))
        await bench.edit(suspend=True)
        await bench.until_time(at("2026-11-23 12:30"))
        await bench.edit(suspend=False)
        await bench.until_time(at("2026-11-23 12:31"))
        assert await record.times() == ["2026-11-23T09:00:00Z", "2026-11-23T12:00:00Z"]


async def test_a_run_by_hand_is_active_too_and_forbids(bench: CronBench) -> None:
    cron = await bench.create_cron("0 * * * *", concurrencyPolicy="Forbid")
    bench.create_child(cron, "by-hand", ENDLESS)
    await bench.until_time(at("2026-11-23 09:01"))
    assert list(bench.phases()) == ["by-hand"]
    assert active(bench) == ["by-hand"]


async def test_a_deleted_one_takes_its_runs_along(bench: CronBench) -> None:
    await bench.create_cron("0 * * * *", workflowSpec=ENDLESS)
    await bench.until_time(at("2026-11-23 09:01"))
    bench.delete_cron()
    await bench.until_time(at("2026-11-23 12:00"))
    assert bench.phases() == {}


async def test_one_that_was_made_again_begins_anew(bench: CronBench) -> None:
    await bench.create_cron("0 * * * *", workflowSpec=ENDLESS, concurrencyPolicy="Forbid")
    await bench.until_time(at("2026-11-23 09:01"))
    bench.delete_cron()
    await bench.create_cron("0 * * * *", workflowSpec=AT_ONCE, concurrencyPolicy="Forbid")
    await bench.until_time(at("2026-11-23 10:01"))
    assert bench.phases() == {TEN: "Succeeded"}
