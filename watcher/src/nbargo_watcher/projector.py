"""The projector: takes what the reflector reads and makes the rows say so.

Each batch is read, looked into, decided and written; if somebody else wrote in between, it is decided again. A call
that raised may be repeated with the same arguments: what was written already changes nothing the second time.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from types import TracebackType
from typing import Any, Final, Self

from anyio import CancelScope, current_time

from nbargo_shared.errors import DatabaseError, NbargoError, RecordError
from nbargo_shared.outcome import Outcome, State
from nbargo_watcher.attempts import may_have_run_again, tells_more
from nbargo_watcher.brake import CONFIRM_AFTER, Brake
from nbargo_watcher.checkpoints import Checkpoints
from nbargo_watcher.conditions import failed_runs
from nbargo_watcher.definitionfiles import DefinitionResolver
from nbargo_watcher.definitions import is_deleted_by_user, reconcile_definition, wants_file
from nbargo_watcher.evidence import Change, Evidence, of_object
from nbargo_watcher.model import Event, Observed
from nbargo_watcher.outcomes import OutcomeFiles
from nbargo_watcher.plan import Plan, Rules, put
from nbargo_watcher.reconcile import reconcile
from nbargo_watcher.reports import Reports
from nbargo_watcher.resolve import Resolver
from nbargo_watcher.resources import CRONWORKFLOWS
from nbargo_watcher.rows import Row
from nbargo_watcher.statements import DEFINITIONS, JOBS, Known
from nbargo_watcher.store import AnyChange, Checkpoint, Store, Version
from nbargo_watcher.tally import Tally
from nbargo_watcher.versions import Order, compare

BATCH: Final = 500
"""Rows of one transaction: a few milliseconds of SQLite, of the 50 that a transaction may take."""
_TRIES: Final = 8  # against other writers; each try takes milliseconds
_CHECKED: Final = 50  # absences of one list that are looked at one by one; for more the complete list is believed
_LOOKED_FOR: Final = 10  # the same of jobs that nobody has seen: lists and watches wait for their turn meanwhile
_SKEW: Final = 60_000  # milliseconds that two machines' clocks may be apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """The two clocks.

    Attributes:
        monotonic: Seconds, never going back: the reflector's clock, which reads `confirm_at`.
        wall: Seconds since 1970.
    """

    monotonic: Callable[[], float] = current_time
    wall: Callable[[], float] = time.time


class Projector:
    """Writes the rows of one user; implements `model.Sink`. An async context manager around its last checkpoint.

    Args:
        store: The open database.
        user: Value of the user label; objects with another are passed over.
        server: What identifies the API server and its data: another one's resourceVersions are not resumed from.
        resolver: Looks further where an object alone does not say what became of a job.
        definitions: Looks further where a CronWorkflow is gone, and has the definitions without one.
        files: The outcome files, for `sweep`.
        once: Whether this is a single run: a second list confirms a mass disappearance at once, and no checkpoint is
            written for its own sake.
        reports: Whom to tell.
        clocks: The clocks.
    """

    def __init__(  # noqa: PLR0913 - its collaborators, all by name
        self,
        *,
        store: Store,
        user: str,
        server: str,
        resolver: Resolver,
        definitions: DefinitionResolver,
        files: OutcomeFiles,
        once: bool = False,
        reports: Reports | None = None,
        clocks: Clocks | None = None,
    ) -> None:
        self._store = store
        self._user = user
        self._resolver = resolver
        self._definitions = definitions
        self._files = files
        self._reports = reports or Reports()
        self._clocks = clocks or Clocks()
        self._brake = Brake(confirm_after=0.0 if once else CONFIRM_AFTER)
        self._checkpoints = Checkpoints(
            store, identity=f"{server} {user}", keeps=not once, monotonic=self._clocks.monotonic
        )
        self._jobs_rules = Rules(table=JOBS, complete=resolver.complete, reconcile=reconcile)
        self._definition_rules = Rules(
            table=DEFINITIONS,
            complete=definitions.complete,
            reconcile=lambda *known: reconcile_definition(*known, now=self._now()),
        )
        self._listed_at: dict[str, int] = {}
        self._seen: dict[str, str] = {}
        self._rejected: dict[str, str] = {}
        self.tally = Tally()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What is lost with a database that cannot be written is a checkpoint: something is read again.
        with CancelScope(shield=True), suppress(DatabaseError):
            await self.close()

    @property
    def _unanswered(self) -> int:
        return self._resolver.unanswered + self._definitions.unanswered

    @property
    def degraded(self) -> str:
        """Why rows are held back; "" if none are."""
        return self._brake.degraded

    def confirm_at(self, scope: str) -> float | None:
        """Return from when, by the monotonic clock, another list is wanted to make sure of what one lacked, if any."""
        return self._brake.confirm_at(scope)

    async def checkpoint(self, scope: str) -> str | None:
        """Return the resourceVersion up to which the rows are true, or None if that is not known."""
        return await self._checkpoints.find(scope)

    async def page(self, scope: str, objects: Sequence[Observed]) -> None:
        """Take one page of a list that is under way."""
        ours = self._ours(objects)
        await self._take_failures(ours)
        await self._take(scope, (of_object(scope, observed) for observed in ours), None)

    async def listed(self, scope: str, *, uids: frozenset[str], resource_version: str, unread: int = 0) -> None:
        """Take the end of a complete list: what it lacks is gone. The checkpoint in the file waits for `sweep`."""
        unanswered = self._unanswered
        live, vanished = await self._diff(scope, uids)
        hold = self._brake.check(scope, live=live, vanished=len(vanished), now=self._clocks.monotonic())
        absent = () if hold else self._absences(scope, vanished, resource_version)
        if self._rules(scope) is self._jobs_rules:
            self._checkpoints.hold(scope)
        await self._take(scope, absent, self._checkpoint(scope, resource_version))
        self._brake.doubt(scope, is_doubtful=self._unanswered > unanswered, now=self._clocks.monotonic())
        if not hold and self._rules(scope) is self._jobs_rules:
            self._listed_at[scope] = 0 if unread else self._now()  # what cannot be read may be any job's

    async def events(self, scope: str, events: Sequence[Event], *, resource_version: str) -> None:
        """Take a batch of watch events and move the checkpoint in the same commit."""
        deleted = {id(event.observed): event.deleted for event in events}
        ours = self._ours([event.observed for event in events])
        await self._take_failures([observed for observed in ours if not deleted[id(observed)]])
        batch = (of_object(scope, observed, deleted=deleted[id(observed)]) for observed in ours)
        replayed = compare(resource_version, self._checkpoints.reached(scope)) is Order.OLDER
        await self._take(scope, batch, None if replayed else self._checkpoint(scope, resource_version))

    async def sweep(self) -> None:
        """Take the outcome files of jobs that have no Workflow to follow: ended and collected while nobody watched.

        They may never have been seen, or have been retried after the end that was seen.

        To be called after every scope was listed.

        Raises:
            ClusterError: The API server did not answer whether a Workflow is there after all.
            FilesError: The volume did not answer.
        """
        held, scan = self._checkpoints.held(), self._files.scan()
        held = {scope: mark for scope, mark in held.items() if not self._brake.doubts(scope)}
        looks = iter(range(_LOOKED_FOR))
        while job_ids := await scan.step():
            loaded = await self._store.load(JOBS, job_ids)
            wanted = [job_id for job_id in job_ids if _wants_file(loaded.known[job_id])]
            outcomes = await self._files.read(wanted)
            found = (self._of_outcome(outcome, loaded.known[job_id], looks) for job_id, outcome in outcomes.items())
            await self._take("", filter(None, found), None)
        await self._checkpoints.release(held)
        self.tally.commits += self._checkpoints.take_commits()

    async def again(self) -> int:
        """Take up what Argo's archive could not be asked about before, and return how many jobs are still left.

        Raises:
            NbargoError: As for `events`; what is left stays to be taken up.
        """
        waiting, self._resolver.postponed = self._resolver.postponed, {}
        try:
            await self._take("", waiting.values(), None)
        except BaseException:
            self._resolver.postponed = waiting | self._resolver.postponed
            raise
        return len(self._resolver.postponed)

    async def sweep_definitions(self) -> None:
        """Take the definition files of definitions that have no CronWorkflow.

        To be called after every scope of CronWorkflows was listed.

        Raises:
            FilesError: The volume did not answer.
        """
        scan = self._definitions.files.scan()
        while ids := await scan.step():
            known = (await self._store.load(DEFINITIONS, ids)).known
            records = await self._definitions.files.read(each for each in ids if wants_file(*known[each]))
            batch = (Evidence(job_id=each, definition=record) for each, record in records.items())
            await self._take("", batch, None, rules=self._definition_rules)

    async def beat(self, watcher: str) -> None:
        """Say in the database that this watcher lives; to be called every `tables.BEAT_INTERVAL` seconds."""
        if not self._store.dry_run:
            await self._store.beat(watcher, self._now())

    async def close(self) -> None:
        """Write the checkpoint that was kept in memory, if it is worth a commit."""
        await self._checkpoints.close()

    async def _take_failures(self, objects: Sequence[Observed]) -> None:
        """Take the runs that Argo could not start, as CronWorkflows say: each once, whatever has become of its row."""
        found: dict[str, tuple[str, Evidence]] = {}
        for observed in objects:
            if observed.cron is not None and observed.cron.conditions:
                try:
                    runs = failed_runs(observed, now=self._now())
                except RecordError as error:
                    self._reject(observed, error)
                else:
                    found |= {run.job_id: (observed.definition_id, run) for run in runs}
        if found:
            runs_known = (await self._store.load(JOBS, found)).known
            known = (await self._store.load(DEFINITIONS, {owner for owner, _ in found.values()})).known
            fresh = (
                run
                for owner, run in found.values()
                if runs_known[run.job_id] == (None, None) and not is_deleted_by_user(*known[owner])
            )
            await self._take("", fresh, None, rules=self._jobs_rules)

    async def _take(
        self, scope: str, batch: Iterable[Evidence], checkpoint: Checkpoint | None, *, rules: Rules[Any] | None = None
    ) -> None:
        rules = rules or self._rules(scope)
        remaining = iter(batch)
        step = list(islice(remaining, BATCH))
        while step:
            following = list(islice(remaining, BATCH))
            await self._apply(rules, scope, step, None if following else checkpoint)
            step = following
        if checkpoint is not None:
            await self._checkpoints.advance(scope, checkpoint)
            self.tally.commits += self._checkpoints.take_commits()

    async def _apply(self, rules: Rules[Any], scope: str, batch: list[Evidence], checkpoint: Checkpoint | None) -> None:
        looked_at = len(batch)
        for _ in range(_TRIES):
            loaded = await self._store.load(rules.table, {item.job_id for item in batch})
            batch = await rules.complete(batch, loaded.known)
            plan = Plan(rules, loaded, self._seen)
            changes = plan.decide(batch)
            if self._store.dry_run:
                self._store.plan(rules.table, changes)
                break
            if not changes or await self._commit(scope, changes, checkpoint, loaded.version):
                break
        else:
            raise DatabaseError("Other programs keep writing to the database", hint="It is tried again")
        self._settle(plan, changes, looked_at)

    async def _commit(
        self, scope: str, changes: list[AnyChange], checkpoint: Checkpoint | None, version: Version
    ) -> bool:
        checkpoint = self._checkpoints.writable(checkpoint)
        if not await self._store.commit(changes, checkpoint, version=version):
            return False
        self.tally.commits += 1
        self._checkpoints.committed(scope, checkpoint)
        return True

    def _settle(self, plan: Plan[Any], changes: list[AnyChange], looked_at: int) -> None:
        """Count and report what is written now."""
        for uid, version in plan.unchanged.items():
            put(self._seen, uid, version)
        for change in changes:
            self._seen.pop(change.projected.uid, None)
            if not change.is_visible:
                continue
            if isinstance(change, Change):
                self._reports.change(change)
            else:
                self._reports.definition(change)
        for observed, error in plan.rejected:
            self._reject(observed, error)
        self.tally.unresolved = self._resolver.unresolved + self._definitions.unresolved
        self.tally.count(changes, looked_at=looked_at - len(plan.rejected))

    def _reject(self, observed: Observed, error: NbargoError) -> None:
        """Report an object whose record is not valid, once for each of its versions."""
        if self._rejected.get(observed.uid) != observed.resource_version:
            put(self._rejected, observed.uid, observed.resource_version)
            self._reports.quarantined(observed, error)
            self.tally.quarantined += 1

    def _rules(self, scope: str) -> Rules[Any]:
        is_cron = scope.startswith(f"{CRONWORKFLOWS.plural}/")
        return self._definition_rules if is_cron else self._jobs_rules

    def _checkpoint(self, scope: str, resource_version: str) -> Checkpoint | None:
        """Return the checkpoint to write, or None while rows are held back: a restart has to list again."""
        if self._brake.holds(scope):
            return None
        return self._checkpoints.make(scope, resource_version)

    def _ours(self, objects: Sequence[Observed]) -> list[Observed]:
        """Return the objects that stand for this user's jobs and definitions.

        A copy by `argo resubmit` has the original's job id; one of a scheduled run is a run with a uid of its own.
        """
        ours = [
            item
            for item in objects
            if item.user == self._user and item.key and (item.scheduled or not item.resubmitted)
        ]
        self.tally.ignored += len(objects) - len(ours)
        return ours

    async def _diff(self, scope: str, uids: frozenset[str]) -> tuple[int, list[tuple[str, str]]]:
        """Return how many rows of a scope have not ended, and which of them are not among *uids*."""
        live, vanished, after = 0, [], ""
        table = self._rules(scope).table
        while page := await self._store.live(table, scope, after=after, limit=BATCH):
            live += len(page)
            vanished += [(job_id, uid) for job_id, uid in page if uid not in uids]
            after = page[-1][0]
        return live, vanished

    def _absences(self, scope: str, vanished: list[tuple[str, str]], resource_version: str) -> Iterable[Evidence]:
        for place, (job_id, uid) in enumerate(vanished):
            yield Evidence(
                job_id=job_id,
                scope=scope,
                gone=True,
                uid=uid,
                resource_version=resource_version,
                checked=place >= _CHECKED,
            )

    def _of_outcome(self, outcome: Outcome, known: Known[Row], looks: Iterator[object]) -> Evidence | None:
        """Return the evidence that an outcome file is, if it tells of what no row knows of a run that may be over.

        Args:
            outcome: What it says.
            known: The job's row, and what is remembered of it.
            looks: As many items as runs that did not say how they ended may still be looked for in the cluster.
        """
        row, projected = known
        if projected is None:
            told = outcome.state in {State.COMPLETED, State.FAILED}
            orphan = Evidence(job_id=outcome.job_id, gone=True, uid=outcome.workflow_uid, outcome=outcome, looked=told)
            return replace(orphan, checked=told or next(looks, None) is None) if self._is_over(outcome) else None
        version = self._checkpoints.reached(projected.scope)
        if not tells_more(row, projected, outcome) or bool(projected.scope) > bool(version):
            return None
        # Whether it is gone is asked: a retry that is under way has left its file, too.
        return Evidence(
            job_id=outcome.job_id, gone=True, uid=outcome.workflow_uid, resource_version=version, checked=False
        )

    def _is_over(self, outcome: Outcome) -> bool:
        """Return whether a run without a Workflow can be said to have ended.

        A running one's Workflow was there before its pod; so it is gone if a list that was complete well after the pod
        began does not have it.
        """
        if outcome.state is not State.RUNNING:
            return True
        listed_at = min(self._listed_at.values(), default=0)
        return outcome.started_at < listed_at - _SKEW

    def _now(self) -> int:
        return int(self._clocks.wall() * 1000)


def _wants_file(known: Known[Row]) -> bool:
    """Return whether an outcome file may tell more than is known: of an orphan, or of a retry that nobody saw.

    An orphan has no Workflow that is followed: never seen, or a row without any memory of it.
    """
    row, projected = known
    orphan = projected is None and (row is None or not row.is_terminal)
    return orphan or may_have_run_again(row, projected)
