"""The watcher that runs for as long as the lab does.

A supervisor starts again whatever ends: there is no error after which the watcher gives up. What cannot be mended by
waiting is said in the log, in the metrics and by /readyz, and tried again all the same.
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import anyio

from nbargo_shared.errors import DatabaseError, NbargoError
from nbargo_shared.tables import BEAT_INTERVAL
from nbargo_watcher import parts
from nbargo_watcher.delivery import REOPEN
from nbargo_watcher.parts import Ground, Work
from nbargo_watcher.settings import Settings
from nbargo_watcher.source import Timing
from nbargo_watcher.store import wait_for_database

RESTART_BASE: Final = 1.0
RESTART_CAP: Final = 30.0
"""Seconds between two starts of a task that keeps ending."""
GRACE: Final = 1.4
"""Seconds from the signal to the end of the process, whatever a disk or a volume may be doing; on a busy machine the
end itself takes some tenths of a second, and it is to be there within two. SQLite's journal makes an end in the middle
of a commit harmless: it is done or not done, and the checkpoint is part of it."""
AGAIN: Final = (30.0, 60.0)
"""Range of seconds from which the time is drawn after which an archive that did not answer is asked again."""
STABLE: Final = 60.0
"""Seconds after which a task that ended is started as if for the first time."""


async def run(settings: Settings, environ: Mapping[str, str], *, timing: Timing | None = None) -> None:
    """Follow the cluster until a signal comes, or standard input ends if the settings say so.

    Args:
        settings: What to do.
        environ: The process's environment.
        timing: Deadlines and intervals.

    Raises:
        ConfigError: There is no cluster to be found.
    """
    async with parts.ground(settings, environ, timing=timing or Timing()) as ground, anyio.create_task_group() as tasks:
        tasks.start_soon(_end_on_signal, tasks.cancel_scope, ground)
        if settings.until_eof:
            _end_on_eof(tasks.cancel_scope, ground)
        if settings.health_port:
            from nbargo_watcher import health  # noqa: PLC0415 - memory that only those pay who ask for it

            tasks.start_soon(supervise, "health", lambda: health.serve(ground), ground)
        ground.log.info(
            "watching", server=ground.connection.url, namespaces=list(ground.settings.namespaces), user=settings.user
        )
        if settings.user_guessed:
            ground.log.warning("user", user=settings.user, why="NBARGO_USER is not set: this is the login name's label")
        await anyio.sleep(ground.rng.uniform(0.0, settings.start_jitter))
        await supervise("session", lambda: _session(ground), ground)


async def supervise(name: str, task: Callable[[], Awaitable[object]], ground: Ground) -> None:
    """Run a task for ever: whenever it ends, for whatever reason, start it again.

    Args:
        name: What it is called in the log.
        task: What to run.
        ground: Where to say that it ended.

    Raises:
        DatabaseError: The database has to be opened anew; raised to the session, which is started again.
    """
    failures = 0
    while True:
        began = anyio.current_time()
        try:
            await task()
            reason = "it ended"
        except (anyio.get_cancelled_exc_class(), KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as caught:  # libraries end tasks by BaseExceptions of their own, too
            error = leaf(caught)
            if isinstance(error, REOPEN) and name != "session":
                raise error from caught
            reason = str(error) if isinstance(error, NbargoError) else f"{type(error).__name__}: {error}"
            if not isinstance(error, NbargoError):
                ground.log.exception("bug", task=name, exc_info=error)
        failures = 1 if anyio.current_time() - began >= STABLE else failures + 1
        delay = ground.rng.uniform(0.5, 1.0) * min(RESTART_CAP, RESTART_BASE * 2.0 ** min(failures - 1, 10))
        ground.telemetry.degrade(f"task {name}", reason)
        ground.log.warning("restarting", task=name, why=reason, wait=round(delay, 2))
        await anyio.sleep(delay)
        ground.telemetry.degrade(f"task {name}", "")


def leaf(error: BaseException) -> BaseException:
    """Return the first error of a group that is no group itself: what began it all."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _session(ground: Ground) -> None:
    """Follow the cluster into one database file, until that is replaced."""
    settings = ground.settings

    def waiting(error: DatabaseError) -> None:
        ground.telemetry.degrade("database", str(error))
        ground.log.info("waiting for the database", why=str(error))

    await wait_for_database(settings.database, on_wait=waiting)
    ground.telemetry.degrade("database", "")
    async with parts.work(ground) as work, anyio.create_task_group() as tasks:
        for reflector in (*work.reflectors, *work.cron_reflectors):
            tasks.start_soon(supervise, reflector.scope, reflector.run, ground)
        tasks.start_soon(supervise, "sweep", lambda: _sweep(ground, work), ground)
        tasks.start_soon(supervise, "definitions", lambda: _sweep_definitions(ground, work), ground)
        if settings.archive:
            tasks.start_soon(supervise, "archive", lambda: _ask_again(ground, work), ground)
        tasks.start_soon(supervise, "heartbeat", lambda: _beat(ground, work), ground)


async def _ask_again(ground: Ground, work: Work) -> None:
    """Ask Argo's archive again about the jobs for which it did not answer."""
    while True:
        await anyio.sleep(ground.rng.uniform(*AGAIN))
        ground.telemetry.moved("archive")
        if not await work.projector.again():
            ground.telemetry.degrade("archive", "")


async def _beat(ground: Ground, work: Work) -> None:
    """Say in the database that this watcher lives, for as long as it does."""
    watcher = f"{socket.gethostname()}:{os.getpid()}"
    try:
        while True:
            ground.telemetry.degrade("rows", work.projector.degraded)
            await work.projector.beat(watcher)
            ground.telemetry.moved("heartbeat")
            await anyio.sleep(BEAT_INTERVAL)
    finally:
        with anyio.move_on_after(GRACE / 2, shield=True):
            await _say_goodbye(ground, work, watcher)


async def _say_goodbye(ground: Ground, work: Work, watcher: str) -> None:
    if ground.settings.dry_run:
        return
    try:
        await work.store.end_beat(watcher)
    except DatabaseError as error:
        ground.log.debug("heartbeat", error=str(error))


async def _sweep(ground: Ground, work: Work) -> None:
    """Look through the outcome files after every stream was listed, after each later list, and now and then.

    A list that was not due takes the place of lost events, and a workflow may have come and gone among them.
    """
    for reflector in work.reflectors:
        await reflector.caught_up.wait()
    while True:
        work.listed.mute()
        await work.projector.sweep()
        ground.telemetry.moved("sweep")
        with anyio.move_on_after(ground.rng.uniform(*ground.timing.relist)):
            await work.listed.heard()


async def _sweep_definitions(ground: Ground, work: Work) -> None:
    """Look through the definition files after every stream of definitions was listed, and then now and then."""
    for reflector in work.cron_reflectors:
        await reflector.caught_up.wait()
    while True:
        await work.projector.sweep_definitions()
        ground.telemetry.moved("definitions")
        await anyio.sleep(ground.rng.uniform(*ground.timing.relist))


async def _end_on_signal(scope: anyio.CancelScope, ground: Ground) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            _end(scope, ground, why=signal.Signals(number).name)
            return


def _end_on_eof(scope: anyio.CancelScope, ground: Ground) -> None:
    import asyncio  # noqa: PLC0415 - for this thread's way back alone

    loop = asyncio.get_running_loop()

    def read() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        loop.call_soon_threadsafe(lambda: _end(scope, ground, why="standard input ended"))

    # A daemon thread: nothing else can wait for a file, a pipe and a terminal alike, and it must not hold up the end.
    threading.Thread(target=read, name="stdin", daemon=True).start()


def _end(scope: anyio.CancelScope, ground: Ground, *, why: str) -> None:
    ground.log.info("ending", why=why)
    limit = threading.Timer(GRACE, os._exit, [0])
    limit.daemon = True
    limit.start()
    scope.cancel()
