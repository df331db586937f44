"""Up to which resourceVersion the rows of each stream are true: in memory, and now and then in the file.

What a list alone can tell, that a job which nobody saw is gone, is written by the look through the outcome files after
it. Until that look has ended, the list's checkpoint and those after it are kept in memory: whoever is killed in between
does not go on from them.
"""

from collections.abc import Callable, Mapping
from typing import Final

from nbargo_watcher.store import Checkpoint, Store

CHECKPOINT_INTERVAL: Final = 300.0
"""Seconds between two checkpoints that are written for their own sake; at most so much is read again after a crash."""


class Checkpoints:
    """The checkpoints of all streams.

    Args:
        store: The open database.
        identity: Whose resourceVersions they are: another one's are not resumed from.
        keeps: Whether checkpoints are written for their own sake, too.
        monotonic: The clock, seconds.
    """

    def __init__(self, store: Store, *, identity: str, keeps: bool, monotonic: Callable[[], float]) -> None:
        self._commits = 0
        self._store = store
        self._identity = identity
        self._keeps = keeps
        self._monotonic = monotonic
        self._pending: dict[str, Checkpoint] = {}
        self._stored: dict[str, str] = {}
        self._written_at = monotonic()
        self._dirty: set[str] = set()
        self._held: dict[str, object] = {}

    async def find(self, scope: str) -> str | None:
        """Return a stream's checkpoint, or None if there is none that is ours."""
        if found := self._pending.get(scope):
            return found.resource_version
        stored = await self._store.checkpoint(scope)
        if stored is None or stored.identity != self._identity:
            return None
        self._stored[scope] = stored.resource_version
        return stored.resource_version

    def make(self, scope: str, resource_version: str) -> Checkpoint:
        """Return a checkpoint, which is not written yet."""
        return Checkpoint(scope=scope, identity=self._identity, resource_version=resource_version)

    def reached(self, scope: str) -> str:
        """Return up to where this process knows the rows to be true."""
        pending = self._pending.get(scope)
        return pending.resource_version if pending else self._stored.get(scope, "")

    def hold(self, scope: str) -> None:
        """Keep a stream's checkpoints in memory until the look through the files that follows has ended."""
        self._held[scope] = object()

    def held(self) -> Mapping[str, object]:
        """Return what is held now, for `release`."""
        return dict(self._held)

    async def release(self, held: Mapping[str, object]) -> None:
        """Let the streams' checkpoints go to the file again, but for those that were held anew since.

        Args:
            held: What was held when the look through the files began.
        """
        for scope, mark in held.items():
            if self._held.get(scope) is mark:
                del self._held[scope]
        await self._flush_if_due()

    def writable(self, checkpoint: Checkpoint | None) -> Checkpoint | None:
        """Return a checkpoint that may go to the file with the rows, or None."""
        return None if checkpoint is None or checkpoint.scope in self._held else checkpoint

    def committed(self, scope: str, checkpoint: Checkpoint | None) -> None:
        """Note that rows of a stream were written, and which checkpoint with them."""
        self._dirty.add(scope)
        if checkpoint is not None:
            self._pending.pop(scope, None)
            self._wrote(checkpoint)

    async def advance(self, scope: str, checkpoint: Checkpoint) -> None:
        """Move a checkpoint that no change of a row has carried along."""
        if self._store.dry_run:
            return
        if self._stored.get(scope) == checkpoint.resource_version:
            self._pending.pop(scope, None)
            return
        self._pending[scope] = checkpoint
        await self._flush_if_due()

    def take_commits(self) -> int:
        """Return how many transactions were written for the sake of checkpoints alone since the last time."""
        commits, self._commits = self._commits, 0
        return commits

    async def close(self) -> None:
        """Write the checkpoints that were kept in memory, if they are worth a commit."""
        if self._pending and self._keeps and not self._store.dry_run:
            await self._flush()

    async def _flush_if_due(self) -> None:
        due = self._keeps and self._monotonic() - self._written_at >= CHECKPOINT_INTERVAL
        if due or not self._dirty.isdisjoint(self._pending.keys() - self._held.keys()):
            await self._flush()

    async def _flush(self) -> None:
        for checkpoint in list(filter(self.writable, self._pending.values())):
            await self._store.commit((), checkpoint, version=None)
            self._commits += 1
            if self._pending.get(checkpoint.scope) is checkpoint:  # not one that came meanwhile
                del self._pending[checkpoint.scope]
            self._wrote(checkpoint)

    def _wrote(self, checkpoint: Checkpoint) -> None:
        self._stored[checkpoint.scope] = checkpoint.resource_version
        self._dirty.discard(checkpoint.scope)
        self._written_at = self._monotonic()
