"""The run's log: what the runner, papermill and all that they start print, in a file, line by line while it happens.

What is inherited as standard output and error is a pipe, and a thread copies what comes out of it to where it went
before and into the file. So the last words of a kernel that dies are in the log too.
"""

from __future__ import annotations

import collections
import contextlib
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, BinaryIO

from .texts import plain

if TYPE_CHECKING:
    from pathlib import Path

HEAD = 8 * 1024 * 1024  # bytes of one attempt that are written as they come
TAIL = 2 * 1024 * 1024  # bytes of what comes then that are kept, and written at the end
MAX_LINE = 64 * 1024  # a longer line is broken
RECENT = 200
DRAIN_TIMEOUT = 2.0  # seconds that a process that was not found may keep the pipe open at the end
CUT = "[This log has reached its limit of %d MiB. What follows is left out, but for the last %d MiB.]\n"


class Log:
    """A copy of what is printed, in a file that is appended to; OSError if it cannot be opened."""

    def __init__(self, path: Path, head: int = HEAD, tail: int = TAIL) -> None:
        self.recent: collections.deque[str] = collections.deque(maxlen=RECENT)  # of what came through the pipe
        self._lock = threading.RLock()  # a signal's handler may write while its own thread does
        self._file: BinaryIO | None = path.open("ab", buffering=0)
        self._head, self._tail, self._room = head, tail, head
        self._kept: collections.deque[bytes] = collections.deque()
        self._kept_bytes = self._left_out = 0
        self._saved = os.dup(1), os.dup(2)
        self._out = self._saved[0]
        self._reader, writer = os.pipe()
        self._point(writer, writer)
        os.close(writer)
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def say(self, text: str) -> None:
        """Print one or more lines."""
        self._print(f"{text}\n".encode("utf-8", "backslashreplace"))
        self._add([plain(line) for line in text.split("\n")])

    def unheard(self, text: str) -> str:
        """Return the lines of a cell's output that did not come through the pipe already.

        What a notebook's child processes print comes twice: ipykernel shows it in the notebook and passes it on.
        """
        lines = []
        with self._lock:
            for line in text.split("\n"):
                try:
                    self.recent.remove(shown(line))
                except ValueError:
                    lines.append(line)
        return "\n".join(lines)

    def close(self) -> None:
        """Write what is left; what is printed from now on goes where it went before."""
        self._point(*self._saved)
        self._thread.join(DRAIN_TIMEOUT)
        with self._lock:
            left_out = [b"[%d bytes are left out here.]\n" % self._left_out] if self._left_out else []
            self._write([*left_out, *self._kept])
            if self._file:
                self._file.close()
            self._file = None
            self._out = 1
        if not self._thread.is_alive():
            for descriptor in (*self._saved, self._reader):
                os.close(descriptor)

    def _point(self, output: int, errors: int) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os.dup2(output, 1)
        os.dup2(errors, 2)

    def _copy(self) -> None:
        rest = b""
        while True:
            chunk = os.read(self._reader, MAX_LINE)
            self._print(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            if rest and (not chunk or len(rest) > MAX_LINE):
                lines, rest = [*lines, rest], b""
            texts = [shown(line.decode("utf-8", "replace")) for line in lines]
            with self._lock:
                self.recent.extend(texts)
            self._add(texts)
            if not chunk:
                break

    def _add(self, lines: list[str]) -> None:
        texts = [f"{line}\n".encode("utf-8", "replace") for line in lines]
        now = []
        with self._lock:
            while texts and self._room > 0:
                now.append(texts.pop(0))
                self._room -= len(now[-1])
                if self._room <= 0:
                    now.append((CUT % (self._head >> 20, self._tail >> 20)).encode())
            self._write(now)
            self._kept.extend(texts)
            self._kept_bytes += sum(map(len, texts))
            while self._kept_bytes > self._tail:
                gone = len(self._kept.popleft())
                self._kept_bytes -= gone
                self._left_out += gone

    def _write(self, lines: list[bytes]) -> None:
        """Append to the file; a volume that takes no more ends the log and not the run."""
        if self._file is not None and lines:
            try:
                self._file.write(b"".join(lines))
            except OSError as error:
                self._file.close()
                self._file = None
                self._print(f"The log cannot be written any more: {error}\n".encode())

    def _print(self, text: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(self._out, text)


class Lines(logging.Handler):
    """Prints messages as they are, but for a line's end: papermill's are a cell's output, which mostly has its own."""

    log: Log | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Print a message."""
        text = self.format(record)
        text = text[:-1] if text.endswith("\n") else text
        if self.log is None:
            with contextlib.suppress(OSError):
                os.write(1, f"{text}\n".encode("utf-8", "backslashreplace"))
            return
        fresh = self.log.unheard(text) if record.name == "papermill" else text
        if fresh or not text:
            self.log.say(fresh)


def shown(line: str) -> str:
    """Return what a person would have seen of a line at last: progress is shown by going back to its begin."""
    return plain(line.rstrip("\r").rpartition("\r")[2])
