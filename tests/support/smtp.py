"""A mail server of one connection at a time (RFC 5321, with STARTTLS and AUTH PLAIN), which keeps what it accepts."""

import asyncio
import base64
import ssl
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

USER, PASSWORD = "jobs", "right"


@dataclass
class MailServer:
    """A mail server.

    Attributes:
        tls: With which certificate it speaks; None for no TLS.
        implicit: Whether it does so from the first byte, so that no STARTTLS is offered.
        login: Whether it takes mails only after a login.
        refused: Recipients that it does not know.
        greeting: What it says first; "" for nothing at all, ever.
    """

    tls: ssl.SSLContext | None = None
    implicit: bool = False
    login: bool = False
    refused: frozenset[str] = frozenset()
    greeting: str = "220 mail.example ready"
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    secured: bool = False

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not self.greeting:
                await asyncio.Event().wait()
            await _Session(self, reader, writer).hold()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()


class _Session:
    def __init__(self, server: MailServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._secure = server.implicit
        self._known = False
        self._recipients: list[str] = []

    async def hold(self) -> None:
        await self._say(self._server.greeting)
        while line := (await self._reader.readline()).decode("ascii").rstrip("\r\n"):
            verb, _, rest = line.partition(" ")
            if verb == "QUIT":
                await self._say("221 bye")
                return
            await self._say(await self._answer(verb.upper(), rest))
            if verb == "STARTTLS" and self._server.tls:
                await self._writer.start_tls(self._server.tls)
                self._secure = True

    async def _answer(self, verb: str, rest: str) -> str:
        answers = {"EHLO": self._hello, "AUTH": self._login, "MAIL": self._sender, "RCPT": self._recipient}
        if verb in answers:
            return answers[verb](rest)
        if verb == "DATA" and self._recipients:
            await self._say("354 go ahead")
            await self._take()
            return "250 taken"
        return "220 go ahead" if verb == "STARTTLS" and self._server.tls else "250 fine" if verb == "RSET" else "502 no"

    def _hello(self, _rest: str) -> str:
        offers = ["STARTTLS"] if self._server.tls and not self._secure else []
        offers += ["AUTH PLAIN"] if self._secure else []
        return "\r\n".join(["250-mail.example", *(f"250-{offer}" for offer in offers), "250 8BITMIME"])

    def _login(self, rest: str) -> str:
        _, user, password = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")
        self._known = self._secure and (user, password) == (USER, PASSWORD)
        return "235 welcome" if self._known else "535 5.7.8 authentication failed"

    def _sender(self, _rest: str) -> str:
        self._recipients = []
        return "530 5.7.0 authentication required" if self._server.login and not self._known else "250 fine"

    def _recipient(self, rest: str) -> str:
        address = rest.partition("<")[2].partition(">")[0]
        if address in self._server.refused:
            return "550 5.1.1 no such user here"
        self._recipients.append(address)
        return "250 fine"

    async def _take(self) -> None:
        data = (await self._reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
        self._server.raw.append(data)
        self._server.secured = self._secure
        self._server.mails.append(
            (self._recipients, message_from_bytes(data.replace(b"\r\n", b"\n"), policy=policy.default))
        )

    async def _say(self, text: str) -> None:
        self._writer.write(text.encode() + b"\r\n")
        await self._writer.drain()
