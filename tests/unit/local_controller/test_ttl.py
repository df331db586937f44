import pytest

from nbargo_local.api.store import WORKFLOWS
from nbargo_local.controller.ttl import deletion_time
from support.controller_bench import Bench, Object, phase_of, shell

ALL = {"secondsAfterCompletion": 100, "secondsAfterSuccess": 20, "secondsAfterFailure": 30}
ONLY_FAILURE = {"secondsAfterFailure": 30}
ERROR = {"daemon": True}


async def lifetime(bench: Bench, template: Object, strategy: Object, longest: int) -> int | None:
    """Return after how many seconds a finished workflow is deleted; None if it is not."""
    bench.submit(template, ttlStrategy=strategy)
    await bench.ended()
    await bench.quiet()
    for second in range(1, longest + 1):
        await bench.advance(1)
        if bench.store.get(WORKFLOWS, "default", "wf") is None:
            return second
    return None


@pytest.mark.parametrize(
    ("template", "strategy", "seconds"),
    [
        (shell("true"), ALL, 21),
        (shell("exit 1"), ALL, 31),
        (shell("true") | ERROR, ALL, 101),
        (shell("true"), {"secondsAfterCompletion": 5}, 6),
        (shell("exit 1"), {"secondsAfterCompletion": 5, "secondsAfterSuccess": 1}, 6),
        (shell("true"), {"secondsAfterSuccess": 0}, 1),
        (shell("true"), ONLY_FAILURE, None),
        (shell("true") | ERROR, ONLY_FAILURE, None),
        (shell("true"), {}, None),
    ],
)
async def test_a_finished_workflow_is_deleted_one_second_after_its_time(
    bench: Bench, template: Object, strategy: Object, seconds: int | None
) -> None:
    assert await lifetime(bench, template, strategy, 120) == seconds


async def test_a_retried_workflow_is_not_deleted(bench: Bench) -> None:
    bench.submit(shell("exit 1"), ttlStrategy={"secondsAfterCompletion": 10})
    await bench.ended()
    await bench.quiet()
    labels = {"workflows.argoproj.io/completed": None}
    status = {"phase": "Running", "finishedAt": None, "nodes": {"wf": None}}
    bench.patch({"metadata": {"labels": labels}, "status": status, "spec": {"suspend": True}})
    await bench.advance(60)
    assert phase_of(bench.get()) == "Running"


async def test_a_workflow_that_waits_for_its_archive_stays(bench: Bench) -> None:
    workflow = bench.submit(shell("true"), ttlStrategy={"secondsAfterCompletion": 10})
    workflow = await bench.ended()
    workflow = {**workflow, "metadata": {**workflow["metadata"]}}
    workflow["metadata"]["labels"] = {
        **workflow["metadata"]["labels"],
        "workflows.argoproj.io/workflow-archiving-status": "Pending",
    }
    assert deletion_time(workflow) is None


async def test_the_time_is_kept_over_a_restart_of_the_controller(idle_bench: Bench) -> None:
    async with idle_bench.controller():
        idle_bench.submit(shell("true"), ttlStrategy={"secondsAfterCompletion": 10})
        await idle_bench.ended()
    idle_bench.clock.advance(60)
    async with idle_bench.controller():
        await idle_bench.gone()
