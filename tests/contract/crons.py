"""The CronWorkflows that Argo's controller and the local one both run: what a case is made of, and the table of them.

A case lives for two whole minutes of the clock. What it does between them happens when Argo has looked at its Workflows
after a minute, which it does every ten seconds. Workflows are without processes: those are compared elsewhere. `@T-3@`
stands for the time three minutes before the first of the two, `@M-3@` for that time's minute of the hour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection

Object = dict[str, Any]

PREFIX: Final = "story-"
EVERY_MINUTE: Final = "* * * * *"
NEW_YEAR: Final = "0 0 1 1 *"
TEN_MINUTES_AGO: Final = "@M-10@ * * * *"
NOTED_SCHEDULE: Final = "cronworkflows.argoproj.io/last-used-schedule"


@dataclass(frozen=True, slots=True)
class Merge:
    """Apply a JSON merge patch to the CronWorkflow."""

    patch: Object


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the CronWorkflow."""


@dataclass(frozen=True, slots=True)
class ByHand:
    """Create a Workflow that belongs to the CronWorkflow, without its schedule."""


Action = Merge | Delete | ByHand


@dataclass(frozen=True, slots=True)
class CronCase:
    """One CronWorkflow and what happens to it.

    Args:
        name: Unique; part of the CronWorkflow's name.
        spec: Its spec.
        metadata: Labels and annotations.
        status: The status that it is created with.
        then: What happens after the first minute.
        later: What happens after the second minute.
        differs: Why the local controller tells another story; empty if it tells the same.
    """

    name: str
    spec: Object
    metadata: Object = field(default_factory=dict)
    status: Object = field(default_factory=dict)
    then: tuple[Action, ...] = ()
    later: tuple[Action, ...] = ()
    differs: str = ""

    @property
    def cron(self) -> str:
        """The CronWorkflow's name."""
        return PREFIX + self.name


def _pause(**pause: str) -> Object:
    return {"entrypoint": "main", "templates": [{"name": "main", "suspend": pause}]}


SUCCEEDS: Final = _pause(duration="1")
ENDLESS: Final = _pause()
FAILS: Final = {**ENDLESS, "activeDeadlineSeconds": 1}


def spec(*schedules: str, workflow: Object = SUCCEEDS, **more: Any) -> Object:
    """Return a spec; without schedules, one of every minute."""
    return {"schedules": list(schedules or (EVERY_MINUTE,)), "workflowSpec": workflow, **more}


def change(**changed: Any) -> tuple[Merge]:
    return (Merge({"spec": changed}),)


def outage(name: str, noted: str = TEN_MINUTES_AGO, **more: Any) -> CronCase:
    """Return the case of a run that was due ten minutes ago, when nobody was there to start it."""
    status = {"lastScheduledTime": "@T-190@", "succeeded": 7, "phase": "Active"}
    return CronCase(name, spec(TEN_MINUTES_AGO, **more), {"annotations": {NOTED_SCHEDULE: noted}}, status)


METADATA: Final = {
    "labels": {
        "own": "label",
        "workflows.argoproj.io/creator": "ada",
        "workflows.argoproj.io/creator-email": "ada.at.example",
        "workflows.argoproj.io/creator-preferred-username": "ada",
    },
    "annotations": {"own": "annotation"},
}
WORKFLOW_METADATA: Final = {"labels": {"job": "7"}, "annotations": {"note": "{{workflow.name}}"}}
PARAMETER: Final = {"name": "when", "value": "{{workflow.scheduledTime}}"}

CASES: Final = (
    # What a run is made of.
    CronCase("metadata", spec(workflowMetadata=WORKFLOW_METADATA), METADATA),
    CronCase("singular", {"schedule": EVERY_MINUTE, "workflowSpec": SUCCEEDS}),
    CronCase("time-zone", spec(timezone="Asia/Kolkata")),
    CronCase("parameter", spec(workflow={**SUCCEEDS, "arguments": {"parameters": [PARAMETER]}})),
    CronCase("two-schedules", spec(EVERY_MINUTE, NEW_YEAR)),
    CronCase("no-schedule", {"workflowSpec": SUCCEEDS}),
    # What stays.
    CronCase("success-history", spec(successfulJobsHistoryLimit=1)),
    CronCase("no-success-history", spec(successfulJobsHistoryLimit=0)),
    CronCase("failure-history", spec(workflow=FAILS)),
    CronCase("no-failure-history", spec(workflow=FAILS, failedJobsHistoryLimit=0)),
    CronCase("held-history", spec(successfulJobsHistoryLimit=0, workflowMetadata={"finalizers": ["example.org/held"]})),
    # What runs at the same time.
    CronCase("allow", spec(workflow=ENDLESS, concurrencyPolicy="Allow")),
    CronCase("forbid", spec(workflow=ENDLESS, concurrencyPolicy="Forbid")),
    CronCase("forbid-after-the-end", spec(concurrencyPolicy="Forbid")),
    CronCase("replace", spec(workflow=ENDLESS, concurrencyPolicy="Replace")),
    CronCase("by-hand", spec(workflow=ENDLESS), then=(ByHand(),)),
    CronCase(
        "by-hand-forbids",
        spec(workflow=ENDLESS, concurrencyPolicy="Forbid", suspend=True),
        then=(ByHand(), *change(suspend=False)),
    ),
    # Pauses and outages.
    CronCase("pause", spec(), then=change(suspend=True), later=change(suspend=None)),
    CronCase(
        "pause-with-deadline",
        spec(startingDeadlineSeconds=3600),
        then=change(suspend=True),
        later=change(suspend=False),
    ),
    CronCase("paused-run-goes-on", spec(workflow=ENDLESS, concurrencyPolicy="Replace"), then=change(suspend=True)),
    outage("outage"),
    outage("outage-within-deadline", startingDeadlineSeconds=3600),
    outage("outage-beyond-deadline", startingDeadlineSeconds=60),
    outage("outage-of-another-schedule", NEW_YEAR, startingDeadlineSeconds=3600),
    outage("outage-while-suspended", startingDeadlineSeconds=3600, suspend=True),
    CronCase("stopped", spec(), {"labels": {"cronworkflows.argoproj.io/completed": "true"}}),
    CronCase("stopped-by-phase", spec(), status={"phase": "Stopped"}),
    CronCase("of-another-controller", spec(), {"labels": {"workflows.argoproj.io/controller-instanceid": "other"}}),
    # Edits.
    CronCase("schedule-edited-away", spec(startingDeadlineSeconds=3600), then=change(schedules=[NEW_YEAR])),
    CronCase("schedule-edited", spec(NEW_YEAR, startingDeadlineSeconds=3600), then=change(schedules=[EVERY_MINUTE])),
    CronCase("time-zone-edited", spec(startingDeadlineSeconds=3600), then=change(timezone="Asia/Tokyo")),
    CronCase("workflow-edited", spec(workflow=ENDLESS), then=change(workflowSpec=SUCCEEDS)),
    CronCase("labels-edited", spec(), then=(Merge({"metadata": {"labels": {"x": "1"}, "annotations": {"y": "2"}}}),)),
    CronCase("deleted", spec(workflow=ENDLESS), then=(Delete(),)),
    # What is not valid.
    CronCase("invalid-schedule", spec("61 * * * *")),
    CronCase("invalid-schedule-edited", spec(), then=change(schedules=["61 * * * *"])),
    CronCase("invalid-schedule-mended", spec("61 * * * *"), then=change(schedules=[EVERY_MINUTE])),
    CronCase("invalid-time-zone", spec(timezone="Mars/Base")),
    CronCase("invalid-time-zone-edited", spec(), then=change(timezone="Mars/Base")),
    CronCase("invalid-both-schedules", spec(schedule=EVERY_MINUTE)),
    CronCase("invalid-policy", spec(concurrencyPolicy="Perhaps")),
    CronCase("invalid-deadline", spec(startingDeadlineSeconds=-1)),
    CronCase("invalid-long-name-" + 29 * "x", spec()),
    CronCase("invalid-workflow", spec(workflow={**SUCCEEDS, "entrypoint": "nobody"})),
    CronCase("invalid-workflow-edited", spec(), then=change(workflowSpec={"entrypoint": "nobody"})),
    CronCase("malformed", spec(startingDeadlineSeconds="an hour")),
    CronCase("not-submitted", spec(workflowMetadata={"labels": {"job": "not a label"}})),
    CronCase(
        "not-submitted-until-mended",
        spec(workflowMetadata={"labels": {"job": "not a label"}}),
        then=change(workflowMetadata={"labels": {"job": "7"}}),
    ),
    # What the local controller does not do.
    CronCase(
        "unsupported-stop-strategy",
        spec(stopStrategy={"expression": "cronworkflow.succeeded >= 1"}),
        differs="A `stopStrategy` is refused: there is no interpreter of Argo's expressions here.",
    ),
    CronCase(
        "unsupported-when",
        spec(when="1 == 2"),
        differs="A `when` is refused: there is no interpreter of Argo's expressions here.",
    ),
)


def named(names: Collection[str]) -> list[CronCase]:
    """Return the cases of some names; all of them for no names."""
    return [case for case in CASES if not names or case.name in names]
