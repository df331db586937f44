r"""Lines out of a stream of bytes.

A watch is one JSON document in each line. Lines end at the byte `\n` and nowhere else: text functions also split at
U+0085 and U+2028, which are valid inside JSON strings, and a chunk may end in the middle of a character.
"""

from typing import Final

from nbargo_shared.errors import ClusterError

MAX_LINE: Final = 4 * 1024 * 1024
"""Bytes in one line. etcd takes objects of 1.5 MiB; JSON escapes and managed fields make them longer."""


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

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that *chunk* completes, without their ends; empty lines are left out.

        Args:
            chunk: The next bytes of the stream, any number of them.

        Raises:
            LineTooLongError: A line is longer than MAX_LINE.
        """
        *lines, rest = chunk.split(b"\n")
        if lines:
            lines[0] = b"".join([*self._parts, lines[0]])
            self._parts.clear()
            self._size = 0
        if rest:
            self._parts.append(rest)
            self._size += len(rest)
        longest = max([self._size, *map(len, lines)])
        if longest > MAX_LINE:
            raise LineTooLongError(f"A line of the watch has {longest} bytes, more than {MAX_LINE}")
        return [line for line in lines if line and not line.isspace()]
