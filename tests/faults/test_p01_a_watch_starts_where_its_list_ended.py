"""P01: a watch starts at the list's own resourceVersion, not at the newest item's, and not at "now"."""

from nbargo_local.faults.answers import after
from support.faulty import faulty


async def test_what_happens_between_list_and_watch_is_seen_exactly_once() -> None:
    async with faulty() as it:
        it.run(0, 1)
        for _ in range(3):
            it.jobs.do("somebody_else", 0)  # the list's version is newer than that of every item

        def meanwhile() -> None:
            it.jobs.do("succeed", 0)
            it.jobs.do("fail", 1)
            it.jobs.do("delete", 1)

        it.plan.add("watch", after(meanwhile), times=1)
        listed = it.scene.server.store.revision
        follower = it.scene.following()
        await it.clock.until(lambda: it.watches == 1)
        await it.true(within=2)
        assert [asked.version for asked in it.plan.of("watch", "workflows")] == [str(listed)]
        assert (it.status(0), it.status(1), it.lists) == ("COMPLETED", "FAILED", 1)
        changes = [(line["job"], line["was"], line["now"]) for line in follower.log.lines("info row")]
        assert len(changes) == len(set(changes)) == 4
        assert follower.telemetry.events == 3
