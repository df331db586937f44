"""Run cases against one API over plain HTTP, and return what it answered, normalised."""

from __future__ import annotations

import asyncio
import io
import json
import time
import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from string import Template
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import aiohttp

from contract.normalise import Normaliser, prefixes
from contract.script import Call, Case, Forget, Json, Read, Step, Watch

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Iterable, Mapping

# Below what the real server queues, and enough to hide the waiting of watches behind each other.
AT_ONCE: Final = 24
DEADLINE_SECONDS: Final = 20.0
BUFFER_BYTES: Final = 2**23  # one event may hold a whole object
USER_AGENT: Final = "contract/1.0"
SHOWN_HEADERS: Final = ("Content-Type", "Warning", "Retry-After")
# A server counts the timeout from its own start of the watch, a little before the client's.
EARLY_SECONDS: Final = 0.3

Answers = list[Json]


@dataclass(frozen=True, slots=True)
class Target:
    """An API to run cases against.

    Args:
        url: Its address, without a slash at the end.
        token: The bearer token of a user who may do everything.
        forget: Makes it forget its past.
        tls: How to verify it; None for plain HTTP.
    """

    url: str
    token: str
    forget: Callable[[], Awaitable[None]]
    tls: ssl.SSLContext | None = None


def namespaces_of(cases: Iterable[Case]) -> dict[str, tuple[str, str]]:
    """Choose the two namespaces of each case; they are new ones, so that a server may be used again."""
    run = uuid.uuid4().hex[:6]
    return {each.name: (f"case{number}-{run}", f"case{number}-{run}-b") for number, each in enumerate(cases)}


async def run_cases(
    target: Target, cases: Iterable[Case], namespaces: Mapping[str, tuple[str, str]]
) -> dict[str, Answers]:
    """Run cases side by side, and those that make the server forget after all others.

    Args:
        target: What to run them against.
        cases: Which ones.
        namespaces: Of each case, by its name; they exist.

    Returns:
        The normalised answers of each case, by its name.
    """
    answers: dict[str, Answers] = {}
    gate = asyncio.Semaphore(AT_ONCE)

    async def run(each: Case, forget: Callable[[], Awaitable[None]]) -> None:
        async with gate, AsyncExitStack() as stack:
            answers[each.name] = await Run(each, target, namespaces[each.name], forget, stack).answers()

    chosen = list(cases)
    forgetful = [each for each in chosen if _forgets(each)]
    await _together([run(each, target.forget) for each in chosen if each not in forgetful])
    once = _Once(target.forget, len(forgetful))
    await _together([run(each, once) for each in forgetful])
    return answers


async def _together(work: list[Any]) -> None:
    async with asyncio.TaskGroup() as group:
        for each in work:
            group.create_task(each)


def _forgets(each: Case) -> bool:
    return any(isinstance(step, Forget) for step in each.steps)


class _Once:
    """Lets all cases come to the same point, and forgets there once for all of them."""

    def __init__(self, forget: Callable[[], Awaitable[None]], parties: int) -> None:
        self._forget = forget
        self._barrier = asyncio.Barrier(max(parties, 1))

    async def __call__(self) -> None:
        if await self._barrier.wait() == 0:
            await self._forget()
        await self._barrier.wait()


@dataclass(slots=True)
class OpenWatch:
    """A watch that may be read.

    Args:
        response: Its answer, the headers read.
        opened: When, by the monotonic clock.
        seconds: Its timeout.
        last: The type of the last event that was read.
    """

    response: aiohttp.ClientResponse
    opened: float
    seconds: float
    last: str = ""


@dataclass(slots=True)
class Run:
    """One run of one case.

    Args:
        case: What to do.
        target: Where.
        namespaces: The case's own two.
        forget: Called where the case says so.
        stack: Closes what the run leaves open.
    """

    case: Case
    target: Target
    namespaces: tuple[str, str]
    forget: Callable[[], Awaitable[None]]
    stack: AsyncExitStack
    variables: dict[str, str] = field(default_factory=dict)
    watches: dict[str, OpenWatch] = field(default_factory=dict)

    async def answers(self) -> Answers:
        """Do all steps and return the normalised answers."""
        session = await self.stack.enter_async_context(self._session())
        self.variables = dict(zip(("ns", "ns2"), self.namespaces, strict=True))
        transcript = [await self._step(session, step) for step in self.case.steps]
        sent = {found for step in self.case.steps if isinstance(step, Call) for found in prefixes(step.body)}
        labels: dict[str, str] = dict(zip(self.namespaces, ("NS", "NS2"), strict=True))
        normaliser = Normaliser(transcript, labels, sent)
        return [normaliser.apply(each) for each in transcript]

    def _session(self) -> aiohttp.ClientSession:
        # A server that forgets may be another one afterwards: no connection is kept for it.
        connector = aiohttp.TCPConnector(limit=0, ssl=self.target.tls or True, force_close=_forgets(self.case))
        return aiohttp.ClientSession(
            connector=connector,
            headers={"Authorization": f"Bearer {self.target.token}", "User-Agent": USER_AGENT},
            skip_auto_headers=["Content-Type", "Accept"],
            timeout=aiohttp.ClientTimeout(total=3 * DEADLINE_SECONDS),
            read_bufsize=BUFFER_BYTES,
        )

    async def _step(self, session: aiohttp.ClientSession, step: Step) -> Json:
        match step:
            case Call():
                return await self._call(session, step)
            case Watch():
                return await self._watch(session, step)
            case Read():
                return await self._read(step)
            case Forget():
                await self.forget()
                return {"request": "(forget)"}

    async def _call(self, session: aiohttp.ClientSession, step: Call) -> Json:
        content = step.body if isinstance(step.body, bytes | None) else json.dumps(self._fill(step.body)).encode()
        headers = {"Accept": "application/json"} | dict(step.headers)
        if content is not None:
            headers.setdefault("Content-Type", "application/json")
        left_out = [name for name, value in headers.items() if not value]
        async with session.request(
            step.method,
            self.target.url + self._fill(step.path),
            params=self._fill(dict(step.query)),
            data=None if content is None else io.BytesIO(content),  # aiohttp warns of large bytes
            headers={name: value for name, value in headers.items() if value} | _blank(left_out),
        ) as response:
            answer = await _shown(response)
        if step.names and "items" in answer.get("body", {}):
            answer["body"] |= {"items": [_name(each) for each in answer["body"]["items"]]}
        self._keep(step.keep, answer.get("body"))
        return {"request": _request(step.method, step.path, step.query)} | answer

    async def _watch(self, session: aiohttp.ClientSession, step: Watch) -> Json:
        query = {"watch": "true", "timeoutSeconds": str(int(DEADLINE_SECONDS))} | dict(step.query)
        opened = time.monotonic()
        response = await session.get(
            self.target.url + self._fill(step.path), params=self._fill(query), headers={"Accept": step.accept}
        )
        self.stack.callback(response.close)
        answer: Json = {"request": _request("GET", step.path, query)}
        if response.status != 200:
            return answer | await _shown(response)
        self.watches[step.name] = OpenWatch(response, opened, float(query["timeoutSeconds"]))
        return answer | {"status": 200, "headers": _headers(response)}

    async def _read(self, step: Read) -> Json:
        if (found := self.watches.get(step.name)) is None:
            return {"events": [], "ends": "it never began"}
        events: list[Json] = []
        ends = "not yet"
        while step.count is None or len(events) < step.count:
            try:
                async with asyncio.timeout(DEADLINE_SECONDS):
                    line = await found.response.content.readline()
            except TimeoutError:
                ends = "nothing more came"
                break
            if not line:
                lasted = time.monotonic() - found.opened
                ends = "at its timeout" if lasted >= found.seconds - EARLY_SECONDS else "at once"
                break
            event = json.loads(line)
            if not event["type"] == found.last == "BOOKMARK":
                events.append(event)
            found.last = event["type"]
        self._keep(step.keep, {"events": events})
        return {"request": f"(read {step.name})", "events": events, "ends": ends}

    def _fill(self, value: Any) -> Any:
        match value:
            case str():
                return Template(value).substitute(self.variables)
            case list():
                return [self._fill(each) for each in value]
            case dict():
                return {self._fill(key): self._fill(each) for key, each in value.items()}
            case _:
                return value

    def _keep(self, wanted: Mapping[str, str], found: Any) -> None:
        for variable, place in wanted.items():
            value = found
            for part in place.split("."):
                value = value[int(part) if isinstance(value, list) else part]
            self.variables[variable] = str(value)


def _blank(names: list[str]) -> dict[str, str]:
    """Take away the session's own header."""
    return {name: "" for name in names if name == "Authorization"}


def _request(method: str, path: str, query: Mapping[str, str]) -> str:
    return f"{method} {path}" + (f"?{urlencode(query, safe='$=,/')}" if query else "")


async def _shown(response: aiohttp.ClientResponse) -> Json:
    text = await response.text()
    answer: Json = {"status": response.status, "headers": _headers(response)}
    if not text:
        return answer
    return answer | ({"body": json.loads(text)} if response.content_type == "application/json" else {"text": text})


def _headers(response: aiohttp.ClientResponse) -> Json:
    return {name: ", ".join(response.headers.getall(name)) for name in SHOWN_HEADERS if name in response.headers}


def _name(item: Json) -> str:
    name: str = item["metadata"]["name"]
    return name
