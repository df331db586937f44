"""A scene in which time flies."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp.typedefs import Middleware

from support.following import Scene, scene
from support.virtualtime import virtual_time


@asynccontextmanager
async def flying(*, window: int = 1000, middlewares: Sequence[Middleware] = ()) -> AsyncIterator[Scene]:
    """Set a scene, and let its clock jump whenever there is nothing to do.

    Args:
        window: Events that the API remembers; a watch from before is answered with 410.
        middlewares: Faults.
    """
    async with scene(window=window, middlewares=middlewares) as made:
        with virtual_time() as clock:
            made.clock = clock
            try:
                yield made
            finally:
                for follower in made.followers:
                    await follower.kill()
