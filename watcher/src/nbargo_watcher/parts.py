"""Puts the watcher together: connection, sources, reflectors, store and projector, as the settings say."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import anyio
import structlog

from nbargo_shared.errors import ClusterMissingError, NbargoError
from nbargo_watcher.archive import Archive, Files
from nbargo_watcher.budget import SINGLE, Budget, Purse
from nbargo_watcher.connection import Choice, Connection, connect
from nbargo_watcher.decide import Decision, Happened
from nbargo_watcher.definitionfiles import DefinitionFiles, DefinitionResolver
from nbargo_watcher.definitionrows import DefinitionChange, DefinitionRow
from nbargo_watcher.evidence import Change
from nbargo_watcher.model import Observed
from nbargo_watcher.outcomes import OutcomeFiles
from nbargo_watcher.projector import Projector
from nbargo_watcher.reflector import Hooks, Reflector
from nbargo_watcher.reports import Reports
from nbargo_watcher.resolve import Resolver
from nbargo_watcher.resources import CRONWORKFLOWS, WORKFLOWS, Resource
from nbargo_watcher.settings import Settings
from nbargo_watcher.source import Source, Timing, new_session
from nbargo_watcher.store import Store
from nbargo_watcher.telemetry import Telemetry

OnChange = Callable[[Change | DefinitionChange], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What lasts as long as the process.

    Attributes:
        settings: What to do.
        connection: The API server.
        session: HTTP.
        telemetry: The counters.
        timing: Deadlines and intervals.
        rng: All randomness.
        log: Where to write.
    """

    settings: Settings
    connection: Connection
    session: aiohttp.ClientSession
    telemetry: Telemetry = field(default_factory=Telemetry)
    timing: Timing = field(default_factory=Timing)
    rng: random.Random = field(default_factory=random.SystemRandom)
    budget: Budget = field(default_factory=Budget)
    log: Any = field(default_factory=structlog.get_logger)


@asynccontextmanager
async def ground(settings: Settings, environ: Mapping[str, str], *, timing: Timing) -> AsyncIterator[Ground]:
    """Find the API server and open the session.

    Args:
        settings: What to do.
        environ: The process's environment.
        timing: Deadlines and intervals.

    Raises:
        ConfigError: There is no cluster to be found.
    """
    connection = await connect(Choice(kubeconfig=settings.kubeconfig, context=settings.context), environ)
    if not settings.namespaces:
        settings = replace(settings, namespaces=(connection.namespace,))
    async with new_session(timing) as session:
        yield Ground(settings=settings, connection=connection, session=session, timing=timing)


class Bell:
    """Says that something has happened since it was last muted; it never says what."""

    def __init__(self) -> None:
        self._rung = anyio.Event()

    def ring(self) -> None:
        """Say so."""
        self._rung.set()

    def mute(self) -> None:
        """Forget what has happened up to now."""
        self._rung = anyio.Event()

    async def heard(self) -> None:
        """Wait until something has happened."""
        await self._rung.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What lasts as long as the database is the same file.

    Attributes:
        reflectors: Of jobs: one for each namespace.
        cron_reflectors: Of definitions: one for each namespace.
        projector: The sink of them all.
        store: The database.
        listed: Rings when one of the reflectors has completed a list.
    """

    reflectors: tuple[Reflector, ...]
    cron_reflectors: tuple[Reflector, ...]
    projector: Projector
    store: Store
    listed: Bell


class Sources:
    """The sources of one resource in all namespaces; looks at one object again, for the projector.

    Args:
        ground: What they stand on.
        resource: What they read.
    """

    def __init__(self, ground: Ground, resource: Resource) -> None:
        self.by_namespace = {
            namespace: Source(
                session=ground.session,
                connection=ground.connection,
                budget=ground.budget,
                resource=resource,
                namespace=namespace,
                user=ground.settings.user,
                timing=ground.timing,
                telemetry=ground.telemetry,
            )
            for namespace in ground.settings.namespaces
        }

    async def get(self, namespace: str, name: str) -> Observed | None:
        """Return an object as it is now, or None if it is gone; in any namespace if *namespace* is "".

        Raises:
            ClusterError: The question could not be answered.
        """
        if not namespace:
            found = [await source.get(name) for source in self.by_namespace.values()]
            return next(filter(None, found), None)
        source = self.by_namespace.get(namespace)
        if source is None:
            raise ClusterMissingError(f"The namespace '{namespace}' is not among those that are followed")
        return await source.get(name)


@asynccontextmanager
async def work(
    ground: Ground,
    *,
    on_page: Callable[[int], None] = lambda _: None,
    on_change: OnChange = lambda _: None,
) -> AsyncIterator[Work]:
    """Open the database and make the reflectors.

    Args:
        ground: What to stand on.
        on_page: Told how many objects each page of a list held.
        on_change: Told of each change of a row of jobs or definitions.

    Raises:
        DatabaseError: The database cannot be opened.
    """
    settings = ground.settings
    workflows, crons = Sources(ground, WORKFLOWS), Sources(ground, CRONWORKFLOWS)
    files = OutcomeFiles(settings.staging)
    definitions = DefinitionResolver(
        files=DefinitionFiles(settings.staging), objects=Resolver(user=settings.user, files=files, cluster=crons)
    )
    async with (
        Store(settings.database, dry_run=settings.dry_run, rebuild=settings.rebuild) as store,
        Projector(
            store=store,
            user=settings.user,
            server=ground.connection.url,
            resolver=Resolver(user=settings.user, files=files, cluster=workflows, archive=_archive(ground)),
            definitions=definitions,
            files=files,
            once=settings.once,
            reports=_reports(ground, on_change),
        ) as projector,
    ):
        listed = Bell()
        hooks = Hooks(
            decided=lambda *told: _log_decision(ground, *told),
            quarantined=lambda *told: _log_poison(ground, *told),
            page=on_page,
            listed=listed.ring,
            confirm_at=projector.confirm_at,
        )
        purses = {namespace: Purse() for namespace in ground.settings.namespaces}
        yield Work(
            reflectors=_reflectors(ground, workflows, projector, hooks, purses),
            cron_reflectors=_reflectors(ground, crons, projector, hooks, purses, follows=True),
            projector=projector,
            store=store,
            listed=listed,
        )


def _archive(ground: Ground) -> Callable[[str], Awaitable[Observed | None]] | None:
    settings = ground.settings
    if not settings.archive:
        return None
    files = Files(token=settings.archive_token_file, ca=settings.archive_ca_file)
    archive = Archive(
        session=ground.session,
        place=Connection(url=settings.archive, namespace="", reader=files),
        cluster=ground.connection,
        user=settings.user,
        budget=ground.budget,
        timing=ground.timing,
        telemetry=ground.telemetry,
    )
    return archive.find


def _reflectors(
    ground: Ground,
    sources: Sources,
    projector: Projector,
    hooks: Hooks,
    purses: Mapping[str, Purse],
    *,
    follows: bool = False,
) -> tuple[Reflector, ...]:
    return tuple(
        Reflector(
            source=source,
            sink=projector,
            timing=ground.timing,
            telemetry=ground.telemetry,
            rng=ground.rng,
            hooks=hooks,
            purse=Purse(SINGLE) if ground.settings.once else purses[namespace],
            finite=ground.settings.once,
            follows=follows and not ground.settings.once,
        )
        for namespace, source in sources.by_namespace.items()
    )


def _reports(ground: Ground, on_change: OnChange) -> Reports:
    write = ground.log.bind().info  # bound once: for each line it takes as long as writing it

    def changed(change: Change) -> None:
        kind = "added" if change.before is None else "changed"
        ground.telemetry.changes[kind] += 1
        if change.ends:
            ground.telemetry.resolved[change.source.value] += 1
        on_change(change)
        before = change.before.status if change.before else None
        write(
            "would change" if ground.settings.dry_run else "row",
            job=change.job_id,
            was=before,
            now=change.row.status,
            why=change.why,
            source=change.source.value,
        )

    def definition(change: DefinitionChange) -> None:
        ground.telemetry.definitions[change.kind] += 1
        on_change(change)
        write(
            "would change" if ground.settings.dry_run else "row",
            definition=change.job_id,
            was=state_of(change.before),
            now=state_of(change.row),
            why=change.why,
        )

    def quarantined(observed: Observed, error: NbargoError) -> None:
        ground.telemetry.quarantined += 1
        said = "workflow set aside" if observed.cron is None else "cron workflow set aside"
        ground.log.warning(said, workflow=observed.name, uid=observed.uid, why=str(error))

    return Reports(change=changed, definition=definition, quarantined=quarantined)


def state_of(row: DefinitionRow | None) -> str | None:
    """Return in a few words what a definition's row says; None if there is none."""
    if row is None:
        return None
    if row.schedule is None:
        return "without a schedule"
    return f"{'active' if row.active else 'paused'}, {row.schedule} {row.timezone or ''}".rstrip()


def _log_decision(ground: Ground, scope: str, happened: Happened, decision: Decision) -> None:
    write = ground.log.warning if decision.degraded else ground.log.debug
    write(
        "cluster",
        stream=scope,
        happened=happened.fault.what.value,
        said=happened.fault.message,
        then=decision.action.value,
        wait=round(decision.delay, 2),
    )


def _log_poison(ground: Ground, scope: str, name: str, why: str) -> None:
    ground.log.warning("object set aside", stream=scope, object=name, why=why)
