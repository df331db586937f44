"""P07: a DELETED event is resolved, not translated: it may be an end, a deletion, or a change of labels."""

from nbargo_local.api.store import WORKFLOWS
from nbargo_local.faults.answers import refuse
from nbargo_shared import labels
from nbargo_shared.status import DISAPPEARED
from support.faulty import Faulty, faulty
from support.jobs import NAMESPACE, Json, job_id

FINALIZER: Json = {"metadata": {"finalizers": ["example.com/wait"]}}
NO_FINALIZER: Json = {"metadata": {"finalizers": []}}
OTHER_USER: Json = {"metadata": {"labels": {labels.USER_LABEL: "somebody"}}}


def _patch(it: Faulty, number: int, patch: Json) -> None:
    it.scene.server.store.patch(WORKFLOWS, NAMESPACE, f"nb-{job_id(number)}", patch)


async def test_the_last_body_says_how_an_ended_one_ended() -> None:
    async with faulty() as it:
        it.run(0, 1)
        await it.following()
        it.jobs.do("succeed", 0)
        it.jobs.do("collect", 0)
        it.jobs.do("fail", 1)
        it.jobs.do("collect", 1)
        await it.true(within=5)
        assert (it.status(0), it.status(1)) == ("COMPLETED", "FAILED")


async def test_one_that_was_deleted_while_it_ran_has_failed_and_says_so() -> None:
    async with faulty() as it:
        it.run(0)
        _patch(it, 0, FINALIZER)
        await it.following()
        it.scene.server.store.delete(WORKFLOWS, NAMESPACE, f"nb-{job_id(0)}")
        await it.clock.run(5)
        assert it.status(0) == "IN_PROGRESS"  # it is being deleted, and may still end by itself
        _patch(it, 0, NO_FINALIZER)
        it.jobs.jobs[0].gone = True
        await it.true(within=5)
        assert it.scene.sql("SELECT status, status_message FROM jobs") == [("FAILED", DISAPPEARED)]


async def test_one_that_left_the_selector_goes_on() -> None:
    async with faulty() as it:
        it.run(0, 1)
        await it.following()
        before = it.scene.sql("SELECT * FROM jobs WHERE job_id = ?", job_id(0))
        _patch(it, 0, OTHER_USER)
        it.jobs.do("succeed", 1)
        await it.clock.until(lambda: it.status(1) == "COMPLETED", within=5)
        await it.clock.run(5)
        assert len(it.plan.of("get")) == 1
        assert it.scene.sql("SELECT * FROM jobs WHERE job_id = ?", job_id(0)) == before


async def test_a_deletion_that_cannot_be_looked_into_waits() -> None:
    async with faulty() as it:
        it.run(0)
        await it.following()
        rule = it.plan.add("get", refuse(503))
        _patch(it, 0, OTHER_USER)
        await it.clock.run(30)
        assert rule.hits > 1
        assert it.status(0) == "IN_PROGRESS"
        it.plan.heal()
        it.jobs.do("delete", 0)  # nobody is told: it had left the selector already
        await it.true(within=35)
        assert it.status(0) == "FAILED"
