from pathlib import Path
from typing import Any

import pytest

from support.controller_bench import Bench, Object, node_named, shell, waiting


def failing_until(path: Path, attempts: int, **strategy: Any) -> Object:
    """Return a template that fails until it was tried a number of times."""
    text = f"echo x >> {path}; [ $(wc -l < {path}) -ge {attempts} ]"
    return shell(text, retryStrategy=strategy)


async def test_an_attempt_that_succeeds_ends_the_retries(bench: Bench, tmp_path: Path) -> None:
    bench.submit(failing_until(tmp_path / "n", 3, limit=5))
    workflow = await bench.ended()
    nodes = workflow["status"]["nodes"]
    assert workflow["status"]["phase"] == "Succeeded"
    assert {node["name"]: node["phase"] for node in nodes.values()} == {
        "wf": "Succeeded",
        "wf(0)": "Failed",
        "wf(1)": "Failed",
        "wf(2)": "Succeeded",
    }
    assert nodes["wf"]["type"] == "Retry"
    assert nodes["wf"]["children"] == [node_named(workflow, f"wf({number})")["id"] for number in range(3)]
    assert node_named(workflow, "wf(0)")["nodeFlag"] == {"retried": True}
    assert workflow["status"]["progress"] == "1/3"


@pytest.mark.parametrize("limit", [2, "2"])
async def test_after_the_limit_the_workflow_fails(bench: Bench, limit: object) -> None:
    bench.submit(shell("exit 1", retryStrategy={"limit": limit}))
    status = (await bench.ended())["status"]
    assert (status["phase"], status["message"]) == ("Failed", "No more retries left")
    assert len(status["nodes"]) == 4
    assert status["nodes"]["wf"]["outputs"]["exitCode"] == "1"


async def test_a_limit_of_nothing_is_one_attempt(bench: Bench) -> None:
    bench.submit(shell("exit 1", retryStrategy={"limit": 0}))
    assert len((await bench.ended())["status"]["nodes"]) == 2


async def test_the_attempts_know_their_number_and_the_last_ones_end(bench: Bench) -> None:
    tags = "{{retries}} {{lastRetry.exitCode}} [{{lastRetry.status}}] {{pod.name}}"
    bench.submit(shell(f"echo '{tags}'; exit 4", retryStrategy={"limit": 1}))
    workflow = await bench.ended()
    first, second = (bench.log(node_named(workflow, f"wf({number})")["id"]).split() for number in (0, 1))
    assert first[:3] == ["0", "0", "[]"]
    assert second[:3] == ["1", "4", "[Failed]"]
    assert first[3] != second[3]


@pytest.mark.parametrize(
    ("policy", "text", "attempts"),
    [
        ("OnFailure", "exit 1", 2),
        ("OnError", "exit 1", 1),
        ("Always", "exit 1", 2),
        ("OnTransientError", "exit 1", 1),
        ("", "exit 1", 2),
    ],
)
async def test_the_policy_says_what_is_retried(bench: Bench, policy: str, text: str, attempts: int) -> None:
    bench.submit(shell(text, retryStrategy={"limit": 1, "retryPolicy": policy}))
    status = (await bench.ended())["status"]
    assert len(status["nodes"]) == attempts + 1
    assert status["message"] == ("No more retries left" if attempts > 1 else "main: Error (exit code 1)")


@pytest.mark.parametrize(("policy", "attempts"), [("OnError", 2), ("Always", 2), ("OnFailure", 1)])
async def test_a_missing_output_is_an_error_to_the_policy(bench: Bench, policy: str, attempts: int) -> None:
    declared = {"parameters": [{"name": "o", "valueFrom": {"path": "/no/such/file"}}]}
    bench.submit(shell("true", outputs=declared, retryStrategy={"limit": 1, "retryPolicy": policy}))
    status = (await bench.ended())["status"]
    assert status["phase"] == "Error"
    assert len(status["nodes"]) == attempts + 1


async def test_backoff_waits_longer_each_time(bench: Bench) -> None:
    backoff = {"duration": "10", "factor": 2}
    bench.submit(shell("exit 1", retryStrategy={"limit": 2, "backoff": backoff}))
    await bench.node("Failed", "wf(0)")
    await bench.quiet()
    assert bench.get()["status"]["nodes"]["wf"]["message"] == "Backoff for 10 seconds"
    await bench.advance(9)
    assert len(bench.get()["status"]["nodes"]) == 2
    await bench.advance(1)
    await bench.node("Failed", "wf(1)")
    await bench.quiet()
    assert bench.get()["status"]["nodes"]["wf"]["message"] == "Backoff for 20 seconds"
    await bench.advance(20)
    assert (await bench.ended())["status"]["message"] == "No more retries left"


async def test_a_cap_limits_the_backoff(bench: Bench) -> None:
    backoff = {"duration": "1m", "factor": "10", "cap": "90s"}
    bench.submit(shell("exit 1", retryStrategy={"limit": 5, "backoff": backoff}))
    await bench.node("Failed", "wf(0)")
    await bench.advance(60)
    await bench.node("Failed", "wf(1)")
    await bench.quiet()
    assert bench.get()["status"]["nodes"]["wf"]["message"] == "Backoff for 1 minute 30 seconds"


async def test_no_attempt_starts_after_the_longest_duration(bench: Bench) -> None:
    backoff = {"duration": "1m", "maxDuration": "30s"}
    bench.submit(shell("exit 1", retryStrategy={"limit": 5, "backoff": backoff}))
    status = (await bench.ended())["status"]
    assert (status["phase"], status["message"]) == ("Failed", "Backoff would exceed max duration limit")


async def test_an_attempt_is_stopped_at_the_longest_duration(bench: Bench, tmp_path: Path) -> None:
    backoff = {"duration": "1s", "maxDuration": "30s"}
    template = shell(f"[ -e {tmp_path}/1 ] && sleep 1000; touch {tmp_path}/1; exit 1")
    bench.submit(template | {"retryStrategy": {"limit": 5, "backoff": backoff}})
    await bench.node("Failed", "wf(0)")
    await bench.advance(1)
    await bench.node("Running", "wf(1)")
    await bench.advance(29)
    status = (await bench.ended())["status"]
    assert status["phase"] == "Failed"
    assert len(status["nodes"]) == 3


async def test_the_workflows_strategy_holds_for_templates_without_one(bench: Bench) -> None:
    bench.submit(shell("exit 1"), retryStrategy={"limit": 1})
    assert len((await bench.ended())["status"]["nodes"]) == 3


async def test_stop_ends_the_retries(bench: Bench, tmp_path: Path) -> None:
    bench.submit(waiting(tmp_path / "never", retryStrategy={"limit": 5, "retryPolicy": "Always"}))
    await bench.node("Running", "wf(0)")
    bench.patch({"spec": {"shutdown": "Stop"}})
    status = (await bench.ended())["status"]
    assert (status["phase"], status["message"]) == ("Failed", "Stopped with strategy 'Stop'")
    assert len(status["nodes"]) == 2


INFRASTRUCTURE = (
    "(asInt(lastRetry.exitCode) > 2 || asInt(lastRetry.exitCode) < 0) "
    "&& !(lastRetry.message contains 'OOMKilled') && !(lastRetry.message contains 'deadline')"
)


@pytest.mark.parametrize(
    ("text", "attempts", "message"),
    [
        ("exit 1", 1, "retryStrategy.expression evaluated to false"),
        ("exit 143", 3, "No more retries left"),
        ("kill -9 $$$$", 3, "No more retries left"),
    ],
)
async def test_an_expression_says_which_ends_are_tried_again(
    bench: Bench, text: str, attempts: int, message: str
) -> None:
    strategy = {"limit": 2, "retryPolicy": "Always", "expression": INFRASTRUCTURE}
    bench.submit(shell(text, retryStrategy=strategy))
    status = (await bench.ended())["status"]
    assert (status["phase"], status["message"], len(status["nodes"])) == ("Failed", message, attempts + 1)


async def test_an_attempt_reads_its_number_in_its_environment(bench: Bench, tmp_path: Path) -> None:
    template = shell(f'echo "$ATTEMPT" >> {tmp_path}/n; exit 1', retryStrategy={"limit": 2})
    template["container"]["env"] = [{"name": "ATTEMPT", "value": "{{retries}}"}]
    bench.submit(template)
    await bench.ended()
    assert (tmp_path / "n").read_text().split() == ["0", "1", "2"]
