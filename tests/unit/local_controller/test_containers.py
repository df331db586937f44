import os
import sys
from pathlib import Path

import pytest

from nbargo_local.api.store import WORKFLOWS
from support.controller_bench import Bench, container, phase_of, shell


async def ran(bench: Bench, text: str, **fields: object) -> str:
    template = shell(text)
    template["container"] |= fields
    bench.submit(template)
    assert phase_of(await bench.ended()) == "Succeeded", bench.log()
    return bench.log()


async def test_stdout_and_stderr_go_to_the_nodes_log(bench: Bench) -> None:
    assert await ran(bench, "echo out; echo err >&2") == "out\nerr\n"


async def test_a_script_is_a_file_behind_its_command(bench: Bench) -> None:
    source = "import sys\nprint('script' in sys.argv[0], sys.argv[1:], \"ü 'x'\")\n"
    bench.submit({"name": "main", "script": {"image": "any", "command": ["python"], "source": source}})
    await bench.ended()
    assert bench.log() == "True [] ü 'x'\n"


async def test_a_scripts_arguments_come_before_its_file(bench: Bench) -> None:
    script = {"image": "any", "command": ["echo"], "args": ["one", "two"], "source": "text"}
    bench.submit({"name": "main", "script": script})
    await bench.ended()
    assert bench.log().startswith("one two /")


async def test_the_servers_environment_is_not_passed_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TOKEN", "secret")
    names = {line.partition("=")[0] for line in (await ran(bench, "env")).splitlines()}
    ours = {"HOME", "LANG", "LC_ALL", "TZ", "PATH", "TMPDIR", "ARGO_CONTAINER_NAME", "ARGO_NODE_ID", "NBARGO_LOCAL_POD"}
    of_the_shell = {"PWD", "OLDPWD", "SHLVL", "_"}
    assert names <= ours | of_the_shell
    assert {"HOME", "LANG", "PATH", "TMPDIR"} <= names


async def test_python_is_the_interpreter_that_runs_the_controller(bench: Bench) -> None:
    bench.submit(container("python", "-c", "import sys; print(sys.executable)"))
    await bench.ended()
    assert Path(bench.log().strip()).parent == Path(sys.executable).parent


async def test_the_temporary_directory_is_the_pods_own_and_goes_with_it(bench: Bench) -> None:
    directory = (await ran(bench, 'touch "$TMPDIR/x"; echo "$TMPDIR"')).strip()
    assert not os.path.exists(directory)  # noqa: ASYNC240, PTH110 - a look at a local disk
    assert [path.name for path in (bench.workdir / "wf").iterdir()] == ["wf.log"]


async def test_variables_are_given_and_refer_to_each_other(bench: Bench) -> None:
    env = [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A)$(A) $(NOBODY) $$(A)"},
        {"name": "N", "value": 7},
        {"name": "E"},
    ]
    assert await ran(bench, 'echo "$A|$B|$N|$E"', env=env) == "1|11 $(NOBODY) $(A)|7|\n"


async def test_commands_and_arguments_refer_to_variables(bench: Bench) -> None:
    template = container("echo", "$(A)")
    template["container"] |= {"args": ["$(A) $$(A)"], "env": [{"name": "A", "value": "x y"}]}
    bench.submit(template)
    await bench.ended()
    assert bench.log() == "x y x y $(A)\n"


async def test_two_dollars_are_one(bench: Bench) -> None:
    bench.submit(container("echo", "$$ $ $$$ $x $( $$$(A)"))
    await bench.ended()
    assert bench.log() == "$ $ $$ $x $( $$(A)\n"


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("no-such-program", "executable file not found in $PATH"),
        ("/no/such", "stat /no/such: no such file or directory"),
        ("/", "is a directory"),
        ("/etc/passwd", "permission denied"),
    ],
)
async def test_a_program_that_cannot_be_started_says_why(bench: Bench, program: str, reason: str) -> None:
    bench.submit(container(program))
    message = (await bench.ended())["status"]["message"]
    assert message == f'main: Error (exit code 64): failed to find name in PATH: exec: "{program}": {reason}'


async def test_variables_come_from_the_pods_metadata(bench: Bench) -> None:
    paths = {
        "NAME": "metadata.name",
        "SPACE": "metadata.namespace",
        "OWNER": "metadata.labels['workflows.argoproj.io/workflow']",
        "NOTE": "metadata.annotations['note']",
    }
    env = [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in paths.items()]
    template = shell('echo "$NAME $SPACE $OWNER $NOTE"', metadata={"annotations": {"note": "hello"}})
    template["container"]["env"] = env
    bench.submit(template)
    await bench.ended()
    assert bench.log() == "wf default wf hello\n"


async def test_the_working_directory_is_made_if_it_is_not_there(bench: Bench, tmp_path: Path) -> None:
    wanted = tmp_path / "some where" / "deep"
    assert await ran(bench, "pwd", workingDir=str(wanted)) == f"{wanted}\n"


async def test_a_second_run_of_the_same_name_adds_to_the_log(bench: Bench) -> None:
    await ran(bench, "echo one")
    bench.store.delete(WORKFLOWS, "default", "wf")
    assert await ran(bench, "echo two") == "one\ntwo\n"


async def test_standard_input_is_empty(bench: Bench) -> None:
    assert await ran(bench, "cat; echo end") == "end\n"


@pytest.mark.parametrize("argument", ["a\0b", "\ud800"])
async def test_an_argument_that_no_process_can_have_fails_the_pod(bench: Bench, argument: str) -> None:
    template = shell("true")
    template["container"]["env"] = [{"name": "A", "value": argument}]
    bench.submit(template)
    status = (await bench.ended())["status"]
    assert status["phase"] == "Failed"
    assert status["message"].startswith("main: Error (exit code 64): failed to start command: ")
