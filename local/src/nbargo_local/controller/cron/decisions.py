"""What becomes of a CronWorkflow: pure decisions, in the order and with the rules of Argo 3.7.3 (workflow/cron)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from nbargo_local.controller.cron.family import CRON_LABEL, child_of, reference_to
from nbargo_local.controller.cron.spec import (
    FORBID,
    LAST_SCHEDULE_ANNOTATION,
    CronSpec,
    CronSpecError,
    check_spec,
    check_support,
    read_spec,
)
from nbargo_local.controller.cron.status import STOPPED, CronStatus
from nbargo_local.controller.durations import stamp
from nbargo_local.controller.names import Object
from nbargo_local.controller.support import UnsupportedError
from nbargo_local.controller.support import check_support as check_workflow_support
from nbargo_local.controller.templating import TemplateError
from nbargo_local.controller.tree import COMPLETED
from nbargo_local.controller.validation import InvalidSpecError, validate

_SUCCEEDED: Final = "Succeeded"


def checked_spec(cron: Object, now: datetime) -> CronSpec:
    """Return what a CronWorkflow asks for, when that can be done.

    Args:
        cron: The CronWorkflow.
        now: The present time.

    Raises:
        UnsupportedError: The local controller does not do it; this one is reported in the status at once.
        CronSpecError: It, or the Workflow in it, is not valid. Argo 3.7 only logs that when it meets the object, and
            reports it as a SpecError when a run that is due finds it.
    """
    check_support(cron)
    spec = read_spec(cron)
    check_spec(cron, spec)
    _check_workflow(child_of(cron, now), now)
    return spec


def _check_workflow(workflow: Object, now: datetime) -> None:
    given = {"uid": "", "namespace": "", "creationTimestamp": stamp(now)}  # what the API gives it when it is made
    workflow["metadata"] = given | workflow["metadata"]
    try:
        check_workflow_support(workflow["spec"])
        validate(workflow)
    except UnsupportedError:
        raise
    except (InvalidSpecError, TemplateError) as error:
        raise CronSpecError(f"cannot validate Workflow: {error}") from error
    except Exception as error:  # one that is not even of the right shape
        raise CronSpecError(f"malformed cron workflow: {type(error).__name__}: {error}") from error


def has_new_schedule(cron: Object, spec: CronSpec) -> bool:
    """Tell whether the schedule or its time zone changed since a run was last due.

    Args:
        cron: The CronWorkflow.
        spec: What was read from it.
    """
    annotations = cron["metadata"].get("annotations") or {}
    return annotations.get(LAST_SCHEDULE_ANNOTATION) != spec.stamp


def missed_time(cron: Object, spec: CronSpec, now: datetime) -> datetime | None:
    """Return the time of the run to be caught up on; None if there is none.

    That is the last one that was due and not started since the last start, if the starting deadline is not over. Of
    several schedules the first that has one counts. After a change of schedule there is none until the next due time.

    Args:
        cron: The CronWorkflow.
        spec: What was read from it.
        now: The present time.

    Raises:
        ScheduleError: The time zone is unknown.
    """
    last = CronStatus.of(cron).last
    if has_new_schedule(cron, spec) or last is None:
        return None
    schedules = spec.parsed()
    if spec.deadline is None:
        return None
    earliest = max(last, now - timedelta(seconds=spec.deadline))
    for schedule in schedules:
        # A time that the deadline excludes is of no interest, but an interval counts from the last start.
        missed = schedule.latest(after=last, before=now)
        if missed is not None and missed > earliest:
            return missed
    return None


def may_run(spec: CronSpec, status: CronStatus) -> bool:
    """Tell whether a run that is due is to be started.

    Args:
        spec: What the CronWorkflow asks for.
        status: Its status.
    """
    return not (spec.suspend or status.phase == STOPPED or (spec.policy == FORBID and status.active))


@dataclass(frozen=True, slots=True)
class Sync:
    """What a look at a CronWorkflow's Workflows comes to.

    Args:
        delete: The names of those that are beyond the history limits.
        status: The status after it; None if it stays.
    """

    delete: tuple[str, ...]
    status: CronStatus | None

    def __bool__(self) -> bool:
        """Tell whether there is anything to do."""
        return bool(self.delete) or self.status is not None


def look_at_children(cron: Object, spec: CronSpec, children: list[Object]) -> Sync:
    """Decide what the state of a CronWorkflow's Workflows asks for.

    A Workflow that has ended is counted once, when it leaves `active`; one that is gone by then leaves it uncounted.

    Args:
        cron: The CronWorkflow.
        spec: What was read from it.
        children: The Workflows that belong to it.
    """
    status = before = CronStatus.of(cron)
    phases = {each["metadata"]["uid"]: _phase(each) for each in children}
    known = {each.get("uid") for each in status.active}
    new = (each for each in children if each["metadata"]["uid"] not in known and not _has_ended(each))
    status = replace(status, active=(*status.active, *map(reference_to, new)))
    for reference in status.active:
        phase = phases.get(reference.get("uid"))
        if phase is None or phase in COMPLETED:
            status = replace(status, active=tuple(each for each in status.active if each is not reference))
        if phase in COMPLETED:
            status = status.ended(phase)
    return Sync(_beyond_limits(cron, spec, children), None if status == before else status)


def _beyond_limits(cron: Object, spec: CronSpec, children: list[Object]) -> tuple[str, ...]:
    name = cron["metadata"]["name"]
    ended = [each for each in children if _has_ended(each) and each["metadata"]["labels"][CRON_LABEL] == name]
    ended.sort(key=lambda each: (each["status"].get("finishedAt") or "", each["metadata"]["name"]), reverse=True)
    succeeded = [each for each in ended if _phase(each) == _SUCCEEDED]
    others = [each for each in ended if _phase(each) != _SUCCEEDED]
    excess = [*succeeded[spec.kept_succeeded :], *others[spec.kept_failed :]]
    return tuple(each["metadata"]["name"] for each in excess)


def _phase(workflow: Object) -> str:
    return str((workflow.get("status") or {}).get("phase") or "")


def _has_ended(workflow: Object) -> bool:
    return _phase(workflow) in COMPLETED
