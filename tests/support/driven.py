"""A driven clock: let all that is due happen, and leap from one time at which something happens to the next."""

import asyncio
from datetime import datetime

from nbargo_local.api.store import CRONWORKFLOWS, WORKFLOWS, Store
from nbargo_local.controller import ManualClock


async def quiet(store: Store) -> None:
    """Let everything happen that can happen without time passing or a process ending."""
    revision = -1
    while revision != store.revision:
        revision = store.revision
        for _ in range(20 + 4 * len(store.list(CRONWORKFLOWS)) + 4 * len(store.list(WORKFLOWS))):  # each gets its turns
            await asyncio.sleep(0)


async def leap_to(clock: ManualClock, store: Store, when: datetime) -> None:
    """Let the clock go on to a time, and everything happen on the way that it wakes."""
    await quiet(store)
    while (next_wake := clock.next_wake) is not None and next_wake <= when:
        clock.advance(max(0.0, (next_wake - clock.now()).total_seconds()))
        await quiet(store)
    clock.advance(max(0.0, (when - clock.now()).total_seconds()))
    await quiet(store)
