"""The status table: which jupyter-scheduler status an observation stands for.

Pure functions over what Argo and the outcome say. Where each line comes from is in docs/design.md, "Status".
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nbargo_shared.outcome import Outcome, State

MESSAGE_LENGTH: Final = 1024  # jupyter-scheduler's status_message column
DISAPPEARED: Final = "The workflow was deleted before its result was seen"
INTERRUPTED: Final = "The job's pod was ended before the notebook had finished"
FOR_A_PLACE: Final = "Waiting for a free place"
"""How a message begins that says that others of the user's jobs have to end first."""
_STOPPED_PREFIX: Final = "Stopped with strategy"  # Argo 3.4 to 4.1: workflow/controller/operator.go


class Status(StrEnum):
    """jupyter-scheduler's statuses."""

    CREATED = "CREATED"
    QUEUED = "QUEUED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing follows but a retry."""
        return self in {Status.COMPLETED, Status.FAILED, Status.STOPPED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a row should say.

    Attributes:
        status: The row's status.
        message: The row's status_message: None unless the job failed, or waits for what does not pass by itself,
            because the lab paints any message red.
    """

    status: Status
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What is known of a Workflow, as far as its status goes.

    Attributes:
        phase: Argo's `status.phase`: "", Pending, Running, Succeeded, Failed or Error.
        message: Argo's `status.message`.
        shutdown: `spec.shutdown`: "", Stop or Terminate.
        stop_requested: Whether the user asked for a stop.
        ran: Whether any step is known to have run.
        outcome: What the job's own pod said, if anything.
    """

    phase: str
    message: str = ""
    shutdown: str = ""
    stop_requested: bool = False
    ran: bool = False
    outcome: Outcome | None = None


def of_workflow(observed: Observation) -> Verdict | None:
    """Return what the row of a live Workflow should say.

    Args:
        observed: The Workflow.

    Returns:
        The verdict, or None for a phase that is not known: the row stays as it is.
    """
    if observed.phase in {"", "Pending"}:
        return Verdict(status=Status.QUEUED)
    if observed.phase == "Running":
        stopping = observed.shutdown or observed.stop_requested
        return Verdict(status=Status.STOPPING if stopping else Status.IN_PROGRESS)
    if observed.phase == "Succeeded":
        return _succeeded(observed)
    if observed.phase in {"Failed", "Error"}:
        return _failed(observed)
    return None


def of_missing(outcome: Outcome | None, *, stop_requested: bool) -> Verdict:
    """Return what the row of a job should say whose Workflow is gone, its end unseen.

    Args:
        outcome: The outcome file's content, if there is one.
        stop_requested: Whether the user had asked for a stop.
    """
    state = outcome.state if outcome else None
    if state is State.COMPLETED:
        return Verdict(status=Status.COMPLETED)
    if stop_requested:
        return Verdict(status=Status.STOPPED)
    if outcome and state is State.FAILED:
        return Verdict(status=Status.FAILED, message=failure_message(outcome, ""))
    message = INTERRUPTED if state is State.INTERRUPTED else DISAPPEARED
    return Verdict(status=Status.FAILED, message=message)


def failure_message(outcome: Outcome | None, message: str) -> str:
    """Return the reason of a failure for the user, 1024 characters at most.

    Args:
        outcome: The outcome, whose error comes first: it names the exception and the cell.
        message: Argo's message.
    """
    text = str(outcome.error) if outcome and outcome.error else message or "The workflow failed without saying why"
    return text if len(text) <= MESSAGE_LENGTH else f"{text[: MESSAGE_LENGTH - 1]}…"


def _succeeded(observed: Observation) -> Verdict:
    # Argo 3.5 to 4.0 end a workflow that is stopped while it waits for a lock as Succeeded (argo-workflows#16776).
    nothing_ran = not observed.ran and observed.outcome is None
    stopped = observed.shutdown and nothing_ran
    return Verdict(status=Status.STOPPED if stopped else Status.COMPLETED)


def _failed(observed: Observation) -> Verdict:
    if observed.shutdown or observed.message.startswith(_STOPPED_PREFIX):
        return Verdict(status=Status.STOPPED)
    message = failure_message(observed.outcome, observed.message)
    return Verdict(status=Status.FAILED, message=message)
