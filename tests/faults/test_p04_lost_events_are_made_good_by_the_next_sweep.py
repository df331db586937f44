"""P04: what the server silently does not say in a watch is found by a list of the server, not of a cache."""

import json
from collections.abc import Iterable

from nbargo_local.faults.streams import reshaped
from nbargo_watcher.source import Timing
from support.faulty import faulty
from support.jobs import job_id

LONGEST = Timing().relist[1]


async def test_a_deletion_and_a_change_that_were_not_told_are_found_within_one_sweep() -> None:
    async with faulty() as it:
        swallowed = []

        def swallow(right: bytes) -> Iterable[bytes]:
            told = json.loads(right)
            what = (told["type"], told["object"]["metadata"].get("name", ""))
            if what in {("DELETED", f"nb-{job_id(0)}"), ("MODIFIED", f"nb-{job_id(1)}")}:
                swallowed.append(what)
                return ()
            return (right,)

        it.run(0, 1, 2)
        it.plan.add("watch", reshaped(swallow))
        await it.following(timing=Timing())
        before = it.lists
        it.jobs.do("delete", 0)
        it.jobs.do("succeed", 1)
        it.jobs.do("succeed", 2)
        await it.clock.run(60)
        assert len(swallowed) == 2
        assert [it.status(number) for number in range(3)] == ["IN_PROGRESS", "IN_PROGRESS", "COMPLETED"]
        await it.true(within=LONGEST)
        assert it.lists - before == 1
        assert [it.status(number) for number in range(3)] == ["FAILED", "COMPLETED", "COMPLETED"]
