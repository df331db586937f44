"""Runs that never came to be: Argo says so in a CronWorkflow's conditions, and makes no Workflow.

A condition has no time and stays as it is through any number of ticks. What tells one trouble from the next is the last
run that Argo did start before it: so the same trouble is told once, and after a recovery it is told again.
"""

import re
import uuid
from typing import Final

from nbargo_shared.run import run_record
from nbargo_watcher.evidence import Evidence
from nbargo_watcher.model import Observed

TOLD: Final = frozenset({"SpecError", "SubmissionError"})
"""Argo's types: pkg/apis/workflow/v1alpha1/cron_workflow_types.go."""
_NUMBERS: Final = re.compile(r"\d+")  # the tick's own: the run's name has the time in it, a quota's message the use


def failed_runs(observed: Observed, *, now: int) -> list[Evidence]:
    """Return the failed runs that the conditions of a CronWorkflow stand for.

    Args:
        observed: The CronWorkflow.
        now: Milliseconds since 1970: the time of a run that is not known yet.

    Raises:
        RecordError: The template of its runs is not valid.
    """
    conditions = observed.cron.conditions if observed.cron else ()
    return [
        _failed_run(observed, run_id(observed, kind, message), message=message or kind, now=now)
        for kind, message in conditions
        if kind in TOLD
    ]


def run_id(observed: Observed, kind: str, message: str) -> str:
    """Return the id of the run that a condition stands for: the same at each look at the same trouble."""
    last = observed.cron.last_run_at if observed.cron else None
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{observed.uid} {kind} {last} {_NUMBERS.sub('0', message)}"))


def _failed_run(observed: Observed, job_id: str, *, message: str, now: int) -> Evidence:
    record = run_record(observed.job_json or "", uid=job_id, created_ms=now)
    body = Observed(
        namespace=observed.namespace,
        name="",
        uid=job_id,
        resource_version="",
        user=observed.user,
        job_id=job_id,
        phase="Error",
        message=message,
        created_at=now,
        finished_at=now,
        job_json=record.to_json(),
    )
    return Evidence(job_id=job_id, observed=body, gone=True, uid=job_id, looked=True)
