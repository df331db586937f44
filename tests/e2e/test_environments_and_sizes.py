"""Environments, kernels, sizes and a user's own wishes, from the REST API to the process that runs the notebook."""

import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import notebooks as make
from support.rest import Rest
from support.stack import Stack

pytestmark = pytest.mark.e2e

SIZES = {"small": {"cpu": "500m", "memory": "1Gi"}, "gpu": {"cpu": 8, "memory": "32Gi", "gpu": 1}}
ENVIRONMENTS = [
    {"name": "python", "label": "Python", "description": "What the lab has", "compute_types": ["small"]},
    {"name": "analysis", "image": "analysis:1", "kernel": "python3", "default_compute_type": "gpu"},
    {"name": "listed", "image": "listed:1", "kernels": ["ir", "julia-1.10"]},
]
KNOWN = (
    "The setting 'cpus' is not known. Settings of a job are: timeout, retries, retry_on, cpu, memory, gpu, env.NAME, "
    "notify_on, notify_slack, notify_email, notify_webhook"
)
VARIABLES = "import os, sys; print(os.environ.get('GREETING'), os.environ.get('TEAM'), os.environ.get('CONDA_PREFIX'))"


@pytest.fixture(scope="module")
def conda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like a conda environment, with this test's own Python in it."""
    prefix = tmp_path_factory.mktemp("conda") / "envs/my env"
    for folder in ("conda-meta", "bin", "share/jupyter/kernels/python3"):
        (prefix / folder).mkdir(parents=True)
    (prefix / "conda-meta/papermill-2.6.0-0.json").touch()
    (prefix / "share/jupyter/kernels/python3/kernel.json").touch()
    python = prefix / "bin/python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return prefix


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, conda: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("sizes"))
    settings: dict[str, Any] = {
        "environments": ENVIRONMENTS,
        "lab_environments": True,
        "conda_folders": [str(conda.parent)],
        "compute_types": SIZES,
        "env": {"TEAM": "research"},
        "max_cpu": "8",
        "max_memory": "32Gi",
        "max_gpu": 1,
        "max_timeout": 7200,
        "max_retries": 3,
    }
    stack.configure(**settings)
    try:
        stack.start_argo()
        stack.start_watcher()
        stack.start_lab()
        yield stack
    finally:
        stack.close()


def script_of(stack: Stack, job_id: str) -> dict[str, Any]:
    script: dict[str, Any] = stack.workflows()[job_id]["spec"]["templates"][0]["script"]
    return script


def printed(rest: Rest, notebooks: Path, job_id: str) -> str:
    rest.wait_for(job_id, "COMPLETED")
    return make.outputs_of(notebooks / rest.download(job_id)["ipynb"])


def refused(rest: Rest, notebook: str, **settings: Any) -> str:
    """Submit what is refused, and return the words that the form shows."""
    before = rest.listed()
    answer = rest.send("POST", "jobs", json=rest.body(notebook, **settings))
    assert answer.status_code == 500  # jupyter-scheduler's for every SchedulerError
    assert rest.listed() == before
    return str(answer.json()["message"])


def test_the_form_is_told_of_environments_sizes_and_which_one_is_the_default(rest: Rest) -> None:
    found = {each["name"]: each for each in rest.ok("GET", "runtime_environments")}
    assert list(found) == ["python", "analysis", "listed", "default", "my env"]
    assert found["python"]["label"] == "Python"
    assert (found["python"]["compute_types"], found["python"]["default_compute_type"]) == (["small"], "small")
    assert (found["analysis"]["compute_types"], found["analysis"]["default_compute_type"]) == (["gpu", "small"], "gpu")
    assert found["default"]["compute_types"] == ["small", "gpu"]


def test_the_chosen_size_is_the_pods_and_is_listed(rest: Rest, stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "sized.ipynb", "1")
    job_id = rest.create("sized.ipynb", runtime_environment_name="analysis", compute_type="small")
    assert rest.wait_for(job_id, "COMPLETED")["compute_type"] == "small"
    script = script_of(stack, job_id)
    assert script["image"] == "analysis:1"
    assert script["resources"] == {
        "limits": {"cpu": "500m", "memory": "1Gi"},
        "requests": {"cpu": "500m", "memory": "1Gi"},
    }


def test_a_users_own_amounts_and_variables_come_before_the_size(rest: Rest, stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "own.ipynb", VARIABLES)
    wishes = {"cpu": "2", "memory": "2Gi", "gpu": "1", "env.GREETING": "$(HOME) & 'so' $$on"}
    job_id = rest.create("own.ipynb", runtime_environment_name="python", runtime_environment_parameters=wishes)
    assert printed(rest, notebooks, job_id) == "$(HOME) & 'so' $$on research None\n"
    amounts = {"cpu": "2", "memory": "2Gi", "nvidia.com/gpu": "1"}
    assert script_of(stack, job_id)["resources"] == {"limits": amounts, "requests": amounts}
    job = rest.job(job_id)
    assert job["runtime_environment_parameters"] == {**wishes, "cpu": 2, "gpu": 1}


def test_a_tag_of_a_known_name_is_a_setting_and_stays_a_tag(rest: Rest, stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "tagged.ipynb", VARIABLES)
    tags = ["monthly", "team=data", "memory=2Gi", "env.GREETING=good morning"]
    job_id = rest.create("tagged.ipynb", runtime_environment_name="python", tags=tags)
    assert printed(rest, notebooks, job_id) == "good morning research None\n"
    assert script_of(stack, job_id)["resources"]["limits"] == {"cpu": "500m", "memory": "2Gi"}
    assert rest.job(job_id)["tags"] == tags


def test_a_conda_environment_is_chosen_by_its_name_and_its_python_runs_the_notebook(
    rest: Rest, notebooks: Path, conda: Path
) -> None:
    make.write(notebooks / "conda.ipynb", VARIABLES + "\nprint(os.environ['PATH'].split(':')[0])")
    job_id = rest.create("conda.ipynb", runtime_environment_name="my env")
    assert printed(rest, notebooks, job_id) == f"None research {conda}\n{conda}/bin\n"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"runtime_environment_name": "gone"},
            "There is no environment 'gone'. Choose one of: python, analysis, listed, default, my env",
        ),
        (
            {"runtime_environment_name": "python", "compute_type": "gpu"},
            "There is no size 'gpu'. Choose one of: small",
        ),
        (
            {"runtime_environment_parameters": {"cpu": "16"}},
            "cpu is 16, more than the 8 that the administrator allows. Choose less, or ask for more",
        ),
        (
            {"runtime_environment_parameters": {"memory": "64Gi"}},
            "memory is 64Gi, more than the 32Gi that the administrator allows. Choose less, or ask for more",
        ),
        (
            {"runtime_environment_parameters": {"gpu": 4}},
            "gpu is 4, more than the 1 that the administrator allows. Choose less, or ask for more",
        ),
        (
            {"runtime_environment_parameters": {"timeout": "3h"}},
            "timeout is 3 hours, more than the 2 hours that the administrator allows. Choose less, or ask for more",
        ),
        (
            {"tags": ["monthly", "timeout=3h"]},
            "timeout is 3 hours, more than the 2 hours that the administrator allows. Choose less, or ask for more",
        ),
        (
            {"tags": ["cpu=1"], "runtime_environment_parameters": {"cpu": 2}},
            "The setting 'cpu' is given twice. Leave one of the two, or remove a tag",
        ),
        (
            {"runtime_environment_parameters": {"retries": 9}},
            "retries is 9, more than the 3 that the administrator allows. Choose less, or ask for more",
        ),
        (
            {"runtime_environment_parameters": {"env.TEAM": "x"}},
            "The environment variable TEAM is set by the administrator. Leave it out",
        ),
        (
            {"runtime_environment_parameters": {"cpus": 2}},
            KNOWN,
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_what_is_not_there_or_too_much_is_refused_in_these_words(
    rest: Rest, notebooks: Path, settings: dict[str, Any], message: str
) -> None:
    make.write(notebooks / "refused.ipynb", "1")
    assert refused(rest, "refused.ipynb", **settings) == message


@pytest.mark.parametrize(
    ("environment", "has"), [("python", "python3"), ("listed", "ir, julia-1.10"), ("my env", "python3")]
)
def test_a_kernel_that_is_not_there_is_told_before_the_job_is_submitted(
    rest: Rest, notebooks: Path, environment: str, has: str
) -> None:
    kernel = {"kernelspec": {"name": "fortran", "display_name": "Fortran"}}
    make.write(notebooks / "fortran.ipynb", "1", metadata=kernel)
    assert refused(rest, "fortran.ipynb", runtime_environment_name=environment) == (
        f"The notebook's kernel 'fortran' is not in the environment '{environment}', which has: {has}. "
        "Open the notebook, choose one of these kernels, and save it, or choose another environment"
    )


def test_a_definition_keeps_its_size_and_a_run_now_has_it(rest: Rest, stack: Stack, notebooks: Path) -> None:
    make.write(notebooks / "defined.ipynb", VARIABLES)
    definition_id = rest.define(
        "defined.ipynb",
        runtime_environment_name="analysis",
        compute_type="small",
        runtime_environment_parameters={"env.GREETING": "hello"},
    )
    rest.edit(definition_id, compute_type="gpu", runtime_environment_parameters={"env.GREETING": "good day"})
    job_id = rest.run_now(definition_id)
    assert printed(rest, notebooks, job_id) == "good day research None\n"
    assert script_of(stack, job_id)["resources"]["limits"] == {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "1"}
    (scheduled,) = stack.cron_workflows()[definition_id]["spec"]["workflowSpec"]["templates"]
    assert scheduled["script"]["resources"] == script_of(stack, job_id)["resources"]
    rest.undefine(definition_id)
