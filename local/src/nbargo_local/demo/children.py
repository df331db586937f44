"""Programs that run beside the local Argo: started in process groups of their own, and all ended with it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from nbargo_shared.errors import ConfigError


@asynccontextmanager
async def running(
    command: Sequence[str], *, environment: Mapping[str, str], log: Path, grace: float = 10.0
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program until the block is left.

    It gets no terminal input and a session of its own, so that Ctrl-C in the terminal reaches this program alone, which
    then ends the others in order.

    Args:
        command: Program and arguments.
        environment: Its whole environment.
        log: File for its output.
        grace: Seconds between SIGTERM and SIGKILL.
    """
    with log.open("ab") as sink:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=dict(environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sink,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        await _end(process, grace)


def check_alive(process: asyncio.subprocess.Process, *, name: str, log: Path) -> None:
    """Raise ConfigError with the end of the log if a program has ended.

    Args:
        process: The program.
        name: What to call it.
        log: Its output.
    """
    if process.returncode is not None:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise ConfigError(f"{name} ended with status {process.returncode}", hint=f"The end of its log:\n{tail}")


async def _end(process: asyncio.subprocess.Process, grace: float) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(grace):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        with suppress(ProcessLookupError):  # the group outlives its leader if a kernel hangs
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
