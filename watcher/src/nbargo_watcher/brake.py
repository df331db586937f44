"""The brake on mass disappearance, and on what could not be made sure of.

A complete list that lacks most of what was there a moment ago is more likely a fault (a proxy's empty answer, a lost
permission, another cluster behind the same address) than the truth. It is believed when a second one says the same.
Where a list lacks little, the server is asked for each object; if it does not answer, it is to be listed again as soon.
"""

from typing import Final

MINIMUM: Final = 20
"""Live rows that must be about to vanish at once; fewer are an ordinary clean-up."""
CONFIRM_AFTER: Final = 60.0
"""Seconds between the first list and the one that confirms it: longer than a restart of a server behind a proxy."""


class Brake:
    """Decides, for each scope, whether the rows that a list lacks may be resolved.

    Args:
        confirm_after: Seconds that must lie between two lists that agree.
    """

    def __init__(self, *, confirm_after: float = CONFIRM_AFTER) -> None:
        self._confirm_after = confirm_after
        self._held: dict[str, tuple[float, str]] = {}
        self._doubtful: dict[str, float] = {}

    @property
    def degraded(self) -> str:
        """Why rows are held back; "" if none are."""
        return "; ".join(why for _, why in self._held.values())

    def holds(self, scope: str) -> bool:
        """Return whether a scope's rows are held back."""
        return scope in self._held

    def confirm_at(self, scope: str) -> float | None:
        """Return the time from which another list decides; None if nothing is held or in doubt."""
        first = (self._held[scope][0],) if scope in self._held else ()
        doubted = (self._doubtful[scope],) if scope in self._doubtful else ()
        return min((*first, *doubted)) + self._confirm_after if first or doubted else None

    def doubt(self, scope: str, *, is_doubtful: bool, now: float) -> None:
        """Note whether the server did not say of everything that a list lacks whether it is there.

        Args:
            scope: The stream that was listed.
            is_doubtful: Whether that is so.
            now: As for `check`.
        """
        self._doubtful.pop(scope, None)
        if is_doubtful:
            self._doubtful[scope] = now

    def doubts(self, scope: str) -> bool:
        """Return whether a list is to be repeated because of what the server did not say."""
        return scope in self._doubtful

    def check(self, scope: str, *, live: int, vanished: int, now: float) -> bool:
        """Return whether to hold back what a complete list lacks.

        Args:
            scope: The stream that was listed.
            live: Rows of the scope that have not ended.
            vanished: How many of them the list lacks.
            now: Seconds of a clock that never goes back.
        """
        if vanished < MINIMUM or (live - vanished) * 2 >= live:
            self._held.pop(scope, None)
            return False
        first, _ = self._held.get(scope, (now, ""))
        if scope in self._held and now - first >= self._confirm_after:
            del self._held[scope]
            return False
        self._held[scope] = (first, f"{scope}: a list lacks {vanished} of {live} live jobs; waiting for a second one")
        return True
