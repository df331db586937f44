"""P16: an object that cannot be read is set aside with one line in the log, and holds nothing else up."""

from collections.abc import Callable
from typing import Any

import pytest

from nbargo_local.faults.answers import edited
from nbargo_local.faults.streams import End, line, says
from nbargo_watcher import plan
from support.faulty import Faulty, faulty
from support.jobs import Json, job_id

MANY = 1000
BAD = 500


def _without(key: str) -> Callable[[Json], Any]:
    return lambda item: {name: value for name, value in item.items() if name != key}


def _metadata(**changes: Any) -> Callable[[Json], Any]:
    return lambda item: item | {"metadata": item["metadata"] | changes}


def _status(**changes: Any) -> Callable[[Json], Any]:
    return lambda item: item | {"status": item["status"] | changes}


POISONS: dict[str, Callable[[Json], Any]] = {
    "no metadata": _without("metadata"),
    "metadata are null": lambda item: item | {"metadata": None},
    "a name that is a number": _metadata(name=7),
    "no uid": _metadata(uid=None),
    "labels are a list": _metadata(labels=[]),
    "a label that is a number": _metadata(labels={"nbargo/user": 7}),
    "annotations are a text": _metadata(annotations="none"),
    "a status that is a text": lambda item: item | {"status": "fine"},
    "an unknown phase": _status(phase="Exploded"),
    "a phase that is an object": _status(phase={}),
    "another kind": lambda item: item | {"kind": "Pod"},
    "null": lambda _: None,
    "a number": lambda _: 7,
}
HARMLESS: dict[str, Callable[[Json], Any]] = {
    "no labels": _metadata(labels=None),
    "no status": _without("status"),
    "status is null": lambda item: item | {"status": None},
    "no spec": _without("spec"),
}


class PanicError(BaseException):
    """What a library in another language raises (pyo3's PanicException)."""


def _poisoned(poison: Callable[[Json], Any], name: str) -> Callable[[list[Any]], list[Any]]:
    def edit(items: list[Any]) -> list[Any]:
        return [poison(item) if item["metadata"]["name"] == name else item for item in items]

    return edit


def _true_but(it: Faulty, number: int) -> bool:
    return all(job_id(number) in sentence for sentence in it.scene.differences())


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS.keys())
async def test_one_of_many_in_a_list_is_set_aside(poison: Callable[[Json], Any]) -> None:
    async with faulty() as it:
        it.run(0, 1, 2)
        it.plan.add("list", edited(_poisoned(poison, f"nb-{job_id(1)}")), resource="workflows")
        follower = it.scene.following()
        await it.clock.until(lambda: _true_but(it, 1), within=10)
        assert it.status(1) is None
        assert len(follower.log.lines("warning object set aside")) == 1
        it.jobs.do("succeed", 0)
        await it.clock.until(lambda: it.status(0) == "COMPLETED", within=10)
        it.jobs.do("succeed", 1)  # it can be read again
        await it.true(within=10)
        assert it.lists == 1


async def test_one_of_a_thousand_is_set_aside_and_the_others_are_right() -> None:
    async with faulty(window=10_000) as it:
        it.run(*range(MANY))
        it.plan.add("list", edited(_poisoned(POISONS["no metadata"], f"nb-{job_id(BAD)}")), resource="workflows")
        follower = it.scene.following()
        await it.clock.until(lambda: it.watches == 1, within=60)
        assert it.scene.sql("SELECT count(*) FROM jobs WHERE status = 'IN_PROGRESS'") == [(MANY - 1,)]
        assert _true_but(it, BAD)
        assert len(follower.log.lines("warning object set aside")) == follower.telemetry.quarantined == 1


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS.keys())
async def test_one_in_a_watch_is_set_aside_and_the_place_moves_on(poison: Callable[[Json], Any]) -> None:
    async with faulty() as it:
        it.run(0, 1)
        follower = await it.following()
        bad = poison(it.jobs.jobs[1].last.body)
        it.jobs.do("somebody_else", 0)
        place = str(it.scene.server.store.revision)
        bookmark = {"kind": "Workflow", "metadata": {"resourceVersion": place}}
        lines = line("MODIFIED", bad), line("BOOKMARK", bookmark)
        it.plan.add("watch", says(*lines, end=End.HOLD), times=1, resource="workflows")
        it.plan.cut()
        await it.clock.until(lambda: it.watches == 2 and follower.telemetry.quarantined == 1, within=35)
        assert len(follower.log.lines("warning object set aside")) == 1
        it.plan.cut()
        it.jobs.do("succeed", 0)
        it.jobs.do("fail", 1)
        await it.true(within=35)
        assert it.plan.of("watch", "workflows")[-1].version == place
        assert it.lists == 1


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS.keys())
async def test_what_may_be_missing_is_no_poison(change: Callable[[Json], Any]) -> None:
    async with faulty() as it:
        it.run(0, 1)
        it.plan.add("list", edited(_poisoned(change, f"nb-{job_id(1)}")), resource="workflows")
        follower = it.scene.following()
        await it.clock.until(lambda: it.watches == 1, within=10)
        assert it.status(0) == "IN_PROGRESS"
        assert follower.telemetry.quarantined == 0


@pytest.mark.parametrize("error", [PanicError("no"), KeyError("phase"), RecursionError()])
async def test_an_error_of_our_own_ends_nothing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    decide, errors = plan.Plan.decide, [error]

    def fails_once(*args: Any) -> Any:
        if errors:
            raise errors.pop()
        return decide(*args)

    async with faulty() as it:
        it.run(0, 1)
        follower = await it.following()
        monkeypatch.setattr(plan.Plan, "decide", fails_once)
        it.jobs.do("succeed", 0)
        it.jobs.do("fail", 1)
        await it.clock.until(lambda: not errors, within=10)
        await it.clock.run(30)
        it.jobs.do("touch", 0)
        it.jobs.do("touch", 1)
        await it.true(within=35)
        assert follower.task
        assert not follower.task.done()
