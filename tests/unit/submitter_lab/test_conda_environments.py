"""Conda environments of a user: which are offered, and with which kernel their Python runs a notebook."""

import json
from pathlib import Path

import pytest
from jupyter_scheduler.exceptions import SchedulerError

from nbargo_submitter import conda
from support.kernel_specs import (
    PYTHON,
    SAME_IMAGE,
    Specs,
    job,
    make_conda,
    names,
    notebook,
    of_conda,
    offered,
    script,
)
from support.lab_bench import Bench, request


async def test_conda_environments_with_papermill_are_offered_by_name(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed, folder = tmp_path / "one/by-list", tmp_path / "folder"
    make_conda(listed, "python3")
    make_conda(folder / "by-variable", "python3", papermill="pip")
    make_conda(folder / "without", "python3", papermill="")
    make_conda(tmp_path / "store/team/envs/team-analytics", "python3")
    make_conda(tmp_path / "rc/by-condarc", "python3")
    (folder / "not-an-environment").mkdir()
    (tmp_path / ".conda").mkdir()
    (tmp_path / ".conda/environments.txt").write_text(f"{listed}\n/nowhere/gone\n\n")
    (tmp_path / ".condarc").write_text(json.dumps({"envs_dirs": ["~/rc"]}))
    monkeypatch.setenv("CONDA_ENVS_PATH", str(folder))
    scheduler = bench.scheduler(conda_folders=[f"{tmp_path}/store/*/envs"], **SAME_IMAGE)
    models = {model.name: model for model in await offered(scheduler)}
    assert list(models) == ["default", "by-condarc", "by-list", "by-variable", "team-analytics"]
    assert models["by-list"].label == "Conda: by-list"
    assert models["by-list"].description == f"The conda environment in {listed}"


@pytest.mark.parametrize("text", ["[", "- a", "envs_dirs: 7", "\x00", "envs_dirs: [1]"])
def test_a_condarc_that_is_none_is_left_out(tmp_path: Path, text: str) -> None:
    (tmp_path / ".condarc").write_text(text)
    assert conda.find({}, home=tmp_path) == []


def test_what_cannot_be_looked_at_is_no_environment(tmp_path: Path) -> None:
    too_long = tmp_path / ("x" * 5000)
    (tmp_path / ".conda").mkdir()
    (tmp_path / ".conda/environments.txt").write_text(f"{too_long}\n{make_conda(tmp_path / 'there', 'python3')}\n")
    assert [found.name for found in conda.find({}, home=tmp_path)] == ["there"]
    assert conda.inspect(too_long) is None


async def test_conda_environments_are_offered_where_jobs_see_them(bench: Bench, tmp_path: Path) -> None:
    make_conda(tmp_path / "home/envs/mine", "python3")
    make_conda(tmp_path / "image/envs/theirs", "python3")
    mount = {"name": "home", "mountPath": str(tmp_path / "home")}
    scheduler = bench.scheduler(conda_folders=[f"{tmp_path}/*/envs"], volume_mounts=[mount])
    assert await names(scheduler) == ["default", "mine"]


async def test_two_conda_environments_of_one_name_can_be_told_apart(bench: Bench, tmp_path: Path) -> None:
    first, second = make_conda(tmp_path / "a/envs/x", "python3"), make_conda(tmp_path / "b/envs/x", "python3")
    scheduler = bench.scheduler(conda_folders=[f"{tmp_path}/*/envs"], **SAME_IMAGE)
    assert await names(scheduler) == ["default", "x", str(second)]
    (tmp_path / "link").symlink_to(tmp_path / "a/envs")
    again = bench.scheduler(conda_folders=[f"{tmp_path}/a/envs", f"{tmp_path}/link"], **SAME_IMAGE)
    assert await names(again) == ["default", first.name], "one environment by two paths is one"


@pytest.mark.parametrize("kernel", ["python3", "conda-env-analytics-py", "conda-env-some-other-py"])
async def test_a_conda_environments_python_runs_the_notebook_with_its_own_kernel(
    bench: Bench, tmp_path: Path, kernel: str
) -> None:
    prefix = make_conda(tmp_path / "it's/envs/analytics", "python3")
    notebook(bench, kernel)
    scheduler = bench.scheduler(conda_folders=[f"{tmp_path}/*/envs"], **SAME_IMAGE)
    template = await script(bench, scheduler, runtime_environment_name="analytics")
    shell, option, text, name = template["script"]["command"]
    assert (shell, option, name) == ("sh", "-c", "sh")
    quoted = "'" + str(prefix).replace("'", "'\\''") + "'"
    assert text == f'PATH={quoted}/bin:$PATH CONDA_PREFIX={quoted} exec {quoted}/bin/python "$@"'
    assert job(template)["kernel"] == (None if kernel == "python3" else "python3")


async def test_a_kernel_that_the_conda_environment_does_not_have_is_refused(bench: Bench, tmp_path: Path) -> None:
    make_conda(tmp_path / "envs/analytics", "python3")
    notebook(bench, "ir")
    scheduler = bench.scheduler(conda_folders=[f"{tmp_path}/envs"], **SAME_IMAGE)
    with pytest.raises(SchedulerError, match=r"kernel 'ir' is not in the environment 'analytics', which has: python3"):
        await scheduler.create_job(request(runtime_environment_name="analytics"))


async def test_a_notebook_with_a_conda_kernel_of_the_lab_runs_in_that_environment(bench: Bench, tmp_path: Path) -> None:
    prefix = make_conda(tmp_path / "elsewhere/analytics", "python3")
    notebook(bench, "conda-env-analytics-py")
    scheduler = bench.scheduler(**SAME_IMAGE)
    specs = {"conda-env-analytics-py": of_conda(prefix, conda_raw_kernel_name="python3")}
    scheduler.knows_kernels(Specs(python3=PYTHON, **specs))
    assert await names(scheduler) == ["default", "analytics"], "found by its kernel alone"
    template = await script(bench, scheduler)
    assert f"{prefix}'/bin/python" in template["script"]["command"][2]
    assert job(template)["kernel"] == "python3"


async def test_a_conda_kernel_without_papermill_is_refused_with_what_to_do(bench: Bench, tmp_path: Path) -> None:
    prefix = make_conda(tmp_path / "elsewhere/bare", "python3", papermill="")
    notebook(bench, "conda-env-bare-py")
    scheduler = bench.scheduler(**SAME_IMAGE)
    scheduler.knows_kernels(Specs(python3=PYTHON, **{"conda-env-bare-py": of_conda(prefix)}))
    with pytest.raises(SchedulerError) as caught:
        await scheduler.create_job(request())
    assert str(caught.value) == (
        f"The notebook's kernel 'conda-env-bare-py' cannot be used for jobs: its conda environment {prefix} has no "
        "papermill, or jobs cannot see it. Add the package papermill to it, or choose another environment or kernel"
    )


async def test_the_labs_own_environment_among_condas_is_the_image(bench: Bench, tmp_path: Path) -> None:
    notebook(bench, "conda-base-py")
    spec = of_conda(tmp_path / "opt/conda", conda_is_currently_running=True, conda_raw_kernel_name="python3")
    scheduler = bench.scheduler(**SAME_IMAGE)
    scheduler.knows_kernels(Specs(**{"conda-base-py": spec}))
    template = await script(bench, scheduler)
    assert (template["script"]["command"], job(template)["kernel"]) == (["python"], "python3")
