"""What a CronWorkflow asks for, and the checks that Argo makes of it before it schedules it (ValidateCronWorkflow)."""

from dataclasses import dataclass
from typing import Any, Final

from nbargo_local.controller.cron.fields import ScheduleError
from nbargo_local.controller.cron.schedule import Schedule, parse_schedule
from nbargo_local.controller.names import Object
from nbargo_local.controller.support import UnsupportedError

LAST_SCHEDULE_ANNOTATION: Final = "cronworkflows.argoproj.io/last-used-schedule"
ALLOW: Final = "Allow"
FORBID: Final = "Forbid"
REPLACE: Final = "Replace"

_POLICIES: Final = frozenset({"", ALLOW, FORBID, REPLACE})
_FIELDS: Final = frozenset(
    {
        "concurrencyPolicy",
        "failedJobsHistoryLimit",
        "schedule",
        "schedules",
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "suspend",
        "timezone",
        "workflowMetadata",
        "workflowSpec",
    }
)
_METADATA: Final = frozenset({"annotations", "finalizers", "labels"})
_LONGEST_NAME: Final = 52  # leaves 11 of a Workflow's 63 characters for the scheduled time
_KEPT_SUCCEEDED: Final = 3
_KEPT_FAILED: Final = 1


class CronSpecError(Exception):
    """A CronWorkflow is not valid; the text is Argo's."""


@dataclass(frozen=True, slots=True)
class CronSpec:
    """What a CronWorkflow asks for, beyond the Workflow that it makes.

    Args:
        schedules: When, without the time zone.
        timezone: Where; empty for UTC.
        suspend: Whether nothing is started.
        policy: The concurrencyPolicy; empty is Allow.
        deadline: The startingDeadlineSeconds; None if a missed run is lost.
        kept_succeeded: How many Workflows that succeeded stay.
        kept_failed: How many others that have ended stay.
    """

    schedules: tuple[str, ...]
    timezone: str
    suspend: bool
    policy: str
    deadline: int | None
    kept_succeeded: int
    kept_failed: int

    @property
    def zoned(self) -> tuple[str, ...]:
        """The schedules with the time zone before each."""
        prefix = f"CRON_TZ={self.timezone} " if self.timezone else ""
        return tuple(prefix + each for each in self.schedules)

    @property
    def stamp(self) -> str:
        """What Argo notes in an annotation to notice another schedule."""
        return ",".join(self.zoned)

    def parsed(self) -> tuple[Schedule, ...]:
        """Return the schedules.

        Raises:
            ScheduleError: The time zone is unknown, or one of the schedules has a zone too.
        """
        return tuple(parse_schedule(each) for each in self.zoned)


def read_spec(cron: Object) -> CronSpec:
    """Return what a CronWorkflow asks for; the schedules are not looked into.

    Args:
        cron: The CronWorkflow.

    Raises:
        CronSpecError: A field is of the wrong type; Argo logs such an object as malformed.
    """
    fields = cron["spec"]
    schedule = _typed(fields, "schedule", str) or ""
    return CronSpec(
        schedules=(schedule,) if schedule else _texts(fields),
        timezone=_typed(fields, "timezone", str) or "",
        suspend=_typed(fields, "suspend", bool) or False,
        policy=_typed(fields, "concurrencyPolicy", str) or "",
        deadline=_typed(fields, "startingDeadlineSeconds", int),
        kept_succeeded=_limit(fields, "successfulJobsHistoryLimit", _KEPT_SUCCEEDED),
        kept_failed=_limit(fields, "failedJobsHistoryLimit", _KEPT_FAILED),
    )


def check_support(cron: Object) -> None:
    """Refuse a CronWorkflow that asks for something that the local controller does not do.

    Args:
        cron: The CronWorkflow.

    Raises:
        UnsupportedError: It does; the text names the first such field.
    """
    for path, fields, known in (
        ("spec", cron["spec"], _FIELDS),
        ("spec.workflowMetadata", cron["spec"].get("workflowMetadata") or {}, _METADATA),
    ):
        for key, value in fields.items():
            if key not in known and value not in (None, "", False, [], {}):
                raise UnsupportedError(f"{path}.{key}")


def check_spec(cron: Object, spec: CronSpec) -> None:
    """Check a CronWorkflow as Argo does, but for the Workflow in it and for the time zone.

    Args:
        cron: The CronWorkflow.
        spec: What was read from it.

    Raises:
        CronSpecError: It is not valid.
    """
    name = cron["metadata"]["name"]
    if cron["spec"].get("schedule") and cron["spec"].get("schedules"):
        raise CronSpecError("cron workflow cant be configured with both Spec.Schedule and Spec.Schedules")
    if len(name) > _LONGEST_NAME:
        raise CronSpecError(
            f'cron workflow name "{name}" must not be more than 52 characters long (currently {len(name)})'
        )
    for schedule in spec.schedules:
        try:
            parse_schedule(schedule)
        except ScheduleError as error:
            raise CronSpecError(f"cron schedule {schedule} is malformed: {error}") from error
    if spec.policy not in _POLICIES:
        raise CronSpecError(f"'{spec.policy}' is not a valid concurrencyPolicy")
    if spec.deadline is not None and spec.deadline < 0:
        raise CronSpecError("startingDeadlineSeconds must be positive")


def _typed(fields: Object, name: str, kind: type) -> Any:
    value = fields.get(name)
    if value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
        raise CronSpecError(f"malformed cron workflow: spec.{name} is not of type {kind.__name__}")
    return value


def _texts(fields: Object) -> tuple[str, ...]:
    values = _typed(fields, "schedules", list) or []
    if not all(isinstance(each, str) for each in values):
        raise CronSpecError("malformed cron workflow: spec.schedules is not a list of strings")
    return tuple(values)


def _limit(fields: Object, name: str, default: int) -> int:
    """Return how many Workflows stay; a negative number stands for the default."""
    value: int | None = _typed(fields, name, int)
    return default if value is None or value < 0 else value
