r"""Lines out of a stream of bytes.

A watch is one JSON document in each line. Lines end at the byte `\n` and nowhere else: text functions also split at
U+0085 and U+2028, which are valid inside JSON strings, and a chunk may end in the middle of a character.
"""

from typing import Final

from nbargo_shared.errors import ClusterError

MAX_LINE: Final = 4 * 1024 * 1024
"""Bytes in one line. etcd takes objects of 1.5 MiB; JSON escapes and managed fields make them longer."""

Line = bytes | memoryview
_SPACE: Final = 0x20


class LineTooLongError(ClusterError):
    """A line of a watch has more than MAX_LINE bytes: this is not a watch of objects that a cluster can hold."""

    default_transient = True


class LineBuffer:
    r"""Collects chunks of bytes and hands out the lines that are complete.

    What follows the last `\n` stays inside until the rest of it comes. When a stream ends in the middle of a line,
    that line was cut off: it is never handed out.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def pending(self) -> int:
        """How many bytes of an incomplete line are held."""
        return self._size

    def feed(self, chunk: bytes) -> list[Line]:
        """Return the lines that *chunk* completes, without their ends; empty lines are left out.

        They are views of the chunk where it holds all of a line: a line may be large, and there may be many.

        Args:
            chunk: The next bytes of the stream, any number of them.

        Raises:
            LineTooLongError: A line is longer than MAX_LINE.
        """
        lines: list[Line] = []
        view, start = memoryview(chunk), 0
        while (end := chunk.find(b"\n", start)) >= 0:
            lines.append(self._completed(chunk[:end]) if self._parts else view[start:end])
            start = end + 1
        if start < len(chunk):
            self._parts.append(chunk[start:])
            self._size += len(chunk) - start
        longest = max([self._size, *map(len, lines)])
        if longest > MAX_LINE:
            raise LineTooLongError(f"A line of the watch has {longest} bytes, more than {MAX_LINE}")
        return [line for line in lines if not _is_blank(line)]

    def _completed(self, end: bytes) -> bytes:
        line = b"".join([*self._parts, end])
        self._parts.clear()
        self._size = 0
        return line


def _is_blank(line: Line) -> bool:
    return not line or (line[0] <= _SPACE and not bytes(line).strip())
