"""The runner's text can travel in a manifest and run in an older image, and what it writes stays within bounds."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbargo_shared import outcome
from nbargo_submitter import bundle
from nbargo_submitter.runner import files
from nbargo_submitter.runner.errors import RunError
from nbargo_submitter.runner.run import MAX_FILES, MAX_OUTCOME, Run

SOURCES = [bundle.runner_source(tells=True), *bundle.modules().values()]


def make_run(directory: Path, **record: Any) -> Run:
    base = {
        "version": 1,
        "job_id": "0b8ff6a5-9f7c-4f1c-9a0e-3a8e6d1f2c77",
        "name": "a job",
        "input_filename": "input.ipynb",
        "runtime_environment_name": "python3",
        "create_time": 1,
    }
    job = {"record": {**base, **record}, "directory": str(directory), "parameters": {}, "kernel": None}
    return Run(job, "a-uid")


def written(run: Run, state: str = "failed") -> outcome.Outcome:
    run.write_outcome(state)
    return outcome.parse((run.directory / "outcome.json").read_bytes())


def test_its_syntax_is_that_of_python_3_8() -> None:
    for source in SOURCES:
        ast.parse(source, feature_version=(3, 8))


def test_it_holds_nothing_that_argo_would_replace() -> None:
    assert "{{" not in bundle.runner_source(tells=True)


def test_it_imports_the_standard_library_and_its_own_modules_alone() -> None:
    nodes = [node for source in SOURCES for node in ast.walk(ast.parse(source))]
    whole = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    parts = {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    assert {name.partition(".")[0] for name in whole | parts} <= sys.stdlib_module_names
    near = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.level]
    own = {name for node in near for name in ([node.module] if node.module else [alias.name for alias in node.names])}
    assert {f"{name}.py" for name in own} <= set(bundle.modules())


def test_the_same_modules_are_the_same_bytes() -> None:
    assert bundle.packed(tells=True) == bundle.packed(tells=True)


def test_it_can_be_read_as_its_first_lines_say(tmp_path: Path) -> None:
    source = bundle.runner_source(tells=True)
    command = source.splitlines()[1].removeprefix("#").strip()
    subprocess.run(["bash", "-c", command], cwd=tmp_path, input=source, text=True, check=True)
    unpacked = {path.name: path.read_text("utf-8") for path in (tmp_path / bundle.PACKAGE).iterdir()}
    assert unpacked == {name: bundle.bare(text) for name, text in bundle.modules().items()}


def statements(text: str) -> list[tuple[str, int]]:
    """Return every statement of a module with its line, docstrings left out."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            body[0].value.value = ""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    return [(ast.dump(node), node.lineno) for node in nodes]


def test_it_travels_without_comments_and_every_statement_keeps_its_line() -> None:
    for text in bundle.modules().values():
        bare = bundle.bare(text)
        assert statements(bare) == statements(text)
        assert '"""' not in bare
        assert "# " not in bare


def test_what_tells_people_travels_only_where_it_is_needed() -> None:
    few, all_of_them = set(bundle.modules(tells=False)), set(bundle.modules())
    assert all_of_them - few == {name for name in all_of_them if name.startswith(("notify", "report"))}
    nodes = [node for name in few for node in ast.parse(bundle.modules()[name]).body]
    near = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.level]
    names = {name for node in near for name in ([node.module] if node.module else [alias.name for alias in node.names])}
    assert {f"{name}.py" for name in names} <= few


def test_it_is_no_large_part_of_what_etcd_holds() -> None:
    assert len(bundle.runner_source()) < 16 * 1024
    assert len(bundle.runner_source(tells=True)) < 24 * 1024


def test_its_limits_are_those_of_the_readers() -> None:
    assert (MAX_OUTCOME, MAX_FILES) == (outcome.MAX_BYTES, outcome.MAX_FILES)
    assert {state.value for state in outcome.State} == {"running", "completed", "failed", "interrupted"}


@given(st.text(), st.text(), st.none() | st.integers(min_value=0))
def test_any_error_can_be_read_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, message: str, cell: int | None
) -> None:
    run = make_run(tmp_path_factory.getbasetemp())
    run.error = RunError(name, message, cell)
    assert str(written(run).error) == str(run.error)


@pytest.mark.parametrize(
    ("shown", "plain"),
    [
        ("\x1b[31mred\x1b[0m \x1b[1;38;5;9mbold\x1b[K", "red bold"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x1b\\", "link"),
        ("bell\x07 nul\0 \ttab\nline", "bell nul \ttab\nline"),
        ("\udc80", "?"),
    ],
)
def test_terminal_escapes_do_not_reach_the_message(shown: str, plain: str) -> None:
    assert RunError("E", shown).message == plain


def test_a_long_message_is_cut(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.error = RunError("N" * 1000, "🦆" * 100_000, 1)
    error = written(run).error
    assert error is not None
    assert (len(error.name), len(error.message), error.message[-1]) == (256, 16_000, "…")


def test_only_the_first_reason_counts(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.fail(RunError("First", ""))
    run.fail(RunError("Second", ""))
    assert str(written(run).error) == "First"


def test_the_first_500_files_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    (tmp_path / "data" / "ä b").mkdir(parents=True)
    for number in range(620):
        (tmp_path / "data" / "ä b" / f"{number:03}.csv").touch()
    left = written(make_run(tmp_path, package_input_folder=True))
    assert left.files == tuple(f"data/ä b/{number:03}.csv" for number in range(500))
    assert left.files_omitted == 120


def test_an_outcome_fits_its_limit_whatever_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["d" * 200] * 4)
    folder.mkdir(parents=True)
    for number in range(500):
        (folder / f"{number}.txt").touch()
    run = make_run(tmp_path, package_input_folder=True, parameters={"p": "x" * 60_000})
    run.error = RunError("E", "🦆" * 20_000)
    left = written(run)
    assert (tmp_path / "outcome.json").stat().st_size <= outcome.MAX_BYTES
    assert left.files
    assert len(left.files) + left.files_omitted == 500


def test_names_that_the_reader_would_refuse_are_counted_as_omitted(tmp_path: Path) -> None:
    (tmp_path / "back\\slash").touch()
    (tmp_path / b"not-utf8-\xff".decode(errors="surrogateescape")).touch()
    (tmp_path / "fine").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    left = written(make_run(tmp_path, package_input_folder=True))
    assert (left.files, left.files_omitted) == (("fine",), 2)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with pytest.raises(TypeError):
        files.write_whole(target, None)  # type: ignore[arg-type]
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_papermill_reads_a_path_as_it_is(name: str) -> None:
    path = Path("/job", name)
    assert files.literal(path).format(a=1) == str(path)


def test_a_pods_first_outcome_says_that_it_runs(tmp_path: Path) -> None:
    left = written(make_run(tmp_path, package_input_folder=True), "running")
    assert (left.state, left.ended_at) == (outcome.State.RUNNING, None)
    assert json.loads((tmp_path / "outcome.json").read_bytes())["error"] is None
