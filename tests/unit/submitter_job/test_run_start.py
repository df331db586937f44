"""How a scheduled run begins: its own record, its own directory, its own copy of the input; then it is a job."""

import base64
import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbargo_shared import outcome, run
from nbargo_shared.definition import DefinitionRecord
from nbargo_submitter import formats
from nbargo_submitter.bundle import runner_source
from nbargo_submitter.runner import start
from support.notebooks import outputs_of, write

UID = "6f1d3c52-8a3b-4a52-8c3e-d0f0f5b5a111"
DEFINITION = DefinitionRecord(
    definition_id="0b8ff6a5-9f7c-4f1c-9a0e-3a8e6d1f2c77",
    name="weekly",
    input_filename="it's {time}.ipynb",
    runtime_environment_name="default",
    create_time=1,
    update_time=2,
    files="v1-a",
    output_formats=("ipynb",),
    schedule="0 9 * * 1",
    tags=("t",),
)
CREATED = 1_774_747_800


def template(definition: DefinitionRecord = DEFINITION) -> str:
    patterns = formats.patterns(definition.input_filename, names=definition.output_formats)
    return run.run_template(definition, patterns=patterns)


class Pod:
    """The staging area, and the program as the pod starts it."""

    def __init__(self, folder: Path) -> None:
        self.staging = folder / "staging"
        self.source = self.staging / DEFINITION.definition_id / DEFINITION.files
        self.directory = self.staging / UID
        self.script = folder / "script"
        self.script.write_text(runner_source(), "utf-8")
        self.source.mkdir(parents=True)
        (folder / "tmp").mkdir()
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder / "tmp")}

    def run(self, definition: DefinitionRecord = DEFINITION) -> str:
        job = {
            "record": json.loads(template(definition)),
            "directory": str(self.staging),
            "source": str(self.source),
            "parameters": {},
            "kernel": None,
        }
        environ = {
            **self.environ,
            "NBARGO_JOB": base64.b64encode(json.dumps(job).encode()).decode(),
            "NBARGO_WORKFLOW_UID": UID,
            "NBARGO_CREATED": str(CREATED),
        }
        done = subprocess.run(
            [sys.executable, str(self.script)],
            env=environ,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        return done.stdout + done.stderr

    def outcome(self) -> outcome.Outcome:
        return outcome.parse((self.directory / "outcome.json").read_bytes())


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


@given(st.integers(0, 4_102_444_800), st.text(min_size=1, max_size=20), st.lists(st.sampled_from(["ipynb", "html"])))
def test_the_pod_and_everybody_else_arrive_at_the_same_record(created: int, stem: str, names: list[str]) -> None:
    name = f"{stem}.ipynb".replace("/", "").replace("\\", "").replace("\0", "")
    text = template(replace(DEFINITION, input_filename=name, output_formats=tuple(dict.fromkeys(names))))
    expected = run.run_record(text, uid=UID, created_ms=created * 1000)
    members = {"output_files": {}, **expected.to_dict()}
    assert start.run_record(json.loads(text), UID, created) == members


def test_a_run_works_on_its_own_copy_and_tells_who_it_is(pod: Pod) -> None:
    write(pod.source / DEFINITION.input_filename, "print(6 * 7)")
    before = (pod.source / DEFINITION.input_filename).read_bytes()
    pod.run()
    found = pod.outcome()
    expected = run.run_record(template(), uid=UID, created_ms=CREATED * 1000)
    assert (found.job, found.state, found.workflow_uid) == (expected, outcome.State.COMPLETED, UID)
    name = "it's {time}-2026-03-29-01-30-00-AM.ipynb"
    assert outputs_of(pod.directory / name) == "42\n"
    assert (pod.directory / DEFINITION.input_filename).read_bytes() == before
    assert {path.name for path in pod.source.iterdir()} == {DEFINITION.input_filename}
    assert {path.name for path in pod.staging.iterdir()} == {UID, DEFINITION.definition_id}


def test_the_folder_comes_along_with_its_modes_and_links(pod: Pod) -> None:
    definition = replace(DEFINITION, package_input_folder=True)
    write(pod.source / DEFINITION.input_filename, "open('written', 'w').close()")
    (pod.source / "data").mkdir()
    script = pod.source / "data" / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    (pod.source / "link").symlink_to("/usr")
    pod.run(definition)
    assert stat.S_IMODE((pod.directory / "data" / "run.sh").stat().st_mode) == 0o755
    assert (pod.directory / "link").is_symlink()
    assert set(pod.outcome().files) == {"data/run.sh", "written"}
    assert not (pod.source / "written").exists()


def test_a_retry_keeps_the_input_of_its_first_attempt(pod: Pod) -> None:
    write(pod.source / DEFINITION.input_filename, "print('first')")
    pod.run()
    write(pod.source / DEFINITION.input_filename, "print('second')")
    pod.run()
    assert outputs_of(next(pod.directory.glob("*-AM.ipynb"))) == "first\n"


def test_what_an_attempt_left_that_was_ended_while_it_copied_is_not_taken_for_the_input(pod: Pod) -> None:
    write(pod.source / DEFINITION.input_filename, "print('whole')")
    part = pod.staging / f".{UID}.part"
    part.mkdir()
    (part / DEFINITION.input_filename).write_text("half of a noteb")
    pod.run()
    assert pod.outcome().state is outcome.State.COMPLETED
    assert not part.exists()


def test_a_version_that_is_gone_is_a_failed_run_with_its_reason(pod: Pod) -> None:
    pod.source.rmdir()
    pod.run()
    found = pod.outcome()
    assert found.state is outcome.State.FAILED
    assert "the files of the job definition could not be copied" in str(found.error)


def test_a_run_of_a_deleted_definition_leaves_nothing(pod: Pod) -> None:
    pod.source.rmdir()
    pod.source.parent.rmdir()
    pod.run()
    assert list(pod.staging.iterdir()) == []


def test_a_definition_that_is_deleted_while_its_files_are_copied_leaves_nothing(
    pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy_and_delete(_source: str, target: str, **_options: Any) -> None:
        Path(target).mkdir()
        pod.source.rmdir()
        pod.source.parent.rmdir()

    monkeypatch.setattr("shutil.copytree", copy_and_delete)
    assert start.copy_input(str(pod.source), str(pod.directory))
    assert list(pod.staging.iterdir()) == []


def test_nothing_of_the_job_is_left_in_the_kernels_environment(pod: Pod) -> None:
    write(pod.source / DEFINITION.input_filename, "import os; print([n for n in os.environ if 'NBARGO' in n])")
    pod.run()
    assert outputs_of(next(pod.directory.glob("*-AM.ipynb"))) == "['NBARGO_WORKFLOW_UID']\n"
