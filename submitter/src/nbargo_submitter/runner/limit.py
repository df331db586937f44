"""The time limit of a run."""

from __future__ import annotations

import threading

from .processes import end_processes

AGAIN = 1.0  # seconds until a kernel is looked for again that was about to start
UNITS = (("hour", 3600), ("minute", 60), ("second", 1))


class Limit:
    """Ends the kernel when its time is over, as often as it takes; for `with`.

    papermill finds the kernel dead and saves the notebook as it is, so no exception has to get through its event loop.
    A notebook cannot hold it up: what is sent is SIGTERM, and SIGKILL after it.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.is_over = False
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._wait, daemon=True)

    def __enter__(self) -> None:
        if self.seconds is not None:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    def _wait(self) -> None:
        pause = self.seconds
        while not self._done.wait(pause):
            self.is_over, pause = True, AGAIN
            end_processes()


def spoken(seconds: float) -> str:
    """Return a time as a person says it: 2 hours, 90 minutes, 45 seconds."""
    unit, length = next(pair for pair in UNITS if pair[1] == 1 or seconds % pair[1] == 0)
    number = f"{seconds / length:g}"
    return f"{number} {unit}" if number == "1" else f"{number} {unit}s"
