"""When and how scheduled runs are started: the settings of ArgoScheduler."""

from traitlets import Enum, HasTraits, Integer

from nbargo_submitter.cronmanifest import DEFAULT_DEADLINE, DEFAULT_HISTORY, CronPolicy


class ScheduleTraits(HasTraits):
    """The settings of ArgoScheduler for schedules."""

    schedule_field = Enum(
        ["schedules", "schedule"],
        "schedules",
        config=True,
        help="""Which field of a CronWorkflow holds its schedule: `schedules` in Argo 3.6 and newer, `schedule` in 3.4
        and 3.5.""",
    )
    concurrency_policy = Enum(
        ["Forbid", "Allow", "Replace"],
        "Forbid",
        config=True,
        help="""What happens when a scheduled run is due while the one before still runs. `Forbid`: it waits for that
        one's end, for starting_deadline_seconds at most, and several that wait are one. `Allow`: both run. `Replace`:
        the one before is ended.""",
    )
    starting_deadline_seconds = Integer(
        DEFAULT_DEADLINE,
        min=0,
        config=True,
        help="""How late a scheduled run that was missed is still started, for example after an outage of Argo: one for
        each definition, however many were missed. 0: never.""",
    )
    successful_runs_kept = Integer(
        DEFAULT_HISTORY,
        min=0,
        config=True,
        help="""How many Workflows of a definition's runs that succeeded stay in the cluster, until workflow_ttl is over
        for them too. The list of jobs and the files do not depend on it.""",
    )
    failed_runs_kept = Integer(
        DEFAULT_HISTORY, min=0, config=True, help="As successful_runs_kept, for runs that failed or were stopped."
    )

    def cron_policy(self) -> CronPolicy:
        """Return what is set for schedules."""
        return CronPolicy(
            concurrency_policy=self.concurrency_policy,
            starting_deadline_seconds=self.starting_deadline_seconds,
            successful_history=self.successful_runs_kept,
            failed_history=self.failed_runs_kept,
            single_schedule=self.schedule_field == "schedule",
        )
