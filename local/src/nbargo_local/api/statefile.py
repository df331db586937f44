"""The store on disk: one JSON file in a directory, replaced as a whole, and a lock that keeps a second server out."""

import asyncio
import fcntl
import json
import logging
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from nbargo_local.api.store import Store
from nbargo_shared.errors import ConfigError, FilesError

_LOG: Final = logging.getLogger(__name__)
_FORMAT: Final = 1
_SKIP: Final = 1000
"""Revisions that are left out after a crash: those of the writes that may not have reached the file.

A client that saw one of them is then told 410 and lists again, instead of missing what they are reused for."""


def write_private(path: Path, data: bytes) -> None:
    """Replace a file at once and for good; only its owner can read it.

    Args:
        path: The file, in a directory that is there.
        data: Its whole content.

    Raises:
        FilesError: It could not be written; the old file is untouched.
    """
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise FilesError(
            f"{path} could not be written: {error.strerror}",
            hint="Check that the disk has room and that the directory is yours",
        ) from error


class StateFile:
    """The state of one local Argo.

    Args:
        directory: Where `objects.json` is kept; made when it is not there.
        pause_seconds: How long a change may wait for others before it is written.
    """

    def __init__(self, directory: Path, *, pause_seconds: float = 0.2) -> None:
        self.path = directory / "objects.json"
        self._pause = pause_seconds
        self._stack = ExitStack()

    def open(self, store: Store) -> None:
        """Take the directory for this process, and load what is there into an empty store.

        Raises:
            ConfigError: Another process has it, or the file is damaged. Nothing was changed.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = self._stack.enter_context((self.path.parent / "lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            text = self.path.read_bytes() if self.path.exists() else b""
        except OSError as error:
            self._stack.close()
            raise ConfigError(
                f"the state directory {self.path.parent} cannot be used: {error.strerror}",
                hint="Check that it is yours and that no other local Argo uses it",
            ) from error
        if text:
            self._load(store, text)
            # From now on a crash loses the newest revisions, which the file has to tell.
            write_private(self.path, _encode(store.dump(), clean=False))

    async def follow(self, store: Store) -> None:
        """Write after changes, until cancelled; a write that has begun is ended first."""
        with store.subscribe() as subscription:
            while True:
                await subscription.get()
                await asyncio.sleep(self._pause)
                for _ in range(len(subscription)):
                    await subscription.get()
                await self._write_in_thread(store)

    def close(self, store: Store) -> None:
        """Write the last state and let the directory go.

        Raises:
            FilesError: It could not be written.
        """
        with self._stack:
            write_private(self.path, _encode(store.dump(), clean=True))

    async def _write_in_thread(self, store: Store) -> None:
        state = store.dump()
        writing = asyncio.create_task(asyncio.to_thread(lambda: write_private(self.path, _encode(state, clean=False))))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            raise
        except FilesError:
            _LOG.exception("the state is not on disk; the next change tries again")

    def _load(self, store: Store, text: bytes) -> None:
        try:
            state = json.loads(text)
            if state["format"] != _FORMAT:
                raise ValueError(f"its format is {state['format']}, not {_FORMAT}")  # noqa: TRY301 - one way out
            store.load(state | {"revision": state["revision"] + (0 if state["clean"] else _SKIP)})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._stack.close()
            raise ConfigError(
                f"the state file {self.path} is damaged: {error!r}",
                hint="It was left as it is. Move it away to start empty, or put a good copy in its place",
            ) from error


def _encode(state: dict[str, Any], *, clean: bool) -> bytes:
    return json.dumps({"format": _FORMAT, "clean": clean} | state).encode()
