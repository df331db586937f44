"""The place in the queue of a job that waits: told when it is read, because it changes with the rows of others."""

from collections import defaultdict
from collections.abc import Sequence

from jupyter_scheduler.models import DescribeJob
from jupyter_scheduler.orm import Job
from sqlalchemy import select
from sqlalchemy.orm import Session

from nbargo_shared.status import FOR_A_PLACE, Status


def tell(session: Session, jobs: Sequence[DescribeJob]) -> None:
    """Add to the messages of those that wait how many were there before them; one query, and none if nobody waits.

    Argo gives a free place to the workflow that was made first (workflow/sync/semaphore.go), of those that wait for the
    same.

    Args:
        session: Where the rows are.
        jobs: What is about to be shown; their `status_message` changes.
    """
    waiting = [job for job in jobs if _waits(job)]
    if not waiting:
        return
    query = (
        select(Job.status_message, Job.job_id)
        .where(Job.status == Status.QUEUED, Job.status_message.startswith(FOR_A_PLACE))
        .order_by(Job.create_time, Job.job_id)
    )
    queues: dict[str, list[str]] = defaultdict(list)
    for message, job_id in session.execute(query):
        queues[message].append(job_id)
    before = {job_id: place for queue in queues.values() for place, job_id in enumerate(queue)}
    for job in waiting:
        if job.job_id in before:  # else it has begun since it was read
            job.status_message = f"{job.status_message} ({_place(before[job.job_id])})"


def _waits(job: DescribeJob) -> bool:
    return job.status == Status.QUEUED and (job.status_message or "").startswith(FOR_A_PLACE)


def _place(before: int) -> str:
    if before == 0:
        return "this job is next"
    return "1 job is before this one" if before == 1 else f"{before} jobs are before this one"
