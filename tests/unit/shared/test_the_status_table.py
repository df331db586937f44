import pytest

from nbargo_shared.outcome import Outcome, RunError, State
from nbargo_shared.record import JobRecord
from nbargo_shared.status import (
    DISAPPEARED,
    INTERRUPTED,
    MESSAGE_LENGTH,
    Observation,
    Status,
    Verdict,
    of_missing,
    of_workflow,
)

JOB = JobRecord(job_id="a-b", name="n", input_filename="a.ipynb", runtime_environment_name="e", create_time=1)
ZERO = RunError(name="ZeroDivisionError", message="division by zero", cell=3)
ZERO_TEXT = "ZeroDivisionError: division by zero (cell 3)"


def said(state: State, error: RunError | None = None) -> Outcome:
    return Outcome(job_id="a-b", workflow_uid="u", state=state, started_at=1, error=error, job=JOB)


@pytest.mark.parametrize(
    ("observed", "status", "message"),
    [
        (Observation(phase=""), Status.QUEUED, None),
        (Observation(phase="Pending", message="waiting for a lock"), Status.QUEUED, None),
        (Observation(phase="Running"), Status.IN_PROGRESS, None),
        (Observation(phase="Running", shutdown="Stop"), Status.STOPPING, None),
        (Observation(phase="Running", stop_requested=True), Status.STOPPING, None),
        (Observation(phase="Succeeded"), Status.COMPLETED, None),
        (Observation(phase="Succeeded", shutdown="Stop", ran=True), Status.COMPLETED, None),
        (
            Observation(phase="Succeeded", shutdown="Stop", outcome=said(State.COMPLETED)),
            Status.COMPLETED,
            None,
        ),
        (Observation(phase="Succeeded", shutdown="Terminate"), Status.STOPPED, None),
        (Observation(phase="Failed", shutdown="Stop", message="x"), Status.STOPPED, None),
        (Observation(phase="Failed", message="Stopped with strategy 'Terminate'"), Status.STOPPED, None),
        (Observation(phase="Failed", message="OOMKilled (exit code 137)"), Status.FAILED, "OOMKilled (exit code 137)"),
        (Observation(phase="Error", message="pod deleted"), Status.FAILED, "pod deleted"),
        (
            Observation(phase="Failed", message="Error (exit code 1)", outcome=said(State.FAILED, ZERO)),
            Status.FAILED,
            ZERO_TEXT,
        ),
        (Observation(phase="Failed"), Status.FAILED, "The workflow failed without saying why"),
    ],
)
def test_a_live_workflow(observed: Observation, status: Status, message: str | None) -> None:
    assert of_workflow(observed) == Verdict(status=status, message=message)


def test_a_phase_of_a_later_argo_leaves_the_row_as_it_is() -> None:
    assert of_workflow(Observation(phase="Hibernating")) is None


@pytest.mark.parametrize(
    ("outcome", "stop_requested", "status", "message"),
    [
        (None, False, Status.FAILED, DISAPPEARED),
        (None, True, Status.STOPPED, None),
        (said(State.RUNNING), False, Status.FAILED, DISAPPEARED),
        (said(State.RUNNING), True, Status.STOPPED, None),
        (said(State.INTERRUPTED), False, Status.FAILED, INTERRUPTED),
        (said(State.INTERRUPTED), True, Status.STOPPED, None),
        (said(State.COMPLETED), False, Status.COMPLETED, None),
        (said(State.COMPLETED), True, Status.COMPLETED, None),
        (said(State.FAILED, ZERO), False, Status.FAILED, ZERO_TEXT),
    ],
)
def test_a_workflow_that_is_gone(
    outcome: Outcome | None, *, stop_requested: bool, status: Status, message: str | None
) -> None:
    assert of_missing(outcome, stop_requested=stop_requested) == Verdict(status=status, message=message)


def test_a_long_reason_is_cut_to_the_column() -> None:
    verdict = of_workflow(Observation(phase="Failed", message="x" * 5000))
    assert verdict is not None
    assert verdict.message is not None
    assert len(verdict.message) == MESSAGE_LENGTH
    assert verdict.message.endswith("…")


def test_only_ended_statuses_are_terminal() -> None:
    assert {status for status in Status if status.is_terminal} == {Status.COMPLETED, Status.FAILED, Status.STOPPED}
