"""One at a time: the right to change what belongs to an id, held against every lab server on the same home."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from nbargo_shared.errors import FilesError
from nbargo_submitter.staging import Staging

CLAIM_SECONDS: Final = 60.0
"""Longer than most submissions take: their requests have time limits. The copy of a big folder may take longer."""

_PAUSE: Final = 0.025


@asynccontextmanager
async def claim(staging: Staging, identifier: str, *, what: str) -> AsyncIterator[None]:
    """Hold the claim of an id.

    Args:
        staging: Where the claims are.
        identifier: A job's or a definition's id.
        what: What the other holder is, for the error's sentence.

    Raises:
        FilesError: Another one holds it for longer than CLAIM_SECONDS, or the file system has no locks.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + CLAIM_SECONDS
    while (held := await asyncio.to_thread(staging.try_claim, identifier)) is None:
        if loop.time() > deadline:
            raise FilesError(
                f"{what} has not ended within {CLAIM_SECONDS:.0f} s", hint="Look at the list of jobs, then try again"
            )
        await asyncio.sleep(_PAUSE)  # the holder may be another process, which cannot wake us
    try:
        yield
    finally:
        await asyncio.shield(asyncio.to_thread(staging.release, identifier, held))
