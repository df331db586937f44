"""`watcher --once`: make the rows true, say what was done, and end."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Final, TextIO

from nbargo_shared.errors import ClusterError, FilesError
from nbargo_watcher import parts
from nbargo_watcher.definitionrows import DefinitionChange
from nbargo_watcher.evidence import Change
from nbargo_watcher.exits import Exit
from nbargo_watcher.projector import Projector
from nbargo_watcher.reflector import Reflector
from nbargo_watcher.settings import Settings
from nbargo_watcher.source import Timing

MUCH: Final = 1000
"""Objects from which on it is worth telling somebody who waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a single run did.

    Attributes:
        dry_run: Whether it only says what it would have done.
        listed: Objects in the lists.
        added: Rows of jobs that were made.
        changed: Rows of jobs that were changed.
        unchanged: Observations that changed nothing.
        resolved: How many jobs were found to have ended, by where that was read.
        definitions: How many rows of definitions were `added`, `changed` and `removed`.
        quarantined: Objects that could not be read.
        unresolved: Jobs whose end could not be found out; the next run tries again.
        held: Why rows were held back; "" if none were.
        changes: In a dry run: each change, with the id of the job or definition, how it was and will be, and why.
    """

    dry_run: bool
    listed: int
    added: int
    changed: int
    unchanged: int
    resolved: Mapping[str, int] = field(default_factory=dict)
    definitions: Mapping[str, int] = field(default_factory=dict)
    quarantined: int = 0
    unresolved: int = 0
    held: str = ""
    changes: tuple[Mapping[str, str | None], ...] = ()

    @property
    def status(self) -> Exit:
        """The exit status that tells whether anything is left."""
        return Exit.PARTLY if self.quarantined or self.unresolved or self.held else Exit.OK

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps({**asdict(self), "status": self.status.name.lower()})

    def to_text(self) -> str:
        """Return it as a few lines for a person."""
        verb = "would be" if self.dry_run else "were"
        resolved = ", ".join(f"{count} from {source}" for source, count in sorted(self.resolved.items())) or "none"
        lines = [
            *(_line(item) for item in self.changes),
            f"{self.listed} objects listed; {self.added} rows {verb} added, {self.changed} {verb} changed.",
            *self._definitions(verb),
            f"Ended since the last time: {resolved}.",
        ]
        if self.quarantined:
            lines.append(f"{self.quarantined} workflows were set aside because they cannot be read; see the log.")
        if self.unresolved:
            lines.append(f"{self.unresolved} jobs' ends could not be found out yet; run this again later.")
        if self.held:
            lines.append(f"Nothing was concluded from what is missing: {self.held}.")
        return "\n".join(lines)

    def _definitions(self, verb: str) -> list[str]:
        counts = [f"{count} {verb} {kind}" for kind, count in sorted(self.definitions.items())]
        return [f"Job definitions: {', '.join(counts)}."] if counts else []


class Progress:
    """Tells somebody at a terminal how far the list has come.

    Args:
        stream: Where to tell it.
    """

    def __init__(self, stream: TextIO) -> None:
        self.count = 0
        self._stream = stream
        self._shown = False

    def __call__(self, objects: int) -> None:
        """Count the objects of a page."""
        self.count += objects
        if self.count >= MUCH and self._stream.isatty():
            self._shown = True
            self._stream.write(f"\r{self.count} workflows read ...")
            self._stream.flush()

    def end(self) -> None:
        """Leave the terminal's line clean."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


async def run(settings: Settings, environ: Mapping[str, str], *, timing: Timing | None = None) -> Summary:
    """Make the rows true.

    Args:
        settings: What to do.
        environ: The process's environment.
        timing: Deadlines.

    Raises:
        NbargoError: It could not be done; what was written before is true.
    """
    progress = Progress(sys.stderr)
    changes: list[Mapping[str, str | None]] = []
    async with parts.ground(settings, environ, timing=timing or Timing()) as ground:
        keep = changes.append if settings.dry_run else lambda _: None
        try:
            async with parts.work(ground, on_page=progress, on_change=lambda change: keep(_told(change))) as work:
                # Jobs are done with first: a role that does not name cronworkflows yet keeps no job from its end.
                for reflectors, look in (
                    (work.reflectors, _look_for_jobs),
                    (work.cron_reflectors, Projector.sweep_definitions),
                ):
                    await _list(work.projector, reflectors)
                    try:
                        await look(work.projector)
                    except (FilesError, ClusterError) as error:
                        ground.log.warning("look through the files", error=str(error))
                        work.projector.tally.unresolved += 1
        finally:
            progress.end()
    tally = work.projector.tally
    return Summary(
        dry_run=settings.dry_run,
        listed=progress.count,
        added=tally.added,
        changed=tally.changed,
        unchanged=tally.unchanged,
        resolved={source.value: count for source, count in tally.resolved.items()},
        definitions=dict(tally.definitions),
        quarantined=ground.telemetry.quarantined,
        unresolved=tally.unresolved,
        held=work.projector.degraded,
        changes=tuple(changes),
    )


async def _list(projector: Projector, reflectors: Iterable[Reflector]) -> None:
    """List everything, and once more what lacks so much that a second list has to confirm it."""
    for reflector in reflectors:
        await reflector.once()
        if projector.confirm_at(reflector.scope) is not None:
            await reflector.once()


async def _look_for_jobs(projector: Projector) -> None:
    """Look through the outcome files, then ask Argo's archive about the rest, for as long as it answers."""
    await projector.sweep()
    before, left = -1, await projector.again()
    while left and left != before:
        before, left = left, await projector.again()


def _line(item: Mapping[str, str | None]) -> str:
    what = item["job"] or f"definition {item['definition']}"
    return f"{what}: {item['was'] or 'no row'} -> {item['now'] or 'no row'} ({item['why']})"


def _told(change: Change | DefinitionChange) -> Mapping[str, str | None]:
    if isinstance(change, DefinitionChange):
        was, now = parts.state_of(change.before), parts.state_of(change.row)
        return {"job": None, "definition": change.job_id, "was": was, "now": now, "why": change.why}
    was = change.before.status if change.before else None
    return {"job": change.job_id, "was": was, "now": change.row.status, "why": change.why}
