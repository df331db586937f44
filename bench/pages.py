"""How long a page of the jobs list takes when there are ten thousand jobs.

A real JupyterLab server with the classes that installing nbargo-submitter configures, on a database with JOBS rows in
no particular order, is asked over HTTP as the jobs page asks: 25 jobs, the newest first, at the list's beginning, its
middle and its end; those of a status, a name, a tag, a definition; and how many are in progress. A second server with
stock jupyter-scheduler's classes, on the same rows, is asked in turns. No cluster is in reach: lists need none.

Run: .venv/bin/python bench/pages.py [--quick]; `make bench` runs all of them.
The last line is one JSON object: milliseconds of a whole request, median and 95th percentile. The exit status is 1 if a
median of ours takes more than LIMIT_MILLISECONDS.
"""

import random
import sys
from typing import Any

from jupyter_scheduler.orm import Job, create_session, create_tables
from lists import COMMON, compare

from nbargo_local.demo.place import Place

JOBS, DEFINITIONS, TAGS = 10_000, 50, 100
LIMIT_MILLISECONDS = 100.0
PAGE = "jobs?max_items=25&sort_by=desc(create_time)"
LISTS = {
    "first page": PAGE,
    "page in the middle": f"{PAGE}&next_token={JOBS // 2}",
    "last page": f"{PAGE}&next_token={JOBS - 25}",
    "sorted by name": "jobs?max_items=25&sort_by=asc(name)",
    "of a status": f"{PAGE}&status=FAILED",
    "of a name": f"{PAGE}&name=report 7",
    "of a tag": f"{PAGE}&tags=tag-7",
    "of a definition": f"{PAGE}&job_definition_id=definition-7",
    "number in progress": "jobs/count?status=IN_PROGRESS",
}


def fill(place: Place) -> None:
    """Write the rows in random order, as ten thousand uids are."""
    url = f"sqlite:///{place.database}"
    create_tables(url)
    numbers = list(range(JOBS))
    random.Random(1).shuffle(numbers)  # noqa: S311 - the same rows each time
    with create_session(url)() as session:
        session.bulk_insert_mappings(Job, [row(number) for number in numbers])
        session.commit()


def row(number: int) -> dict[str, Any]:
    """Return the row of a job."""
    identifier, created = f"{number * 7919 % JOBS:08d}-0000-4000-8000-000000000000", 1_700_000_000_000 + number * 1000
    times = {"create_time": created, "update_time": created, "start_time": created, "end_time": created + 5000}
    return {
        **COMMON,
        **times,
        "job_id": identifier,
        "url": f"/jobs/{identifier}",
        "name": f"report {number % 100}",
        "tags": ["daily", f"tag-{number % TAGS}"],
        "job_definition_id": f"definition-{number % DEFINITIONS}",
        "status": {0: "FAILED", 1: "STOPPED", 2: "IN_PROGRESS"}.get(number % 100, "COMPLETED"),
    }


if __name__ == "__main__":
    sys.exit(compare("pages", LISTS, fill, turns=50, limit=LIMIT_MILLISECONDS))
