"""A server extension that writes down every call that blocks the server's event loop on behalf of a scheduler handler.

Python announces what it opens, connects and starts (https://docs.python.org/3/library/audit_events.html). Sleeping, and
what only looks at a path, is not announced, so those functions are wrapped. A call counts if it is made in the thread
of the running loop and nbargo or jupyter-scheduler is among its callers. One line is written for each: the call, and
its callers.

`REPORT` names the file. `DELIBERATE` names a call that is then made in the loop, to show that it is found.
"""

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

from nbargo_submitter import scheduler
from nbargo_submitter.rows import next_token

REPORT: Final = "NBARGO_TEST_BLOCKING_REPORT"
DELIBERATE: Final = "NBARGO_TEST_BLOCKING_CALL"

_OURS: Final = ("nbargo_submitter", "nbargo_shared", "jupyter_scheduler")
_ANNOUNCED: Final = (
    *("open", "sqlite3.connect", "socket.connect", "socket.getaddrinfo", "subprocess.Popen"),
    *("shutil.", "tempfile.", "glob.", "fcntl.", "pathlib.", "os.listdir", "os.scandir", "os.walk", "os.remove"),
    *("os.rename", "os.mkdir", "os.rmdir", "os.chmod", "os.utime", "os.link", "os.symlink", "os.truncate", "os.system"),
)
_WRAPPED: Final = (*((os, name) for name in ("stat", "lstat", "access", "readlink", "statvfs")), (time, "sleep"))
# Callers that do it without waiting, or for whom we cannot decide.
_EXCUSED: Final = {
    ("asyncio/selector_events.py", "_sock_connect"): "the socket does not block",
    ("asyncio/unix_events.py", "_make_subprocess_transport"): "asyncio starts a program with vfork, some milliseconds",
    (
        "logging/__init__.py",
        "formatException",
    ): "jupyter-scheduler's handlers log each error with its code",
}


class Detector:
    """Writes down what blocks.

    Args:
        report: The file to write to.
    """

    def __init__(self, report: str) -> None:
        self._report = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._thread = threading.get_ident()
        for module, name in _WRAPPED:
            setattr(module, name, self._wrapped(f"{module.__name__}.{name}", getattr(module, name)))
        sys.addaudithook(self._announced)

    def _announced(self, event: str, _arguments: object) -> None:
        if event.startswith(_ANNOUNCED):
            self._seen(event)

    def _wrapped(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def look(*args: Any, **options: Any) -> Any:
            self._seen(name)
            return function(*args, **options)

        return look

    def _seen(self, call: str) -> None:
        if threading.get_ident() != self._thread or asyncio._get_running_loop() is None:
            return
        frames = list(_callers(sys._getframe(2)))
        if not any(frame.f_globals.get("__name__", "").startswith(_OURS) for frame in frames):
            return
        if not any(_is(frame, *excused) for frame in frames for excused in _EXCUSED):
            told = " < ".join(f"{frame.f_globals.get('__name__')}:{frame.f_lineno}" for frame in frames[:12])
            os.write(self._report, f"{call}: {told}\n".encode())


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is(frame: FrameType, file: str, function: str) -> bool:
    return frame.f_code.co_name == function and frame.f_code.co_filename.endswith(file)


CALLS: Final[dict[str, Callable[[], object]]] = {
    "open": lambda: Path(os.devnull).read_bytes(),
    "os.stat": lambda: Path(os.devnull).exists(),
    "os.listdir": lambda: list(Path("/").iterdir()),
    "sqlite3.connect": lambda: sqlite3.connect(":memory:").close(),
    "time.sleep": lambda: time.sleep(0.001),
    "subprocess.Popen": lambda: subprocess.run(["true"], check=True),
}


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(_server: Any) -> None:
    Detector(os.environ[REPORT])
    if call := os.environ.get(DELIBERATE):
        found = next_token

        def blocking(*args: Any, **options: Any) -> str | None:
            CALLS[call]()
            return found(*args, **options)

        scheduler.__dict__["next_token"] = blocking
