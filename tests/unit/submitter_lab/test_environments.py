"""Environments: those of the settings, the lab's kernels, and which kernel runs what."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from jupyter_scheduler.exceptions import SchedulerError
from jupyter_scheduler.models import CreateJobFromDefinition, UpdateJobDefinition

from nbargo_submitter.extension import NbargoApp
from support.kernel_specs import (
    PYTHON,
    SAME_IMAGE,
    R,
    Specs,
    job,
    names,
    notebook,
    offered,
    script,
)
from support.lab_bench import Bench, request, scheduled

# The settings


@pytest.mark.parametrize(
    ("settings", "found", "formats"),
    [
        ([], ["default"], ["ipynb", "html"]),
        ([{"name": "gpu", "label": "GPU", "output_formats": ["ipynb", "pdf"]}], ["gpu"], ["ipynb", "pdf"]),
        ([{"name": "a", "output_formats": ["own"]}, {"name": "b"}], ["a", "b"], ["own"]),
        ([{"name": "a"}, {"name": "a"}], [], []),
        ([{"label": "no name"}], [], []),
        ([{"name": "a", "imagee": "typo"}], [], []),
        ([{"name": "a", "kernel": "ir", "kernels": ["python3"]}], [], []),
        ([{"name": "a", "compute_types": ["huge"]}], [], []),
        ([{"name": "a", "default_compute_type": "huge"}], [], []),
    ],
)
async def test_the_environments_are_those_of_the_settings(
    bench: Bench, settings: list[dict[str, Any]], found: list[str], formats: list[str]
) -> None:
    scheduler = bench.scheduler(environments=settings)
    models = await offered(scheduler)
    assert [model.name for model in models] == found
    assert set(formats) <= set(models[0].output_formats if models else [])
    labels = scheduler.environments_manager.output_formats_mapping()
    assert all(labels[name] for model in models for name in model.output_formats)


async def test_the_form_gets_the_sizes_of_each_environment_and_which_one_is_chosen_at_first(bench: Bench) -> None:
    scheduler = bench.scheduler(
        environments=[
            {"name": "all"},
            {"name": "some", "compute_types": ["large", "gpu"], "default_compute_type": "gpu"},
        ],
        compute_types={"small": {"cpu": 1}, "large": {"cpu": 8}, "gpu": {"gpu": 1}},
        default_compute_type="large",
    )
    everything, some = await offered(scheduler)
    assert (everything.compute_types, everything.default_compute_type) == (["large", "small", "gpu"], "large")
    assert (some.compute_types, some.default_compute_type) == (["gpu", "large"], "gpu")


async def test_a_mistake_in_the_sizes_offers_nothing_and_is_in_the_log(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.notebook()
    scheduler = bench.scheduler(compute_types={"small": {"cpus": 1}})
    assert await names(scheduler) == []
    with pytest.raises(SchedulerError, match=r"There is no environment 'default'\. Choose one of: none"):
        await scheduler.create_job(request())
    assert "compute_types['small'] has unknown members: cpus" in caplog.text


async def test_a_size_that_the_environment_does_not_have_is_refused(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler(
        environments=[{"name": "some", "compute_types": ["large"]}],
        compute_types={"small": {"cpu": 1}, "large": {"cpu": 8}},
    )
    with pytest.raises(SchedulerError) as caught:
        await scheduler.create_job(request(runtime_environment_name="some", compute_type="small"))
    assert str(caught.value) == "There is no size 'small'. Choose one of: large"
    template = await script(bench, scheduler, runtime_environment_name="some")
    assert template["script"]["resources"]["limits"] == {"cpu": "8"}


async def test_the_kernel_of_the_environment_runs_every_notebook(bench: Bench) -> None:
    notebook(bench, "python3")
    scheduler = bench.scheduler(environments=[{"name": "r", "image": "r:1", "kernel": "ir"}])
    assert job(await script(bench, scheduler, runtime_environment_name="r"))["kernel"] == "ir"


async def test_a_kernel_that_the_image_is_said_not_to_have_is_refused(bench: Bench) -> None:
    notebook(bench, "julia-1.10")
    scheduler = bench.scheduler(environments=[{"name": "two", "image": "two:1", "kernels": ["python3", "ir"]}])
    with pytest.raises(SchedulerError) as caught:
        await scheduler.create_job(request(runtime_environment_name="two"))
    assert str(caught.value) == (
        "The notebook's kernel 'julia-1.10' is not in the environment 'two', which has: ir, python3. "
        "Open the notebook, choose one of these kernels, and save it, or choose another environment"
    )
    assert (bench.workflows(), bench.staged()) == ([], [])


async def test_in_an_image_that_nobody_knows_the_job_itself_finds_out(bench: Bench) -> None:
    notebook(bench, "julia-1.10")
    scheduler = bench.scheduler(environments=[{"name": "other", "image": "other:1"}], **SAME_IMAGE)
    scheduler.knows_kernels(Specs(python3=PYTHON))
    assert job(await script(bench, scheduler, runtime_environment_name="other"))["kernel"] is None


# The lab's kernels


async def test_the_labs_kernels_are_offered_if_there_are_several(bench: Bench) -> None:
    scheduler = bench.scheduler(**SAME_IMAGE)
    scheduler.knows_kernels(Specs(python3=PYTHON))
    assert await names(scheduler) == ["default"]
    several = bench.scheduler(**SAME_IMAGE)
    several.knows_kernels(Specs(python3=PYTHON, ir=R))
    assert [(model.name, model.label) for model in await offered(several)] == [
        ("default", "Default"),
        ("kernel-python3", "Kernel: Python 3"),
        ("kernel-ir", "Kernel: R"),
    ]


async def test_a_chosen_kernel_runs_the_notebook_and_default_is_the_notebooks_own(bench: Bench) -> None:
    notebook(bench, "python3")
    scheduler = bench.scheduler(**SAME_IMAGE)
    scheduler.knows_kernels(Specs(python3=PYTHON, ir=R))
    assert job(await script(bench, scheduler, runtime_environment_name="kernel-ir"))["kernel"] == "ir"
    assert job(await script(bench, scheduler))["kernel"] is None


async def test_a_kernel_that_the_lab_does_not_have_is_refused_before_anything_is_sent(bench: Bench) -> None:
    notebook(bench, "gone")
    scheduler = bench.scheduler(**SAME_IMAGE)
    scheduler.knows_kernels(Specs(python3=PYTHON, ir=R))
    says = (
        "The notebook's kernel 'gone' is not in the environment 'default', which has: ir, python3. "
        "Open the notebook, choose one of these kernels, and save it, or choose another environment"
    )
    with pytest.raises(SchedulerError) as caught:
        await scheduler.create_job(request())
    assert str(caught.value) == says
    with pytest.raises(SchedulerError) as caught:
        await scheduler.create_job_definition(scheduled())
    assert str(caught.value) == says
    assert (bench.workflows(), bench.crons(), bench.staged()) == ([], [], [])


async def test_what_the_lab_has_says_nothing_about_another_image(bench: Bench) -> None:
    notebook(bench, "gone")
    scheduler = bench.scheduler(lab_image="lab:2")
    scheduler.knows_kernels(Specs(python3=PYTHON, ir=R))
    assert await names(scheduler) == ["default"]
    await scheduler.create_job(request())


async def test_configured_environments_stand_alone_unless_the_labs_are_wanted_too(bench: Bench) -> None:
    settings = {"environments": [{"name": "own"}], **SAME_IMAGE}
    alone = bench.scheduler(**settings)
    alone.knows_kernels(Specs(python3=PYTHON, ir=R))
    assert await names(alone) == ["own"]
    both = bench.scheduler(**settings, lab_environments=True)
    both.knows_kernels(Specs(python3=PYTHON, ir=R))
    assert await names(both) == ["own", "default", "kernel-python3", "kernel-ir"]


async def test_a_manager_that_fails_costs_the_check_and_not_the_form(bench: Bench) -> None:
    class Broken:
        def get_all_specs(self) -> dict[str, Any]:
            raise RuntimeError("conda is not there")

    notebook(bench, "gone")
    scheduler = bench.scheduler(**SAME_IMAGE)
    scheduler.knows_kernels(Broken())
    assert await names(scheduler) == ["default"]
    await scheduler.create_job(request())


async def test_a_remote_manager_is_awaited(bench: Bench) -> None:
    class Remote:
        async def get_all_specs(self) -> dict[str, Any]:
            return {"python3": PYTHON, "ir": R}

    scheduler = bench.scheduler(**SAME_IMAGE)
    scheduler.knows_kernels(Remote())
    assert await names(scheduler) == ["default", "kernel-python3", "kernel-ir"]


async def test_the_form_asks_beside_the_event_loop_and_the_answer_counts_for_a_while(bench: Bench) -> None:
    specs = Specs(python3=PYTHON, ir=R)
    scheduler = bench.scheduler(**SAME_IMAGE)
    scheduler.knows_kernels(specs)
    with blockbuster_ctx("nbargo_submitter"):
        first = await names(scheduler)
        assert await names(scheduler) == first
    assert len(specs.threads) == 1
    assert specs.threads[0] is not threading.main_thread()


async def test_an_environment_that_has_just_come_is_found(bench: Bench) -> None:
    bench.notebook()
    specs = Specs(python3=PYTHON)
    scheduler = bench.scheduler(**SAME_IMAGE)
    scheduler.knows_kernels(specs)
    await names(scheduler)
    specs.specs = {"python3": PYTHON, "ir": R}
    assert job(await script(bench, scheduler, runtime_environment_name="kernel-ir"))["kernel"] == "ir"


# Definitions


async def test_a_definition_is_edited_into_another_environment_and_size(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler(
        environments=[{"name": "default"}, {"name": "r", "image": "r:1", "kernel": "ir"}],
        compute_types={"small": {"cpu": 1}, "large": {"cpu": 8}},
    )
    definition_id = await scheduler.create_job_definition(scheduled(compute_type="small"))
    change: dict[str, Any] = {
        "runtime_environment_name": "r",
        "compute_type": "large",
        "runtime_environment_parameters": {"timeout": "10m", "retries": 2, "env.A": "b"},
    }
    await scheduler.update_job_definition(definition_id, UpdateJobDefinition(**change))
    (template,) = bench.cron(definition_id)["spec"]["workflowSpec"]["templates"]
    assert (template["script"]["image"], job(template)["kernel"]) == ("r:1", "ir")
    assert template["script"]["resources"]["limits"] == {"cpu": "8"}
    assert (job(template)["timeout"], template["retryStrategy"]["limit"]) == (600, "2")
    assert {"name": "A", "value": "b"} in template["script"]["env"]
    workflow = bench.tick(definition_id)
    assert workflow["spec"]["templates"] == [template]


async def test_a_definition_that_is_run_now_has_its_settings(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler(compute_types={"large": {"cpu": 8}})
    given: dict[str, Any] = {"schedule": None, "timezone": None, "runtime_environment_parameters": {"cpu": 2}}
    definition_id = await scheduler.create_job_definition(scheduled(**given))
    job_id = await scheduler.create_job_from_definition(definition_id, CreateJobFromDefinition())
    workflow = bench.workflow(job_id)
    assert workflow is not None
    assert workflow["spec"]["templates"][0]["script"]["resources"]["limits"] == {"cpu": "2"}


async def test_an_edit_beyond_the_administrators_limits_changes_nothing(bench: Bench) -> None:
    bench.notebook()
    scheduler = bench.scheduler(max_cpu=8)
    definition_id = await scheduler.create_job_definition(scheduled())
    before = bench.cron(definition_id)
    change: dict[str, Any] = {"runtime_environment_parameters": {"cpu": 16}}
    with pytest.raises(SchedulerError) as caught:
        await scheduler.update_job_definition(definition_id, UpdateJobDefinition(**change))
    assert str(caught.value) == (
        "cpu is 16, more than the 8 that the administrator allows. Choose less, or ask for more"
    )
    assert bench.cron(definition_id) == before


async def test_the_server_hands_its_manager_of_kernels_over(bench: Bench) -> None:
    scheduler = bench.scheduler(**SAME_IMAGE)

    server = SimpleNamespace(
        kernel_spec_manager=Specs(python3=PYTHON, ir=R), web_app=SimpleNamespace(settings={"scheduler": scheduler})
    )
    app: Any = NbargoApp
    await app._start_jupyter_server_extension(app(), server)
    assert await names(scheduler) == ["default", "kernel-python3", "kernel-ir"]
