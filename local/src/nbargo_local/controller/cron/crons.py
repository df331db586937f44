"""The CronWorkflows of a store: what is remembered of each between two looks, and what a look writes.

As in Argo, three things happen to one. A change of it, and every 20 minutes nothing at all, catches up on a run that
was missed or puts the object into the cron engine anew. The engine starts a run when one is due, from the object that
was put there. And every ten seconds a look at its Workflows counts those that have ended and deletes old ones; here
that happens only when there is something to do, so that a clock which tests drive can leap from one time to the next.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from nbargo_local.api.statuses import ApiError
from nbargo_local.api.store import CRONWORKFLOWS, WORKFLOWS, Preconditions, Store
from nbargo_local.controller.clock import Clock
from nbargo_local.controller.cron.decisions import checked_spec, look_at_children, may_run, missed_time
from nbargo_local.controller.cron.family import child_of, children_of, reference_to
from nbargo_local.controller.cron.fields import ScheduleError
from nbargo_local.controller.cron.job import Job
from nbargo_local.controller.cron.spec import LAST_SCHEDULE_ANNOTATION, REPLACE, CronSpec, CronSpecError, read_spec
from nbargo_local.controller.cron.status import SPEC_ERROR, SUBMISSION_ERROR, CronStatus
from nbargo_local.controller.names import INSTANCE_LABEL, Object
from nbargo_local.controller.support import UnsupportedError
from nbargo_local.controller.tree import COMPLETED

_log: Final = logging.getLogger(__name__)

SYNC_PERIOD: Final = timedelta(seconds=10)
"""How often Argo looks at the Workflows of CronWorkflows (CRON_SYNC_PERIOD)."""

RESYNC_PERIOD: Final = timedelta(minutes=20)
"""How often Argo's informer hands out every CronWorkflow as if it had changed."""

_STOPPED_LABEL: Final = "cronworkflows.argoproj.io/completed"


@dataclass(slots=True)
class _Known:
    """What is remembered of a CronWorkflow.

    Args:
        seen: The uid and resourceVersion that were processed last.
        job: Its place in the cron engine; None if it has none.
        sync: When its Workflows are to be looked at; None if there is nothing to do.
        again: When it is to be processed though it has not changed; None for never.
        hold: Until when no missed run is tried again, after one that could not be submitted.
    """

    seen: tuple[str, str] = ("", "")
    job: Job | None = None
    sync: datetime | None = None
    again: datetime | None = None
    hold: datetime | None = None

    def wake(self) -> datetime | None:
        """Return when to look again if nothing happens before."""
        times = (self.job.next if self.job is not None else None, self.sync, self.again)
        return min((each for each in times if each is not None), default=None)


class CronWorkflows:
    """Argo's controller of CronWorkflows.

    Args:
        store: The objects.
        clock: The clock; the periods count from what it shows now.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._start = clock.now()
        self._known: dict[tuple[str, str], _Known] = {}

    def reconcile(self, namespace: str, name: str) -> datetime | None:
        """Do what is to be done for a CronWorkflow now.

        Args:
            namespace: Where it is.
            name: Its name; it need not exist any more.

        Returns:
            When to come back if neither it nor its Workflows change before; None for never.
        """
        cron = self._store.get(CRONWORKFLOWS, namespace, name)
        if cron is None or INSTANCE_LABEL in _labels(cron):
            self._known.pop((namespace, name), None)
            return None
        known = self._known.setdefault((namespace, name), _Known())
        now = self._clock.now()
        cron = self._sync(known, cron, now)  # first, for what has ended by now does not forbid a run
        self._process(known, cron, now)
        if known.job is not None and (due := known.job.take_due(now)) is not None:
            known.job.cron = self._run(known, known.job.cron, due, now)
        if known.again is None and known.job is not None and known.job.has_intervals:
            known.again = self._next_multiple(RESYNC_PERIOD, now)  # which begins its intervals anew
        return known.wake()

    def _process(self, known: _Known, cron: Object, now: datetime) -> None:
        """Take notice of a CronWorkflow that has changed, or that is to be processed again."""
        version = (cron["metadata"]["uid"], cron["metadata"]["resourceVersion"])
        changed = known.seen != version
        if not changed and (known.again is None or known.again > now):
            return
        same_object = known.seen[0] == version[0]
        known.seen, known.again = version, None
        if not same_object:
            known.job = known.hold = None
        if _labels(cron).get(_STOPPED_LABEL) == "true":
            known.job = None
            return
        try:
            self._schedule(known, cron, checked_spec(cron, now), now)
        except UnsupportedError as error:
            known.job = None
            self._refuse(cron, str(error))
        except CronSpecError as error:
            _log.warning("invalid cron workflow %s: %s", cron["metadata"]["name"], error)

    def _schedule(self, known: _Known, cron: Object, spec: CronSpec, now: datetime) -> None:
        """Catch up on a missed run, or else put the CronWorkflow into the cron engine."""
        job = known.job
        if job is not None and job.stamp == spec.stamp and job.is_due(now):
            job.cron = cron  # the run that is due takes the place of a missed one
            return
        try:
            missed = missed_time(cron, spec, now)
        except ScheduleError as error:
            _log.warning("could not run outstanding workflow of %s: %s", cron["metadata"]["name"], error)
            return
        if missed is not None:
            # Whatever comes of it, Argo leaves the engine as it is until the next change or resync.
            self._catch_up(known, cron, missed, now)
            return
        known.job = None
        try:
            known.job = Job.of(cron, spec, now)
        except ScheduleError as error:
            _log.warning("could not schedule cron workflow %s: %s", cron["metadata"]["name"], error)

    def _catch_up(self, known: _Known, cron: Object, missed: datetime, now: datetime) -> None:
        if known.hold is not None and now < known.hold:
            known.again = known.hold
            return
        known.again = self._next_multiple(RESYNC_PERIOD, now)
        self._run(known, cron, missed, now)

    def _refuse(self, cron: Object, why: str) -> None:
        status = CronStatus.of(cron).with_error(SPEC_ERROR, why)
        self._patch(cron, {"status": {"conditions": list(status.conditions or ())}})

    def _run(self, known: _Known, cron: Object, scheduled: datetime, now: datetime) -> Object:
        """Start a run that is due, if it may be, and write what came of it.

        Args:
            known: What is remembered of the CronWorkflow.
            cron: The object that the run is made from.
            scheduled: When it was due.
            now: The present time.

        Returns:
            The CronWorkflow as it is then.
        """
        before = status = CronStatus.of(cron)
        metadata = cron["metadata"]
        annotations = dict(metadata.get("annotations") or {})
        try:
            annotations[LAST_SCHEDULE_ANNOTATION] = read_spec(cron).stamp
            spec = checked_spec(cron, now)
        except (UnsupportedError, CronSpecError) as error:
            status = status.with_error(SPEC_ERROR, str(error))
        else:
            status = status.without(SPEC_ERROR)
            if may_run(spec, status):
                status = self._submit(cron, spec, status, scheduled)
        known.hold = self._next_multiple(SYNC_PERIOD, now) if status.failed > before.failed else None
        written = {"annotations": annotations or None, "labels": metadata.get("labels") or None}
        return self._patch(cron, {"status": status.whole(), "metadata": written})

    def _submit(self, cron: Object, spec: CronSpec, status: CronStatus, scheduled: datetime) -> CronStatus:
        namespace = cron["metadata"]["namespace"]
        if spec.policy == REPLACE:
            for reference in status.active:
                self._terminate(namespace, reference["name"])
        try:
            child = self._store.create(WORKFLOWS, namespace, child_of(cron, scheduled))
        except ApiError as error:
            if error.code == HTTPStatus.CONFLICT:
                return status  # this run was started before
            return status.with_error(SUBMISSION_ERROR, f"Failed to submit Workflow: {error.message}")
        return status.started(reference_to(child), scheduled)

    def _terminate(self, namespace: str, name: str) -> None:
        found = self._store.get(WORKFLOWS, namespace, name)
        if found is not None and (found.get("status") or {}).get("phase") not in COMPLETED:
            self._store.patch(WORKFLOWS, namespace, name, {"spec": {"shutdown": "Terminate"}})

    def _sync(self, known: _Known, cron: Object, now: datetime) -> Object:
        """Look at the Workflows of a CronWorkflow, if that is due, or note when it will be; return it as it is then."""
        try:
            found = look_at_children(cron, read_spec(cron), list(self._children(cron)))
        except CronSpecError as error:
            _log.warning("cron workflow %s cannot be synchronised: %s", cron["metadata"]["name"], error)
            known.sync = None
            return cron
        if not found:
            known.sync = None
        elif known.sync is None:
            known.sync = self._next_multiple(SYNC_PERIOD, now)
        elif known.sync <= now:
            known.sync = None
            for each in found.delete:
                self._delete(cron["metadata"]["namespace"], each)
            if found.status is not None:
                return self._patch(cron, {"status": found.status.counts()})
        return cron

    def _children(self, cron: Object) -> Iterator[Object]:
        yield from children_of(cron, self._store.list(WORKFLOWS, cron["metadata"]["namespace"]))

    def _delete(self, namespace: str, name: str) -> None:
        found = self._store.get(WORKFLOWS, namespace, name)
        if found is not None:
            wanted = Preconditions(uid=found["metadata"]["uid"])
            self._store.delete(WORKFLOWS, namespace, name, preconditions=wanted)

    def _patch(self, cron: Object, patch: Object) -> Object:
        """Write a part of a CronWorkflow; return it as it is then."""
        namespace, name = cron["metadata"]["namespace"], cron["metadata"]["name"]
        try:
            return self._store.patch(CRONWORKFLOWS, namespace, name, patch)
        except ApiError as error:
            _log.warning("cron workflow %s could not be updated: %s", name, error)
            return cron

    def _next_multiple(self, period: timedelta, now: datetime) -> datetime:
        """Return when a period that began with this controller ends next."""
        return self._start + ((now - self._start) // period + 1) * period


def _labels(cron: Object) -> Object:
    return cron["metadata"].get("labels") or {}
