"""P11: whatever status the server answers with, as an answer or as a line of a watch, the watcher goes on."""

import pytest

from nbargo_local.faults.answers import TOO_LARGE, refuse, status, too_large
from nbargo_local.faults.plan import Fault
from nbargo_local.faults.streams import line, says
from support.faulty import faulty

CODES = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed",
         406: "NotAcceptable", 409: "Conflict", 410: "Gone", 422: "Invalid", 429: "TooManyRequests",
         500: "InternalError", 501: "", 502: "", 503: "ServiceUnavailable", 504: "Timeout"}  # fmt: skip
ANSWERS = {f"HTTP {code}": refuse(code, status(code, reason)) for code, reason in CODES.items()}
LINES = {f"a line {code}": says(line("ERROR", status(code, reason))) for code, reason in CODES.items()}
TOO_LARGE_LINE = says(line("ERROR", status(504, "Timeout", TOO_LARGE, cause="ResourceVersionTooLarge")))
FAULTS = {**ANSWERS, **LINES, "HTTP too large": too_large(), "a line too large": TOO_LARGE_LINE}
LASTS = 60


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_a_minute_of_an_error_is_survived_and_made_good(fault: Fault) -> None:
    async with faulty() as it:
        it.run(0, 1)
        follower = await it.following()
        rule = it.plan.add("watch", fault, resource="workflows")
        it.plan.cut()
        await it.clock.run(LASTS)
        assert rule.hits
        assert follower.task
        assert not follower.task.done()
        assert it.plan.busiest(60) <= 10
        it.jobs.do("succeed", 0)
        it.plan.heal()
        await it.true(within=35)
        it.jobs.do("fail", 1)
        await it.true(within=35)


async def test_a_version_that_the_server_has_not_reached_leads_to_a_list() -> None:
    """As after a restore of etcd from a backup: a watch from there would be silent for ever."""
    async with faulty() as it:
        it.run(0)
        await it.following()
        lists = it.lists
        it.plan.add("watch", too_large(), times=1, resource="workflows")
        it.plan.cut()
        await it.clock.until(lambda: it.lists > lists, within=35)
        it.jobs.do("succeed", 0)
        await it.true(within=35)
        assert it.lists - lists == 1


async def test_lost_rights_are_visible_and_asked_for_slowly() -> None:
    async with faulty() as it:
        it.run(0)
        follower = await it.following()
        refused = refuse(403, status(403, "Forbidden", "rights were taken"))
        it.plan.add("watch", refused, resource="workflows")
        it.plan.cut()
        await it.clock.run(300)
        assert "rights were taken" in follower.telemetry.degraded["workflows/argo"]
        assert it.plan.busiest(60) <= 8, "a few soon, as after a start of the server, then slowly"
        it.plan.heal()
        await it.clock.until(lambda: not follower.telemetry.degraded, within=35)
