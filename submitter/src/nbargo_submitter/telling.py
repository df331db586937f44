"""How an error reaches the user of the lab: as jupyter-scheduler's SchedulerError with one sentence.

jupyter-scheduler's handlers write `str(error)` of a SchedulerError into the HTTP answer, and log it with its
traceback; anything else becomes "Unexpected error occurred".
"""

import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from jupyter_scheduler.exceptions import SchedulerError

from nbargo_shared.errors import NbargoError

P = ParamSpec("P")
T = TypeVar("T")


def told(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Make an async method raise SchedulerError where it raised an NbargoError.

    The cause goes to the log at level DEBUG rather than into the chain: an unreachable cluster is no fault of the
    program, and the HTTP client's traceback says nothing that the sentence does not.

    Args:
        method: A method of an object that has a `log`.
    """

    @functools.wraps(method)
    async def telling(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await method(*args, **kwargs)
        except NbargoError as error:
            owner: Any = args[0]
            owner.log.debug("The cause of the error that follows", exc_info=error)
            raise SchedulerError(str(error)) from None

    return telling
