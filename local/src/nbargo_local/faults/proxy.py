"""A TCP proxy before the API, for what happens below HTTP.

It forwards bytes, and can stop doing so without a word (a half-open connection: the peer's host is gone, no FIN
comes), reset what is open, refuse or reset what comes, and be slow. With a certificate it speaks TLS to its clients.
"""

import asyncio
import ssl
from enum import Enum
from types import TracebackType
from typing import Final, Self

_HOST: Final = "127.0.0.1"
_CHUNK: Final = 64 * 1024


class Mode(Enum):
    """What becomes of connections that are made."""

    FORWARD = "forward"
    RESET = "reset"
    SILENT = "accept, and forward nothing"


class TcpProxy:
    """Listens on a free port of 127.0.0.1 while the context is entered.

    Args:
        port: The port of 127.0.0.1 to forward to.
        tls: How to speak TLS to clients; None for plain TCP.

    Attributes:
        port: Where it listens.
        mode: What becomes of connections that are made from now on.
        pause: Seconds between two chunks of an answer.
        chunk: Bytes of a chunk at most.
        connections: How many have been made.
        tls: As given; a change counts from the next `listen`.
    """

    def __init__(self, port: int, *, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self.mode = Mode.FORWARD
        self.pause = 0.0
        self.chunk = _CHUNK
        self.connections = 0
        self._target = port
        self.tls = tls
        self._open: dict[asyncio.StreamWriter, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.refuse()

    async def listen(self) -> None:
        """Accept connections, at the same port as before."""
        self._server = await asyncio.start_server(self._accept, _HOST, self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Reset what is open and refuse new connections, until `listen`."""
        if self._server is not None:
            self._server.close()
            self.reset()
            if self._tasks:
                await asyncio.wait(self._tasks)
            self._server = None

    def reset(self) -> None:
        """Reset every open connection."""
        for writer in self._open:
            writer.transport.abort()

    def silence(self) -> None:
        """Forward nothing more on the connections that are open, and end none of them."""
        for silent in self._open.values():
            silent.set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.mode is Mode.RESET:
            writer.transport.abort()
            return
        silent = self._open[writer] = asyncio.Event()
        if self.mode is Mode.SILENT:
            silent.set()
        try:
            inner_reader, inner_writer = await asyncio.open_connection(_HOST, self._target)
        except OSError:
            del self._open[writer]
            writer.transport.abort()
            return
        there = asyncio.create_task(self._forward(reader, inner_writer, silent))
        back = asyncio.create_task(self._forward(inner_reader, writer, silent, is_answer=True))
        try:
            await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._open[writer]
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
            for each in (writer, inner_writer):
                each.close()

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        silent: asyncio.Event,
        *,
        is_answer: bool = False,
    ) -> None:
        """Forward one direction until its end; a direction that is silent reads on, so that the end is noticed."""
        try:
            while data := await reader.read(self.chunk):
                if silent.is_set():
                    continue
                if is_answer and self.pause:
                    await asyncio.sleep(self.pause)
                writer.write(data)
                await writer.drain()
        except (OSError, ssl.SSLError):
            return
