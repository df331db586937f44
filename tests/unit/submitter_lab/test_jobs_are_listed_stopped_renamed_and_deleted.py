import asyncio
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web
from jupyter_scheduler.exceptions import SchedulerError
from jupyter_scheduler.models import (
    CountJobsQuery,
    ListJobDefinitionsQuery,
    ListJobsQuery,
    SortDirection,
    SortField,
    Status,
    UpdateJob,
)
from jupyter_scheduler.orm import JobDefinition, create_session

from nbargo_shared import labels, record
from nbargo_submitter import ArgoScheduler
from support.lab_bench import Bench, Handler, request

NOTHING: dict[str, Any] = {}


def number(n: int) -> str:
    return f"00000000-0000-4000-8000-{n:012d}"


def by(name: str, direction: SortDirection = SortDirection.asc) -> list[SortField]:
    return [SortField(name=name, direction=direction)]


@pytest.fixture
def ten(bench: Bench) -> ArgoScheduler:
    """A scheduler with ten rows: job n was created at n, its name is `job n`."""
    for n in range(10):
        status = "IN_PROGRESS" if n < 3 else "COMPLETED"
        tags = ["even", f"it's {n}%"] if n % 2 == 0 else ["ödd"]
        bench.add_row(job_id=number(n), name=f"job {n}", status=status, create_time=n, start_time=n, tags=tags)
    return bench.scheduler()


async def numbers(scheduler: ArgoScheduler, **query: Any) -> list[int]:
    return [int(job.job_id[-12:]) for job in (await scheduler.list_jobs(ListJobsQuery(**query))).jobs]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, list(range(9, -1, -1))),
        ({"sort_by": by("create_time")}, list(range(10))),
        ({"status": Status.IN_PROGRESS}, [2, 1, 0]),
        ({"name": "job 7"}, [7]),
        ({"name": "job%"}, []),
        ({"start_time": 8}, [9, 8]),
        ({"tags": ["even"]}, [8, 6, 4, 2, 0]),
        ({"tags": ["even", "it's 4%"]}, [4]),
        ({"tags": ["ödd"], "max_items": 2}, [9, 7]),
        ({"tags": ["eve"]}, []),
        ({"sort_by": by("status")}, [3, 4, 5, 6, 7, 8, 9, 0, 1, 2]),
        ({"max_items": 3, "next_token": "2"}, [7, 6, 5]),
        ({"max_items": 3, "next_token": "9"}, [0]),
        ({"max_items": 3, "next_token": "20"}, []),
    ],
)
async def test_a_list_is_filtered_sorted_and_paged(ten: ArgoScheduler, query: dict[str, Any], found: list[int]) -> None:
    assert await numbers(ten, **query) == found


async def test_pages_follow_each_other_to_the_end(ten: ArgoScheduler) -> None:
    seen, token = [], None
    while True:
        page = await ten.list_jobs(ListJobsQuery(max_items=4, next_token=token))
        seen += [job.job_id for job in page.jobs]
        assert page.total_count == 10
        token = page.next_token
        if token is None:
            break
    assert seen == [number(n) for n in range(9, -1, -1)]


async def test_the_question_with_which_the_lab_starts_is_answered(ten: ArgoScheduler) -> None:
    answer = await ten.list_jobs(ListJobsQuery(max_items=0))
    assert (answer.jobs, answer.total_count) == ([], 10)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"sort_by": by("metadata")}, "no field 'metadata' to sort by.*create_time"),
        ({"next_token": "-1"}, "not the place of a page"),
        ({"next_token": "9" * 30}, "not the place of a page"),
        ({"max_items": -1}, "cannot be negative"),
    ],
)
async def test_a_question_that_makes_no_sense_is_told(ten: ArgoScheduler, query: dict[str, Any], says: str) -> None:
    with pytest.raises(SchedulerError, match=says):
        await ten.list_jobs(ListJobsQuery(**query))


async def test_jobs_are_counted_by_status(ten: ArgoScheduler) -> None:
    assert await ten.count_jobs(CountJobsQuery()) == 3
    assert await ten.count_jobs(CountJobsQuery(status=Status.FAILED)) == 0


async def test_rows_of_older_schedulers_are_listed_whatever_their_formats(bench: Bench) -> None:
    bench.add_row(job_id=number(1), output_formats=["tar.gz"])
    bench.add_row(job_id=number(2), output_formats=None, package_input_folder=True, packaged_files=["a/b.csv"])
    jobs = (await bench.scheduler().list_jobs(ListJobsQuery(sort_by=by("job_id")))).jobs
    assert [[file.display_name for file in job.job_files] for job in jobs] == [["tar.gz", "Input"], ["Input", "Files"]]


async def test_a_database_that_is_gone_or_broken_is_told(bench: Bench) -> None:
    scheduler = bench.scheduler()
    bench.database.write_bytes(b"no database at all" * 100)
    with pytest.raises(SchedulerError, match=r"list of jobs cannot be read.*not a database"):
        await scheduler.list_jobs(ListJobsQuery())


async def test_an_unknown_job_is_told_by_every_action(bench: Bench) -> None:
    scheduler = bench.scheduler()
    gone = number(1)
    for call in (
        scheduler.get_job(gone),
        scheduler.stop_job(gone),
        scheduler.delete_job(gone),
        scheduler.update_job(gone, UpdateJob(name="x")),
        scheduler.get_job_definition(gone),
        scheduler.delete_job_definition(gone),
    ):
        with pytest.raises(SchedulerError, match=f"There is no job.* '{gone}'"):
            await call


async def submitted(bench: Bench, scheduler: ArgoScheduler) -> str:
    bench.notebook()
    job_id: str = await scheduler.create_job(request())
    return job_id


async def test_a_stop_shuts_the_workflow_down_and_notes_that_the_user_asked(bench: Bench) -> None:
    scheduler = bench.scheduler()
    job_id, other = await submitted(bench, scheduler), await submitted(bench, scheduler)
    await bench.scheduler().stop_job(job_id)  # a new one, as after a restart of the lab
    workflow, untouched = bench.workflow(job_id), bench.workflow(other)
    assert workflow
    assert untouched
    assert workflow["spec"]["shutdown"] == "Stop"
    assert workflow["metadata"]["annotations"][labels.STOP_ANNOTATION].endswith("Z")
    assert "shutdown" not in untouched["spec"]
    assert (await scheduler.get_job(job_id)).status == Status.STOPPING


async def test_the_forms_stop_button_is_an_update_of_the_status(bench: Bench) -> None:
    scheduler = bench.scheduler()
    job_id = await submitted(bench, scheduler)
    await scheduler.update_job(job_id, UpdateJob(status=Status.STOPPED))
    assert (await scheduler.get_job(job_id)).status == Status.STOPPING


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "STOPPED"])
async def test_stopping_what_has_ended_changes_nothing(bench: Bench, status: str) -> None:
    scheduler = bench.scheduler()
    job_id = await submitted(bench, scheduler)
    bench.set_row(job_id, status=status)
    before = bench.workflow(job_id)
    await scheduler.stop_job(job_id)
    assert bench.workflow(job_id) == before


async def test_stopping_a_job_whose_workflow_is_gone_says_what_follows(bench: Bench) -> None:
    bench.add_row(job_id=number(1), status="IN_PROGRESS")
    with pytest.raises(SchedulerError, match=r"no workflow of this job.*Reload"):
        await bench.scheduler().stop_job(number(1))


async def test_a_rename_changes_the_record_and_the_row_follows(bench: Bench) -> None:
    scheduler = bench.scheduler()
    job_id = await submitted(bench, scheduler)
    await scheduler.update_job(job_id, UpdateJob(name="it's new"))
    workflow = bench.workflow(job_id)
    assert workflow
    noted = record.parse(workflow["metadata"]["annotations"][labels.JOB_ANNOTATION])
    assert (noted.name, (noted.update_time or 0) >= noted.create_time) == ("it's new", True)
    assert (await scheduler.get_job(job_id)).name == "it's new"


async def test_a_rename_that_meets_another_change_is_tried_again(bench: Bench) -> None:
    scheduler = bench.scheduler()
    job_id = await submitted(bench, scheduler)
    conflicts = 2

    def meanwhile(sent: web.Request) -> None:
        nonlocal conflicts
        if sent.method == "GET" and conflicts:
            conflicts -= 1
            patch = {"metadata": {"labels": {"touched": str(conflicts)}}}
            bench.patch(job_id, patch)

    bench.after = meanwhile
    await scheduler.update_job(job_id, UpdateJob(name="new"))
    assert (await scheduler.get_job(job_id)).name == "new"
    assert conflicts == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [({"name": "x" * 300}, "'name'"), ({"compute_type": "large"}, "size of a job cannot be changed")],
)
async def test_a_change_that_cannot_be_made_is_told(bench: Bench, change: dict[str, Any], says: str) -> None:
    scheduler = bench.scheduler()
    job_id = await submitted(bench, scheduler)
    with pytest.raises(SchedulerError, match=says):
        await scheduler.update_job(job_id, UpdateJob(**change))


async def test_a_job_whose_workflow_is_gone_keeps_its_name(bench: Bench) -> None:
    bench.add_row(job_id=number(1))
    with pytest.raises(SchedulerError, match="keeps its name"):
        await bench.scheduler().update_job(number(1), UpdateJob(name="x"))


@pytest.mark.parametrize("status", ["IN_PROGRESS", "COMPLETED"])
async def test_a_delete_removes_workflow_files_and_row_of_this_job_alone(bench: Bench, status: str) -> None:
    scheduler = bench.scheduler()
    job_id, other = await submitted(bench, scheduler), await submitted(bench, scheduler)
    bench.set_row(job_id, status=status)
    await scheduler.delete_job(job_id)
    assert [workflow["metadata"]["name"] for workflow in bench.workflows()] == [labels.object_name(other)]
    assert bench.staged() == [other, f"{other}/report.ipynb"]
    assert bench.row_ids() == [other]
    with pytest.raises(SchedulerError, match="There is no job"):
        await scheduler.delete_job(job_id)


async def test_a_running_job_is_stopped_before_it_is_deleted(bench: Bench) -> None:
    scheduler = bench.scheduler()
    job_id = await submitted(bench, scheduler)
    methods: list[str] = []
    bench.after = lambda sent: methods.append(sent.method)
    await scheduler.delete_job(job_id)
    assert methods == ["PATCH", "DELETE"]


async def test_a_job_whose_workflow_and_files_are_gone_is_deleted(bench: Bench) -> None:
    bench.add_row(job_id=number(1), status="IN_PROGRESS")
    await bench.scheduler().delete_job(number(1))
    assert bench.row_ids() == []


async def unreachable(_: web.Request) -> web.StreamResponse:
    return web.json_response({"message": "down"}, status=503)


async def unknown_kind(_: web.Request) -> web.StreamResponse:
    return web.Response(status=404, text="404 page not found")


@pytest.mark.parametrize("answer", [unreachable, unknown_kind])
async def test_nothing_is_removed_if_the_cluster_does_not_delete_the_workflow(bench: Bench, answer: Handler) -> None:
    scheduler = bench.scheduler()
    job_id = await submitted(bench, scheduler)
    bench.before, bench.projecting = answer, False
    with pytest.raises(SchedulerError, match="cluster"):
        await scheduler.delete_job(job_id)
    assert (bench.row_ids(), len(bench.staged())) == ([job_id], 2)


async def test_deleting_never_leaves_the_staging_area_through_a_link(bench: Bench) -> None:
    precious = bench.folder / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    bench.staging.mkdir()
    linked, holds_links = number(1), number(2)
    (bench.staging / linked).symlink_to(precious)
    (bench.staging / holds_links).mkdir()
    (bench.staging / holds_links / "out").symlink_to(precious)
    (bench.staging / holds_links / "up").symlink_to(bench.staging)
    for job_id in (linked, holds_links):
        bench.add_row(job_id=job_id)
        await bench.scheduler().delete_job(job_id)
    assert (precious / "file").read_text() == "x"
    assert bench.staged() == []


@pytest.mark.parametrize("job_id", ["..", "../home", "a/b-c", "", ".", "x", "a-b\n"])
async def test_what_is_no_id_never_becomes_a_path(bench: Bench, job_id: str) -> None:
    bench.add_row(job_id=job_id)
    bench.notebook()
    with pytest.raises(SchedulerError):
        await bench.scheduler().delete_job(job_id)
    assert (bench.root / "report.ipynb").exists()


async def test_a_pod_that_still_writes_while_its_files_are_removed_does_not_stop_the_delete(bench: Bench) -> None:
    scheduler = bench.scheduler()
    job_id = await submitted(bench, scheduler)
    folder = bench.staging / job_id
    deleting = asyncio.create_task(scheduler.delete_job(job_id))
    written = 0
    while not deleting.done():
        await asyncio.sleep(0)
        with suppress(FileNotFoundError):
            (folder / f"f{written}").touch()
            written += 1
        if written == 500:  # the pod has ended
            break
    await deleting
    assert (written > 0, bench.staged()) == (True, [])


async def test_definitions_of_an_earlier_scheduler_are_listed_and_deleted_with_their_jobs(bench: Bench) -> None:
    given: dict[str, Any] = {"runtime_environment_name": "x", "input_filename": "a", "name": "d", "tags": ["t"]}
    given["job_definition_id"] = number(7)
    with create_session(bench.db_url)() as session:
        session.add(JobDefinition(**given))
        session.commit()
    bench.add_row(job_id=number(1), job_definition_id=number(7))
    bench.add_row(job_id=number(2))
    scheduler = bench.scheduler()
    query = ListJobDefinitionsQuery(tags=["t"], name="d", create_time=1)
    answer = await scheduler.list_job_definitions(query)
    assert ([found.job_definition_id for found in answer.job_definitions], answer.total_count) == ([number(7)], 1)
    assert (await scheduler.get_job_definition(number(7))).name == "d"
    await scheduler.delete_job_definition(number(7))
    assert (await scheduler.list_job_definitions(ListJobDefinitionsQuery())).total_count == 0
    assert bench.row_ids() == [number(2)]
