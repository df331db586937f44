"""P03: no row is touched for what a broken, refused, partial or suspiciously empty list does not show."""

from typing import Any

import pytest

from nbargo_local.faults.answers import edited, refuse, status, truncated
from nbargo_local.faults.plan import Fault
from nbargo_local.faults.streams import line, says
from nbargo_watcher import source
from support.faulty import Faulty, faulty

JOBS = 50
LOST_PLACE = says(line("ERROR", status(410, "Expired")))
"""Makes the watcher list."""
NO_WORKFLOWS = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "WorkflowList",
    "metadata": {"resourceVersion": "1000"},
    "items": [],
}

DAMAGES: dict[str, tuple[Fault, int | None]] = {
    "page 2 is a 500": (refuse(500), 2),
    "page 3 is refused": (refuse(403, status(403, "Forbidden")), 3),
    "page 2 is cut off": (truncated(), 2),
    "page 2 is HTML": (refuse(200, "<html>please log in</html>"), 2),
    "everything is a 403": (refuse(403, status(403, "Forbidden")), None),
    "everything is a 404": (refuse(404, "404 page not found"), None),
    "everything is cut off": (truncated(), None),
    "an object instead of a list": (refuse(200, '{"kind": "Status"}'), None),
    "a last page that is not the last": (edited(lambda _: []), 2),
}


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "PAGE_SIZE", 20)


def _rows(it: Faulty) -> list[Any]:
    return it.scene.sql("SELECT * FROM jobs ORDER BY job_id")


@pytest.mark.parametrize(("fault", "page"), DAMAGES.values(), ids=DAMAGES.keys())
async def test_a_list_that_is_not_complete_touches_no_row(fault: Fault, page: int | None) -> None:
    async with faulty() as it:
        it.run(*range(JOBS))
        follower = await it.following()
        before = _rows(it)
        it.plan.add("watch", LOST_PLACE, resource="workflows")
        rule = it.plan.add("list", fault, page=page, resource="workflows")
        it.plan.add("get", refuse(404, status(404, "NotFound")))  # a second look would not save the rows
        it.plan.cut()
        await it.clock.until(lambda: rule.hits >= 4, within=300)
        assert _rows(it) == before
        assert follower.telemetry.degraded
        it.plan.heal()
        await it.true(within=35)
        await it.clock.until(lambda: not follower.telemetry.degraded, within=60)


async def test_an_empty_list_beside_fifty_live_rows_is_not_believed() -> None:
    async with faulty() as it:
        it.run(*range(JOBS))
        follower = await it.following()
        before = _rows(it)
        it.plan.add("watch", LOST_PLACE, times=2, resource="workflows")
        rule = it.plan.add("list", refuse(200, NO_WORKFLOWS), resource="workflows")
        it.plan.add("get", refuse(404, status(404, "NotFound")))  # whatever is in front of the server says the same
        it.plan.cut()
        await it.clock.until(lambda: rule.hits >= 2, within=700)
        await it.clock.until(lambda: "rows" in follower.telemetry.degraded, within=45)
        assert "lacks 50 of 50" in follower.telemetry.degraded["rows"]
        assert _rows(it) == before
        it.plan.heal()
        await it.clock.until(lambda: not follower.telemetry.degraded, within=150)
        assert _rows(it) == before
        await it.true(within=5)


async def test_a_disappearance_that_a_second_list_confirms_is_believed() -> None:
    async with faulty(window=2) as it:
        it.run(*range(JOBS))
        follower = await it.following()
        await follower.stop()
        for number in range(JOBS):
            it.jobs.do("delete", number)
        follower.start()
        await it.clock.run(30)
        assert it.status(0) == "IN_PROGRESS"
        took = await it.true(within=120)
        assert took > 20
        await it.clock.until(lambda: not follower.telemetry.degraded, within=120)
