"""What a list and a job's page say of jobs that wait for a free place."""

from typing import Final

import pytest
from jupyter_scheduler.models import ListJobsQuery
from sqlalchemy import event
from sqlalchemy.engine import Engine

from support.lab_bench import Bench

TWO: Final = "Waiting for a free place: 2 of your runs may run at a time"
ONE: Final = "Waiting for a free place: 1 of your runs may run at a time"
NO_ROOM: Final = "No node of the cluster has enough memory free for the job"


def number(n: int) -> str:
    return f"00000000-0000-4000-8000-{n:012d}"


@pytest.fixture
def queue(bench: Bench) -> Bench:
    """Seven jobs; the highest number is the oldest."""
    rows = {
        7: ("IN_PROGRESS", None),
        6: ("QUEUED", TWO),
        5: ("QUEUED", ONE),
        4: ("QUEUED", TWO),
        3: ("QUEUED", None),
        2: ("QUEUED", TWO),
        1: ("STOPPED", TWO),
    }
    for n, (status, message) in rows.items():
        bench.add_row(job_id=number(n), status=status, status_message=message, create_time=10 - n)
    return bench


async def test_a_list_tells_how_many_jobs_are_before_each(queue: Bench) -> None:
    answer = await queue.scheduler().list_jobs(ListJobsQuery())
    told = {int(job.job_id[-1]): job.status_message for job in answer.jobs}
    assert told == {
        7: None,
        6: f"{TWO} (this job is next)",
        5: f"{ONE} (this job is next)",
        4: f"{TWO} (1 job is before this one)",
        3: None,
        2: f"{TWO} (2 jobs are before this one)",
        1: TWO,
    }


async def test_a_page_of_a_list_counts_the_jobs_that_are_not_on_it(queue: Bench) -> None:
    answer = await queue.scheduler().list_jobs(ListJobsQuery(max_items=2))
    assert [job.status_message for job in answer.jobs] == [TWO, f"{TWO} (2 jobs are before this one)"]


async def test_a_jobs_page_tells_its_place(queue: Bench) -> None:
    job = await queue.scheduler().get_job(number(4))
    assert job.status_message == f"{TWO} (1 job is before this one)"


async def test_other_messages_stay_as_they_are(bench: Bench) -> None:
    bench.add_row(job_id=number(1), status="IN_PROGRESS", status_message=NO_ROOM, create_time=1)
    assert (await bench.scheduler().get_job(number(1))).status_message == NO_ROOM


@pytest.mark.parametrize(("waiting", "more"), [(20, 1), (0, 0)])
async def test_the_places_of_a_list_cost_one_query(bench: Bench, waiting: int, more: int) -> None:
    bench.add_row(job_id=number(99), status="COMPLETED", create_time=1)
    for n in range(waiting):
        bench.add_row(job_id=number(n), status="QUEUED", status_message=TWO, create_time=n)
    scheduler = bench.scheduler()
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await scheduler.list_jobs(ListJobsQuery())
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert sum("status_message LIKE" in statement for statement in asked) == more
