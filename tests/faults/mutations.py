"""Break the watcher on purpose, once for each mutation, and see that a test of the broken property fails.

Run: make mutations (or `python tests/faults/mutations.py P09 P12` for some of them). A mutation is one replacement in
one file of the watcher. The package is copied to a temporary folder, changed there, and put before the real one; a
mutation whose tests pass all the same, or cannot run at all, is an error.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = ROOT / "watcher" / "src" / "nbargo_watcher"
TESTS: Final = Path(__file__).parent
_TESTS_FAILED: Final = 1  # pytest's exit status; others say that it could not run them
_WORKERS: Final = 2


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change that breaks a property.

    Attributes:
        of: The property, such as `P01`; its test files are those that begin with it.
        module: The module's file.
        old: The text to replace; it is there exactly once.
        new: What to put there.
        breaks: What the watcher does wrong then.
    """

    of: str
    module: str
    old: str
    new: str
    breaks: str

    @property
    def tests(self) -> list[Path]:
        """The test files of the property."""
        return sorted(TESTS.glob(f"test_{self.of.lower()}_*.py"))


MUTATIONS: Final = (
    Mutation("P01", "reflector.py", "        self._resource_version = first.resource_version\n",
             "        self._resource_version = first.objects[-1].resource_version\n",
             "it watches from the last item's version instead of the list's"),
    Mutation("P02", "projector.py", "absent = () if hold else self._absences(scope, vanished, resource_version)",
             "absent: tuple[Evidence, ...] = ()",
             "what a list lacks has no consequence"),
    Mutation("P03", "brake.py", "if vanished < MINIMUM or ", "if vanished or ",
             "a list that lacks everything is believed at once"),
    Mutation("P03", "reflector.py", "            page = await self._page(page.next_page, paged=paged)\n",
             "            try:\n"
             "                page = await self._page(page.next_page, paged=paged)\n"
             "            except FaultError:\n"
             "                break\n",
             "a list whose second page fails counts as complete"),
    Mutation("P04", "reflector.py", "self._due = now + self._rng.uniform(*self._timing.relist)",
             'self._due = float("inf")',
             "it lists only when it must"),
    Mutation("P05", "source.py", '"allowWatchBookmarks": "true"', '"allowWatchBookmarks": "false"',
             "it does not ask for bookmarks"),
    Mutation("P06", "projector.py", "        replayed = compare(",
             "        early = self._checkpoint(scope, resource_version)\n"
             "        await self._store.commit((), early, version=None)\n"
             "        replayed = compare(",
             "it commits the checkpoint before the rows"),
    Mutation("P07", "resolve.py", "return found if found is not None and found.uid == item.uid else None",
             "return None",
             "every DELETED is a deletion"),
    Mutation("P08", "outcomes.py", "    return outcome if outcome.job_id == job_id else None", "    return None",
             "outcome files are not believed"),
    Mutation("P08", "checkpoints.py", "self._held[scope] = object()", "self._held.pop(scope, None)",
             "a list's checkpoint is written before the look through the files"),
    Mutation("P09", "decide.py", "_RELISTED: Final = frozenset({What.EXPIRED, ", "_RELISTED: Final = frozenset({",
             "it watches again from the version that has expired"),
    Mutation("P09", "decide.py", "paged=history.expiries <= 1,", "paged=True,",
             "a list that expires between its pages is asked for in pages for ever"),
    Mutation("P10", "decide.py", "happened.lasted < SHORT_WATCH and not happened.lines",
             "happened.lasted < 0 and not happened.lines",
             "a watch that closes at once is in order"),
    Mutation("P11", "faults.py", "code == _GATEWAY_TIMEOUT and any(", "code < 0 and any(",
             "a version that is too large is any other 504"),
    Mutation("P11", "decide.py", "return max(floor, ceiling / 2 + draw * ceiling / 2)", "return floor",
             "lost rights are asked for without a pause"),
    Mutation("P12", "budget.py", "Bucket(burst=4, rate=1 / 10, level=2)", "Bucket(burst=500, rate=100, level=500)",
             "the streams have no budget"),
    Mutation("P12", "decide.py", "floor = min(happened.fault.retry_after or 0.0, RETRY_AFTER_CAP)", "floor = 0.0",
             "Retry-After is not heeded"),
    Mutation("P12", "decide.py", "return floor + draw * min(", "return floor + min(",
             "it backs off without jitter"),
    Mutation("P13", "reflector.py", "with anyio.move_on_after(min(idle, due)) as deadline:",
             "with anyio.move_on_after(due) as deadline:",
             "silence has no deadline"),
    Mutation("P14", "connection.py", "        self._rejected = True", "        self._rejected = False",
             "a refused token is used on"),
    Mutation("P14", "connection.py", "        if ca != self._ca:", "        if not self._ca:",
             "the CA is read once"),
    Mutation("P15", "framing.py", "MAX_LINE: Final = 4 * 1024 * 1024", "MAX_LINE: Final = 128 * 1024",
             "a line may have 128 KiB"),
    Mutation("P15", "framing.py", "self._completed(chunk[:end]) if self._parts else view[start:end]",
             "view[start:end]",
             "the beginning of a line is lost with its chunk"),
    Mutation("P16", "decode.py", "            return self._page_one_by_one(body)",
             '            raise GarbledError("one of the objects cannot be read") from None',
             "one poisonous object makes the whole list unreadable"),
    Mutation("P16", "projector.py", "= 0 if unread else self._now()", "= self._now()",
             "a list with unreadable objects says what has ended"),
    Mutation("P17", "attempts.py",
             "return order if _replaces(projected, observed, order, gone=evidence.gone) else None", "return None",
             "the run that took a name over is not believed"),
    Mutation("P18", "attempts.py", "if order is Order.OLDER or (order", "if (order",
             "older news counts as much as newer"),
    Mutation("P18", "delivery.py", "waiting if waiting is not None and _is_late(seen, waiting) else seen", "seen",
             "of events that wait the last one to come is kept, not the newest"),
    Mutation("P19", "attempts.py", "    return not (projected.gone and (ended or ",
             "    return not (True or (ended or ",
             "an end is not final within an attempt"),
    Mutation("P19", "attempts.py", "        before = row.end_time", "        pass",
             "a row that its file made before its first event stays ended when that event is a retry"),
    Mutation("P20", "store.py", "current = version is None or ", "current = True or ",
             "it writes what it decided on rows that have changed since"),
    Mutation("P21", "reconcile.py", "    return None if same else change\n", "    return change\n",
             "it writes what is written already"),
    Mutation("P22", "source.py", "PAGE_BYTES: Final = 16 * 1024 * 1024", "PAGE_BYTES: Final = 1024 * 1024 * 1024",
             "a page may have any size"),
    Mutation("P23", "delivery.py", "                self._fail(error)\n",
             "                self._fail(error)\n                return\n",
             "events that the database did not take are dropped"),
    Mutation("P23", "delivery.py", "(ReplacedError, MissingError, SchemaError)", "(SchemaError,)",
             "it waits for ever for a file that another one has replaced"),
    Mutation("P24", "daemon.py", "    limit.start()\n    scope.cancel()", "    del limit, scope",
             "it does not end when it is told to"),
    Mutation("P25", "daemon.py", "        await anyio.sleep(delay)\n        ground.telemetry",
             "        return\n        ground.telemetry",
             "what has ended is not started again"),
)  # fmt: skip
"""In the order of the properties."""


def mutate(mutation: Mutation, folder: Path) -> None:
    """Copy the package to a folder, with the mutation in it.

    Raises:
        ValueError: The text to replace is not there exactly once.
    """
    copy = folder / PACKAGE.name
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    module = copy / mutation.module
    text = module.read_text(encoding="utf-8")
    if (count := text.count(mutation.old)) != 1:
        raise ValueError(f"{mutation.of}: {mutation.module} has the text {count} times: {mutation.old!r}")
    module.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")


def run(mutation: Mutation) -> tuple[int, str]:
    """Run a property's tests on the mutated package; return pytest's exit status, and the name of what failed."""
    with tempfile.TemporaryDirectory() as name:
        mutate(mutation, Path(name))
        options = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider"]
        command = [sys.executable, "-m", "pytest", *options, *map(str, mutation.tests)]
        environ = {**os.environ, "PYTHONPATH": name, "PYTHONDONTWRITEBYTECODE": "1"}
        ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    failed = [line for line in ended.stdout.splitlines() if line.startswith("FAILED")]
    return ended.returncode, failed[0].partition("::")[2].partition(" - ")[0] if failed else ended.stdout[-500:]


def main(wanted: Sequence[str]) -> int:
    """Run the mutations of these properties, or all; return 0 if a test failed for each."""
    chosen = [mutation for mutation in MUTATIONS if not wanted or mutation.of in wanted]
    began, survivors = time.monotonic(), 0
    with ThreadPoolExecutor(_WORKERS) as pool:
        for mutation, (status, what) in zip(chosen, pool.map(run, chosen), strict=True):
            found = status == _TESTS_FAILED
            survivors += not found
            verdict = f"found by {what}" if found else f"NOT FOUND (pytest ended with {status})\n{what}"
            print(f"{mutation.of} {mutation.module}: {mutation.breaks}: {verdict}", flush=True)  # noqa: T201 - a command
    seconds = time.monotonic() - began
    print(f"{len(chosen) - survivors} of {len(chosen)} mutations were found, {seconds:.0f} s")  # noqa: T201 - as above
    return 1 if survivors or not chosen else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
