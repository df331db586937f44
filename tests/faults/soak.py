"""The soak: two watchers on one database, killed every few seconds, under churn and faults; at the end all is compared.

The local API and everything that happens to jobs are in this process; the watchers are processes of their own. Jobs are
created, run, end, are stopped, retried, resubmitted, deleted and collected at random; requests are refused, reset, cut
off, doubled and delayed; the database is locked; a user deletes jobs. When the time is over everything heals, and the
rows must become what the oracle says (tests/support/oracle.py).

Run: make soak MINUTES=10 [SEED=1]. The last line is one JSON object. Exit status 1: a row is not what it must be.
"""

import argparse
import asyncio
import json
import logging
import secrets
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.churn import Churn, churning

if TYPE_CHECKING:
    from collections.abc import Coroutine

SETTLE = 120.0
"""Seconds in which the rows must be right once everything has healed: three times the longest backoff, and lists."""
TOLD = 10.0
SHOWN = 20
LOG = 4000


async def soak(seed: int, seconds: float) -> dict[str, Any]:
    """Run it, and return its figures."""
    began = time.monotonic()
    async with churning(seed) as it:
        it.start()
        it.start()
        await _disturbed(it, seconds, began)
        wrong = await it.settle(within=SETTLE)
        for watcher in it.watchers:
            watcher.check_alive()
            watcher.stop()
        if wrong:
            print((it.folder / "watchers.log").read_text(errors="replace")[-LOG:])  # noqa: T201 - what the program is for
        for text in wrong[:SHOWN]:
            print(text)  # noqa: T201 - what the program is for
        figures = asdict(it.tally) | {"requests": len(it.plan.asked), "differences": len(wrong), "seed": seed}
    return figures | {"seconds": round(time.monotonic() - began, 1)}


async def _disturbed(it: Churn, seconds: float, began: float) -> None:
    work: list[Coroutine[Any, Any, None]] = [
        it.churn(rate=300.0),
        it.kill(every=(0.5, 3.0)),
        it.disturb(every=(0.3, 2.0)),
        it.lock(every=(2.0, 10.0), held=(0.1, 3.0)),
        it.use(every=(0.1, 1.0)),
        _tell(it, began),
    ]
    tasks = [asyncio.create_task(each) for each in work]
    ended, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in ended:
        await task  # none of them ends by itself


async def _tell(it: Churn, began: float) -> None:
    while True:
        await asyncio.sleep(TOLD)
        told = it.tally
        print(  # noqa: T201 - what the program is for
            f"{time.monotonic() - began:.0f} s: {told.histories} histories, {told.actions} changes, {told.kills} kills,"
            f" {told.faults} faults, {told.locks} locks, {told.user_deletes} deleted by the user",
            flush=True,
        )


def main() -> int:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    # aiohttp's server tells of each connection that a fault or a killed watcher cuts.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    figures = asyncio.run(soak(seed, options.minutes * 60))
    print(json.dumps(figures))  # noqa: T201 - what the program is for
    return 1 if figures["differences"] else 0


if __name__ == "__main__":
    sys.exit(main())
