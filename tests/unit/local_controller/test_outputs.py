from pathlib import Path

import pytest

from support.controller_bench import Bench, Object, eventually, phase_of, shell


def output(name: str, path: Path, *, default: str | None = None, global_name: str = "") -> Object:
    source = {"path": str(path)} | ({} if default is None else {"default": default})
    return {"name": name, "valueFrom": source} | ({"globalName": global_name} if global_name else {})


def outputs(*parameters: Object) -> Object:
    return {"parameters": list(parameters)}


async def test_a_global_output_is_the_nodes_and_the_workflows(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "o"
    bench.submit(shell(f"echo 42 > {file}", outputs=outputs(output("answer", file, global_name="result"))))
    status = (await bench.ended())["status"]
    assert status["outputs"] == {"parameters": [{"name": "result", "value": "42"}]}
    assert status["nodes"]["wf"]["outputs"]["parameters"] == [
        {"name": "answer", "valueFrom": {"path": str(file)}, "globalName": "result", "value": "42"}
    ]


async def test_outputs_are_read_when_the_process_failed_too(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "o"
    declared = outputs(output("outcome", file, global_name="outcome"))
    bench.submit(shell(f"echo broken > {file}; exit 3", outputs=declared))
    status = (await bench.ended())["status"]
    assert (status["phase"], status["message"]) == ("Failed", "main: Error (exit code 3)")
    assert status["outputs"]["parameters"] == [{"name": "outcome", "value": "broken"}]


@pytest.mark.parametrize("code", [0, 1])
async def test_a_default_stands_in_for_a_file_that_is_missing(bench: Bench, tmp_path: Path, code: int) -> None:
    declared = outputs(output("o", tmp_path / "missing", default="none", global_name="o"))
    bench.submit(shell(f"exit {code}", outputs=declared))
    status = (await bench.ended())["status"]
    assert status["phase"] == ("Failed" if code else "Succeeded")
    assert status["outputs"]["parameters"] == [{"name": "o", "value": "none"}]


async def test_a_missing_file_without_a_default_is_an_error(bench: Bench) -> None:
    bench.submit(shell("true", outputs=outputs(output("o", Path("/no/such/file"), global_name="o"))))
    status = (await bench.ended())["status"]
    reason = "open /var/run/argo/outputs/parameters/no/such/file: no such file or directory"
    assert (status["phase"], status["message"]) == ("Error", f"wait: Error (exit code 64): {reason}")


async def test_the_processs_own_failure_says_more_than_a_missing_output(bench: Bench) -> None:
    bench.submit(shell("exit 1", outputs=outputs(output("o", Path("/no/such/file")))))
    status = (await bench.ended())["status"]
    assert (status["phase"], status["message"]) == ("Failed", "main: Error (exit code 1)")


@pytest.mark.parametrize(
    ("written", "value"), [("a\\n\\n", "a\n"), ("a", "a"), ("", ""), ("{\\042x\\042: 1}", '{"x": 1}')]
)
async def test_one_newline_is_taken_off_the_end(bench: Bench, tmp_path: Path, written: str, value: str) -> None:
    file = tmp_path / "o"
    declared = outputs(output("o", file, global_name="o"))
    bench.submit(shell(f"printf '{written}' > {file}", outputs=declared))
    assert (await bench.ended())["status"]["outputs"]["parameters"][0]["value"] == value


async def test_the_output_of_a_stopped_process_is_read(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "o"
    text = f"trap 'echo bye > {file}; exit 0' TERM; echo > {file}.up; while :; do sleep 0.01; done"
    bench.submit(shell(text, outputs=outputs(output("o", file, global_name="o"))))
    await eventually(lambda: Path(f"{file}.up").exists())
    bench.patch({"spec": {"shutdown": "Stop"}})
    workflow = await bench.ended()
    assert phase_of(workflow) == "Failed"
    assert workflow["status"]["outputs"]["parameters"] == [{"name": "o", "value": "bye"}]


async def test_the_tag_of_an_output_is_its_path(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "o"
    declared = outputs(output("o", file, global_name="o"))
    bench.submit(shell("echo here > {{outputs.parameters.o.path}}", outputs=declared))
    assert (await bench.ended())["status"]["outputs"]["parameters"][0]["value"] == "here"


async def test_an_output_that_is_more_than_an_object_may_hold_is_an_error(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "o"
    declared = outputs(output("o", file, global_name="o"))
    bench.submit(shell(f"head -c 2000000 /dev/zero | tr '\\0' x > {file}", outputs=declared))
    status = (await bench.ended())["status"]
    assert (status["phase"], status["message"]) == ("Error", "etcdserver: request is too large")
