"""The names by which nbargo knows its objects again: labels, annotations, object names, environment variables.

Selectors use `nbargo/user` alone. A label that changes during a workflow's life must never be selected on, because the
API server reports an object that leaves a selector as DELETED, with its old body.
"""

from typing import Final

USER_LABEL: Final = "nbargo/user"
JOB_LABEL: Final = "nbargo/job-id"
DEFINITION_LABEL: Final = "nbargo/definition-id"

JOB_ANNOTATION: Final = "nbargo/job"
DEFINITION_ANNOTATION: Final = "nbargo/definition"
STOP_ANNOTATION: Final = "nbargo/stop-requested"
REQUEST_ANNOTATION: Final = "nbargo/request"
"""Annotation with a random id of the request that created the object: by it, and by nothing that two requests could
have in common, a submitter knows an object for its own when the answer was lost."""

# Argo's own, which nbargo reads and never selects on.
COMPLETED_LABEL: Final = "workflows.argoproj.io/completed"
RESUBMITTED_LABEL: Final = "workflows.argoproj.io/resubmitted-from-workflow"
CRON_LABEL: Final = "workflows.argoproj.io/cron-workflow"
SCHEDULED_ANNOTATION: Final = "workflows.argoproj.io/scheduled-time"

OUTCOME_PARAMETER: Final = "nbargo-outcome"
"""Global output parameter of the Workflow that carries outcome.json."""

OUTCOME_FILE: Final = "outcome.json"
"""Name of the outcome file in the job's own directory, `<staging>/<job id>/`."""

STOP_FILE: Final = ".nbargo.stop"
"""Name of the empty file in the job's own directory that says that its user ends it: its pod then sends no message."""

DEFINITION_FILE: Final = "definition.json"
"""Name of the file in `<staging>/<definition id>/` that holds the record of a definition without a schedule. One with a
schedule has a CronWorkflow instead; while both are there, which a change of that kind that was cut short can leave, the
CronWorkflow is the truth."""

NAME_PREFIX: Final = "nb-"


def object_name(job_id: str) -> str:
    """Return the name of the Workflow of a job, or of the CronWorkflow of a definition.

    Args:
        job_id: The job's or definition's id: a UUID, 36 characters. With the prefix that is 39; Argo's limit for a
            CronWorkflow is 52.
    """
    return f"{NAME_PREFIX}{job_id}"


def selector(user: str) -> str:
    """Return the label selector for everything that belongs to a user.

    Args:
        user: The value of the user label, as `slugs.slug` makes it.
    """
    return f"{USER_LABEL}={user}"
