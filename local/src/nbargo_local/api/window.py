"""Events of the store, and the bounded window of them from which the past can still be told."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from nbargo_local.api.objects import key_of
from nbargo_local.api.schema import Resource
from nbargo_local.api.statuses import expired

EventType = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True, slots=True)
class Event:
    """One write, as every watcher may see it.

    Args:
        type: What happened to the object in the store; a watcher with a selector may be told something else.
        resource: The object's resource.
        object: The object after the write; of a deletion, the last object with the deletion's resourceVersion.
        previous: The object before the write; None for a creation.
        revision: The store's revision that the write made; `object` carries it as resourceVersion.
        encodings: The lines that have been serialised of this event, so that a thousand watchers cost one.
    """

    type: EventType
    resource: Resource
    object: dict[str, Any]
    previous: dict[str, Any] | None
    revision: int
    encodings: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)


class Window:
    """The newest events of one resource, and the revision up to which events are gone.

    Args:
        size: How many events are kept.
        floor: The revision at which it starts.
    """

    def __init__(self, size: int, floor: int) -> None:
        self.events: deque[Event] = deque()
        self.floor = floor
        self._size = size

    def append(self, event: Event) -> None:
        """Add the newest event; the oldest one may go."""
        self.events.append(event)
        while len(self.events) > self._size:
            self.events.popleft()
            # As the real watch cache: the floor is just below the oldest event that is left.
            self.floor = self.events[0].revision - 1

    def after(self, revision: int) -> Iterator[Event]:
        """Yield the kept events above a revision, in order."""
        return (each for each in self.events if each.revision > revision)

    def rewind(self, found: dict[str, dict[str, Any]], revision: int) -> dict[str, dict[str, Any]]:
        """Take events back until the objects are those of a revision.

        Args:
            found: The objects of now, by key; they stay as they are.
            revision: Of the past, or now.

        Returns:
            The objects of then, by key.

        Raises:
            ApiError: 410, the events that it takes are gone.
        """
        if revision < self.floor:
            raise expired("The resourceVersion for the provided list is too old.")
        then = dict(found)
        for event in reversed(self.events):
            if event.revision <= revision:
                break
            if event.previous is None:
                del then[key_of(event.object)]
            else:
                then[key_of(event.object)] = event.previous
        return then

    def clear(self, floor: int) -> None:
        """Forget every event up to the present revision."""
        self.events.clear()
        self.floor = floor
