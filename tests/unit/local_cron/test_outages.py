from datetime import timedelta

import pytest

from support.cron_bench import AT_ONCE, ENDLESS, CronBench, Record, at, failing

AT_NINE, AT_TEN = "2026-11-23T09:00:00Z", "2026-11-23T10:00:00Z"
OUTAGE_ENDS = "2026-11-24 12:20:07"
LAST_MISSED = "2026-11-24T12:00:00Z"


async def outage(bench: CronBench, until: str = OUTAGE_ENDS) -> None:
    """Have no controller from half past nine on, for a time; the caller starts the next one."""
    async with bench.running():
        await bench.until_time(at("2026-11-23 09:30"))
    bench.clock.advance((at(until) - bench.clock.now()).total_seconds())


@pytest.mark.parametrize(
    ("deadline", "caught_up"),
    [(None, []), (0, []), (1207, []), (1208, [LAST_MISSED]), (3600, [LAST_MISSED]), (10**6, [LAST_MISSED])],
)
async def test_after_an_outage_the_last_run_within_the_deadline_is_made_up_for(
    idle_bench: CronBench, deadline: int | None, caught_up: list[str]
) -> None:
    with Record(idle_bench) as record:
        idle_bench.put_cron("0 * * * *", startingDeadlineSeconds=deadline)
        await outage(idle_bench)
        async with idle_bench.running():
            await idle_bench.until_time(at("2026-11-24 12:59"))
            assert await record.times() == [AT_NINE, *caught_up]
            await idle_bench.until_time(at("2026-11-24 13:00"))
            assert await record.times() == ["2026-11-24T13:00:00Z"]


async def test_of_several_schedules_one_run_of_each_is_made_up_for(idle_bench: CronBench) -> None:
    with Record(idle_bench) as record:
        idle_bench.put_cron("0 9 * * *", "30 * * * *", startingDeadlineSeconds=86_400)
        await outage(idle_bench)
        async with idle_bench.running():
            await idle_bench.until_time(at("2026-11-24 12:29"))
        times = await record.times()
    assert times[:3] == ["2026-11-23T08:30:00Z", AT_NINE, "2026-11-23T09:30:00Z"]
    assert times[3:] == ["2026-11-24T09:00:00Z", "2026-11-24T11:30:00Z"]


async def test_before_its_first_run_nothing_is_missed(idle_bench: CronBench) -> None:
    idle_bench.put_cron("45 * * * *", startingDeadlineSeconds=86_400)
    idle_bench.clock.advance(timedelta(days=1).total_seconds())
    async with idle_bench.running():
        assert idle_bench.phases() == {}


async def test_a_schedule_that_was_edited_during_the_outage_has_missed_nothing(idle_bench: CronBench) -> None:
    with Record(idle_bench) as record:
        idle_bench.put_cron("0 * * * *", startingDeadlineSeconds=86_400)
        await outage(idle_bench)
        await idle_bench.edit(schedules=["15 * * * *"])
        async with idle_bench.running():
            await idle_bench.until_time(at("2026-11-24 13:14"))
            assert await record.times() == [AT_NINE]
            await idle_bench.until_time(at("2026-11-24 13:15"))
            assert await record.times() == ["2026-11-24T13:15:00Z"]


@pytest.mark.parametrize("policy", ["Allow", "Forbid", "Replace"])
async def test_a_controller_that_starts_anew_starts_no_run_twice(idle_bench: CronBench, policy: str) -> None:
    with Record(idle_bench) as record:
        idle_bench.put_cron("0 * * * *", startingDeadlineSeconds=3600, concurrencyPolicy=policy)
        for minute in range(30, 150, 10):
            async with idle_bench.running():
                await idle_bench.until_time(at("2026-11-23 08:00") + timedelta(minutes=minute))
        assert await record.times() == [AT_NINE, AT_TEN]


async def test_a_run_that_was_made_but_not_noted_is_not_made_again(idle_bench: CronBench) -> None:
    cron = idle_bench.put_cron("0 * * * *", workflowSpec=ENDLESS)
    idle_bench.create_child(cron, "cron-1795424400", ENDLESS)
    async with idle_bench.running():
        await idle_bench.until_time(at("2026-11-23 09:30"))
    assert list(idle_bench.phases()) == ["cron-1795424400"]
    assert [each["name"] for each in idle_bench.status()["active"]] == ["cron-1795424400"]


async def test_what_ended_during_an_outage_is_counted_and_the_history_cut_after_it(idle_bench: CronBench) -> None:
    idle_bench.put_cron("0 9,10 * * *", workflowSpec=failing(7200), failedJobsHistoryLimit=1)
    async with idle_bench.running():
        await idle_bench.until_time(at("2026-11-23 10:30"))
        assert len(idle_bench.status()["active"]) == 2
    idle_bench.clock.advance(timedelta(hours=10).total_seconds())
    async with idle_bench.running():
        await idle_bench.until_time(at("2026-11-23 20:31"))
    assert idle_bench.status()["failed"] == 2
    assert "active" not in idle_bench.status()
    assert len(idle_bench.phases()) == 1


async def test_forbid_is_not_held_up_by_a_run_that_ended_during_the_outage(idle_bench: CronBench) -> None:
    idle_bench.put_cron("0 * * * *", workflowSpec=ENDLESS, concurrencyPolicy="Forbid")
    await outage(idle_bench)
    idle_bench.store.delete(*idle_bench.key("cron-1795424400"))
    await idle_bench.edit(workflowSpec=AT_ONCE)
    async with idle_bench.running():
        await idle_bench.until_time(at("2026-11-24 13:01"))
    assert list(idle_bench.phases()) == ["cron-1795525200"]


async def test_a_missed_run_that_is_refused_is_tried_again_every_ten_seconds(idle_bench: CronBench) -> None:
    idle_bench.put_cron("0 * * * *", startingDeadlineSeconds=3600)
    await outage(idle_bench)
    await idle_bench.edit(workflowMetadata={"labels": {"bad": "not a label"}})
    async with idle_bench.running():
        await idle_bench.until_time(at(OUTAGE_ENDS) + timedelta(seconds=35))
        assert idle_bench.status()["failed"] == 4
        await idle_bench.edit(workflowMetadata={"labels": {"bad": None}})
        await idle_bench.until_time(at(OUTAGE_ENDS) + timedelta(seconds=60))
    assert idle_bench.status()["lastScheduledTime"] == LAST_MISSED


async def test_what_was_due_while_the_machine_slept_is_one_run(bench: CronBench) -> None:
    with Record(bench) as record:
        await bench.create_cron("0 * * * *", "30 * * * *")
        await bench.advance(4.75 * 3600)
        assert await record.times() == [
            AT_NINE
        ]  # the later of the two schedules' first missed times, as in robfig/cron
        await bench.until_time(at("2026-11-23 13:00"))
        assert await record.times() == ["2026-11-23T13:00:00Z"]
