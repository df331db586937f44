"""manifest_hook: what it is given, what it may change in jobs, schedules and edits, and what becomes of its errors."""

import asyncio
import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jupyter_scheduler.exceptions import IdempotencyTokenError, SchedulerError
from jupyter_scheduler.models import CreateJobFromDefinition, UpdateJobDefinition
from traitlets import TraitError

from nbargo_submitter.hooks import HookContext, ManifestHook
from nbargo_submitter.settings import ArgoSettings
from support.lab_bench import Bench, request, scheduled

Json = dict[str, Any]
ASK = "Ask your administrator: it is c.ArgoScheduler.manifest_hook"


def spec_of(manifest: Json) -> Json:
    spec: Json = manifest["spec"].get("workflowSpec") or manifest["spec"]
    return spec


def edit(**members: Any) -> UpdateJobDefinition:
    return UpdateJobDefinition(**members)


@dataclass
class Seen:
    """What a hook was given."""

    contexts: list[HookContext] = field(default_factory=list)
    threads: set[threading.Thread] = field(default_factory=set)


def noting(seen: Seen) -> ManifestHook:
    """Return a hook that notes what it is given, and adds a DNS policy and a label that names the size."""

    def hook(manifest: Json, context: HookContext) -> Json:
        seen.contexts.append(context)
        seen.threads.add(threading.current_thread())
        spec_of(manifest)["dnsPolicy"] = "ClusterFirst"
        manifest["metadata"]["labels"]["size"] = context.compute_type
        if context.kind == "CronWorkflow":
            manifest["spec"]["when"] = "{{= cronworkflow.failed < 3 }}"
            manifest["spec"]["workflowMetadata"]["labels"]["size"] = context.compute_type
        return manifest

    return hook


SIZES: Json = {"compute_types": {"small": {"cpu": 1}, "large": {"cpu": 8}}}


async def test_a_job_is_made_as_it_says(bench: Bench) -> None:
    bench.notebook()
    seen = Seen()
    job_id = await bench.scheduler(manifest_hook=noting(seen), **SIZES).create_job(request())
    workflow = bench.workflow(job_id)
    assert workflow is not None
    assert workflow["spec"]["dnsPolicy"] == "ClusterFirst"
    assert workflow["metadata"]["labels"]["size"] == "small"
    assert threading.main_thread() not in seen.threads
    (context,) = seen.contexts
    assert (context.user, context.kind) == ("alice", "Workflow")
    assert (context.environment, context.compute_type) == ("default", "small")
    assert context.definition is None
    assert context.job is not None
    assert (context.job.job_id, context.job.input_filename) == (job_id, "report.ipynb")


async def test_a_schedule_its_edits_and_its_runs_are_made_as_it_says(bench: Bench) -> None:
    bench.notebook()
    seen = Seen()
    scheduler = bench.scheduler(manifest_hook=noting(seen), **SIZES)
    definition_id = await scheduler.create_job_definition(scheduled())
    cron = bench.cron(definition_id)
    assert cron["spec"]["when"] == "{{= cronworkflow.failed < 3 }}"
    assert (cron["metadata"]["labels"]["size"], cron["spec"]["workflowSpec"]["dnsPolicy"]) == ("small", "ClusterFirst")

    await scheduler.update_job_definition(definition_id, edit(compute_type="large"))
    cron = bench.cron(definition_id)
    assert cron["spec"]["when"] == "{{= cronworkflow.failed < 3 }}"
    assert cron["metadata"]["labels"]["size"] == cron["spec"]["workflowMetadata"]["labels"]["size"] == "large"
    assert cron["spec"]["workflowSpec"]["dnsPolicy"] == "ClusterFirst"

    await scheduler.update_job_definition(definition_id, edit(schedule="@daily", active=False))
    cron = bench.cron(definition_id)
    assert (cron["metadata"]["labels"]["size"], cron["spec"]["workflowSpec"]["dnsPolicy"]) == ("large", "ClusterFirst")

    job_id = await scheduler.create_job_from_definition(definition_id, CreateJobFromDefinition())
    workflow = bench.workflow(job_id)
    assert workflow is not None
    assert workflow["metadata"]["labels"]["size"] == "large"
    assert {context.kind for context in seen.contexts} == {"CronWorkflow", "Workflow"}
    (context,) = [context for context in seen.contexts if context.job]
    assert context.job is not None
    assert context.job.job_definition_id == definition_id


async def test_it_may_be_named_as_a_place_and_may_return_another_dictionary(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site_hooks.py").write_text(
        "import copy\n"
        "def hook(manifest, context):\n"
        "    made = copy.deepcopy(manifest)\n"
        "    made['spec']['hostAliases'] = ({'ip': '192.0.2.1', 'hostnames': [context.user]},)\n"
        "    manifest.clear()\n"
        "    return made\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    bench.notebook()
    for place in ("site_hooks:hook", "site_hooks.hook"):
        workflow = bench.workflow(await bench.scheduler(manifest_hook=place).create_job(request()))
        assert workflow is not None
        assert workflow["spec"]["hostAliases"] == [{"ip": "192.0.2.1", "hostnames": ["alice"]}]


async def test_a_submission_that_is_repeated_is_one_job_still(bench: Bench) -> None:
    bench.notebook()
    calls: list[int] = []

    def numbering(manifest: Json, context: HookContext) -> Json:
        calls.append(1)
        manifest["metadata"]["annotations"]["call"] = str(len(calls))
        assert context.job is not None
        return manifest

    scheduler = bench.scheduler(manifest_hook=numbering)
    await scheduler.create_job(request(idempotency_token="once"))
    with pytest.raises(IdempotencyTokenError):
        await scheduler.create_job(request(idempotency_token="once"))
    (workflow,) = bench.workflows()
    assert workflow["metadata"]["annotations"]["call"] == "1"


async def refused(bench: Bench, hook: Any) -> str:
    """Submit a job and a schedule with a hook, and return the words of the one refusal that both get."""
    bench.notebook()
    scheduler = bench.scheduler(manifest_hook=hook)
    with pytest.raises(SchedulerError) as job:
        await scheduler.create_job(request())
    with pytest.raises(SchedulerError) as definition:
        await scheduler.create_job_definition(scheduled())
    assert (bench.workflows(), bench.crons(), bench.staged()) == ([], [], [])
    assert str(job.value).replace(" spec.", " ") == str(definition.value).replace(" spec.workflowSpec.", " ")
    return str(job.value)


def broken(_manifest: Json, _context: HookContext) -> Json:
    raise KeyError("team")


def silent(_manifest: Json, _context: HookContext) -> Json:
    raise NotImplementedError


def forgetful(_manifest: Json, _context: HookContext) -> None:
    pass


def exotic(manifest: Json, _context: HookContext) -> Json:
    return {**manifest, "extra": {1, 2}}


@pytest.mark.parametrize(
    ("hook", "says"),
    [
        (broken, "The hook 'broken' failed: KeyError: 'team'"),
        (silent, "The hook 'silent' failed: NotImplementedError"),
        (forgetful, "The hook 'forgetful' returned NoneType, not the manifest"),
        (exotic, "The hook 'exotic' returned what is no JSON: Object of type set is not JSON serializable"),
        (
            "nowhere.at.all:hook",
            "The hook 'nowhere.at.all:hook' cannot be imported: ModuleNotFoundError: No module named 'nowhere'",
        ),
        ("os:nothing", "The hook 'os:nothing' cannot be imported: ImportError: No module named nothing"),
        ("os.path:sep", "The hook 'os.path:sep' failed: TypeError: 'str' object is not callable"),
    ],
)
async def test_its_errors_name_it_and_nothing_is_submitted(bench: Bench, hook: Any, says: str) -> None:
    assert await refused(bench, hook) == f"{says}. {ASK}"


def relabelled(manifest: Json) -> None:
    manifest["metadata"]["labels"]["nbargo/user"] = "bob"


def unlabelled(manifest: Json) -> None:
    manifest["metadata"]["labels"] = {}


def labelled(manifest: Json) -> None:
    manifest["metadata"]["labels"]["nbargo/own"] = "1"


def renamed(manifest: Json) -> None:
    manifest["metadata"]["name"] = "mine"


def moved(manifest: Json) -> None:
    manifest["metadata"]["namespace"] = "kube-system"


def other_pod(manifest: Json) -> None:
    spec_of(manifest)["podMetadata"]["labels"]["nbargo/user"] = "bob"


def other_entrypoint(manifest: Json) -> None:
    spec_of(manifest)["entrypoint"] = "steps"


def no_outcome(manifest: Json) -> None:
    del spec_of(manifest)["templates"][0]["outputs"]


def no_template(manifest: Json) -> None:
    spec_of(manifest)["templates"] = []


def other_job(manifest: Json) -> None:
    spec_of(manifest)["templates"][0]["script"]["env"].append({"name": "NBARGO_JOB", "value": "e30="})


def emptied(manifest: Json) -> None:
    manifest.clear()


def of_a_list(manifest: Json) -> None:
    manifest["metadata"] = [manifest["metadata"]]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (relabelled, "metadata.labels['nbargo/user']"),
        (unlabelled, "metadata.labels['nbargo/"),
        (labelled, "metadata.labels['nbargo/own']"),
        (renamed, "metadata.name"),
        (moved, "metadata.namespace"),
        (other_pod, "podMetadata.labels['nbargo/user']"),
        (other_entrypoint, "entrypoint"),
        (no_outcome, "the output parameter nbargo-outcome"),
        (no_template, "the output parameter nbargo-outcome"),
        (other_job, "the environment variable NBARGO_JOB"),
        (emptied, "apiVersion"),
        (of_a_list, "metadata.name"),
    ],
)
async def test_what_the_watcher_lives_on_has_to_stay(bench: Bench, change: Callable[[Json], None], place: str) -> None:
    def hook(manifest: Json, _context: HookContext) -> Json:
        change(manifest)
        return manifest

    bench.notebook()
    scheduler = bench.scheduler(manifest_hook=hook)
    with pytest.raises(SchedulerError) as job:
        await scheduler.create_job(request())
    with pytest.raises(SchedulerError) as definition:
        await scheduler.create_job_definition(scheduled())
    for refusal in (job, definition):
        assert place in str(refusal.value)
        assert str(refusal.value).endswith(f", which nbargo needs as it was. {ASK}")
    assert (bench.workflows(), bench.crons(), bench.staged()) == ([], [], [])


@pytest.mark.parametrize("member", ["schedules", "timezone", "suspend"])
async def test_when_a_definition_runs_is_its_users_choice(bench: Bench, member: str) -> None:
    def hook(manifest: Json, _context: HookContext) -> Json:
        manifest["spec"][member] = {"schedules": ["@hourly"], "timezone": "Asia/Tokyo", "suspend": True}[member]
        return manifest

    bench.notebook()
    with pytest.raises(SchedulerError, match=rf"changed spec\.{member}, which nbargo needs"):
        await bench.scheduler(manifest_hook=hook).create_job_definition(scheduled())
    assert (bench.crons(), bench.staged()) == ([], [])


async def test_an_edit_that_it_refuses_changes_nothing(bench: Bench) -> None:
    bench.notebook()
    definition_id = await bench.scheduler().create_job_definition(scheduled())
    before = copy.deepcopy(bench.cron(definition_id))
    with pytest.raises(SchedulerError, match="The hook 'broken' failed"):
        await bench.scheduler(manifest_hook=broken).update_job_definition(definition_id, edit(name="other"))
    assert bench.cron(definition_id) == before


async def test_a_template_that_it_makes_too_large_is_refused(bench: Bench) -> None:
    def hook(manifest: Json, _context: HookContext) -> Json:
        spec_of(manifest)["templates"][0]["script"]["env"].append({"name": "BIG", "value": "x" * 130_000})
        return manifest

    bench.notebook()
    with pytest.raises(SchedulerError, match="more than the"):
        await bench.scheduler(manifest_hook=hook).create_job(request())
    assert (bench.workflows(), bench.staged()) == ([], [])


async def test_a_slow_one_holds_up_its_own_request_alone(bench: Bench) -> None:
    bench.notebook()
    begun, go_on = threading.Event(), threading.Event()

    def slow(manifest: Json, _context: HookContext) -> Json:
        begun.set()
        assert go_on.wait(30)
        return manifest

    submitting = asyncio.create_task(bench.scheduler(manifest_hook=slow).create_job(request()))
    assert await asyncio.to_thread(begun.wait, 30)
    assert (await bench.scheduler().create_job(request())) in bench.row_ids()
    go_on.set()
    assert (await submitting) in bench.row_ids()


@pytest.mark.parametrize("value", [7, "module", "module:", "a b:c", "a:b:c", ["a:b"]])
def test_what_is_no_function_and_no_place_is_refused_where_it_is_set(value: Any) -> None:
    with pytest.raises(TraitError, match="a function, or the place of one"):
        ArgoSettings(manifest_hook=value)


@pytest.mark.parametrize("value", [None, ""])
def test_none_is_no_hook(value: Any) -> None:
    assert ArgoSettings(manifest_hook=value).manifest_hook is None
