"""Plays the cases of the controller comparison over the Kubernetes API of either side."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from contract import commands
from contract.observe import Event, Object, tell
from contract.workflows import (
    DIRECTORY,
    NAME,
    Another,
    Case,
    Delete,
    Ended,
    Gone,
    Limits,
    Merge,
    Quiet,
    Resubmit,
    Resume,
    Retry,
    Touch,
    Until,
    UntilFile,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    import httpx

    from contract.workflows import Action

ARGO: Final = "/apis/argoproj.io/v1alpha1"
COMPLETED: Final = "workflows.argoproj.io/completed"
WORKFLOW: Final = "workflows.argoproj.io/workflow"
LONGEST_LABEL: Final = 63
PREFIX: Final = "story-"
PATIENCE: Final = 45.0  # seconds for one action; the longest real wait of a case is 5
QUIET: Final = 2.0  # seconds; see Quiet
POLL: Final = 0.1  # seconds between two looks at what nothing tells of
OWNER_SPEC: Final = {"entrypoint": "main", "suspend": True, "templates": [{"name": "main", "suspend": {}}]}


Story = Object | Exception
"""What a case tells, or why it did not come to its end."""


class StoryError(Exception):
    """A case did not come to its end."""


@dataclass(frozen=True, slots=True)
class Formulas:
    """What each side does in its own way: the commands of Argo's command line, and ConfigMaps.

    Args:
        retry: What `argo retry` writes: the new object, and the names of the pods to delete.
        resubmit: What `argo resubmit` writes.
        config_maps: Where the local side has its ConfigMaps, as folders; None on the real one, which serves them.
    """

    retry: Callable[[Object], tuple[Object, Sequence[str]]]
    resubmit: Callable[[Object], Object]
    config_maps: Path | None = None


LOCAL_FORMULAS: Final = Formulas(lambda workflow: (commands.retry(workflow), ()), commands.resubmit)


@dataclass(slots=True)
class Seen:
    """What a watch told of one Workflow."""

    events: list[Event] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def last(self) -> Object:
        """The newest state, or an empty object."""
        return self.events[-1][2] if self.events else {}


class Side:
    """One API server, and one watch of its Workflows for all cases.

    Args:
        client: Has the server's address and credentials.
        namespace: Where the Workflows are.
        formulas: What `argo retry` and `argo resubmit` write on this side.
        settle: Seconds without a change after which an ended Workflow is taken to have had its last one.
        dependents: The resources of what a Workflow leaves to the garbage collector.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        namespace: str,
        formulas: Formulas,
        *,
        settle: float,
        dependents: Sequence[str] = (),
    ) -> None:
        self._client = client
        self._namespace = namespace
        self.formulas = formulas
        self.settle = settle
        self._dependents = dependents
        self.seen: dict[str, Seen] = {}

    def path(self, name: str = "", resource: str = "workflows") -> str:
        """Return the path of a collection, or of one of its objects."""
        group = "/api/v1" if resource in {"pods", "configmaps"} else ARGO
        return f"{group}/namespaces/{self._namespace}/{resource}{'/' if name else ''}{name}"

    async def send(self, method: str, path: str, body: Object | None = None) -> Object:
        """Send a request and return its answer; a PATCH is a JSON merge patch."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        content = None if body is None else json.dumps(body)
        answer = await self._client.request(method, path, content=content, headers={"Content-Type": kind})
        if not answer.is_success:
            raise StoryError(f"{method} {path}: {answer.text}")
        found: Object = answer.json()
        return found

    async def configure(self, name: str, data: Mapping[str, str]) -> None:
        """Give a ConfigMap its data; none for no ConfigMap any more.

        Args:
            name: The ConfigMap's.
            data: Its keys and values.
        """
        if self.formulas.config_maps is not None:
            folder = self.formulas.config_maps / name
            shutil.rmtree(folder, ignore_errors=True)
            for key, value in data.items():
                folder.mkdir(parents=True, exist_ok=True)
                (folder / key).write_text(value)
            return
        await self.delete(self.path(name, "configmaps"))
        if data:
            await self.send("POST", self.path(resource="configmaps"), {"metadata": {"name": name}, "data": data})

    async def delete(self, path: str) -> None:
        """Delete an object that may be gone already."""
        answer = await self._client.delete(path)
        if not answer.is_success and answer.status_code != HTTPStatus.NOT_FOUND:
            raise StoryError(f"DELETE {path}: {answer.text}")

    async def remove(self, name: str) -> None:
        """Delete a Workflow and see its dependents go: the next one of its name would find them."""
        await self.delete(self.path(name))
        if len(name) > LONGEST_LABEL:  # it cannot have any
            return
        async with asyncio.timeout(PATIENCE):
            for resource in self._dependents:
                while await self._left(resource, name):  # noqa: ASYNC110 - the garbage collector tells nobody
                    await asyncio.sleep(POLL)

    async def _left(self, resource: str, name: str) -> bool:
        query = f"?labelSelector={WORKFLOW}={name}"
        return bool((await self.send("GET", self.path(resource=resource) + query))["items"])

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Follow all Workflows of the namespace while the block runs."""
        version = (await self.send("GET", self.path()))["metadata"]["resourceVersion"]
        follower = asyncio.create_task(self.watch("workflows", version, self._tell))
        try:
            yield
        finally:
            follower.cancel()
            with suppress(asyncio.CancelledError):
                await follower

    async def watch(self, resource: str, version: str, tell: Callable[[Object], Awaitable[None]]) -> None:
        """Follow a resource until cancelled.

        Args:
            resource: What.
            version: The resourceVersion to begin after.
            tell: Gets each event.
        """
        query = f"?watch=true&resourceVersion={version}"
        async with self._client.stream("GET", self.path(resource=resource) + query) as answer:
            if not answer.is_success:
                raise StoryError(f"watch: {(await answer.aread()).decode()}")
            async for line in answer.aiter_lines():
                await tell(json.loads(line))

    async def _tell(self, event: Object) -> None:
        seen = self.seen.get(event["object"].get("metadata", {}).get("name", ""))
        if seen is not None:
            async with seen.changed:
                seen.events.append((time.time(), event["type"], event["object"]))
                seen.changed.notify_all()


class Player:
    """Plays one case.

    Args:
        side: Where.
        case: What.
        directory: A folder for its files, which does not exist yet.
    """

    def __init__(self, side: Side, case: Case, directory: Path) -> None:
        self._side = side
        self._case = case
        self._directory = directory
        self._name = PREFIX + case.name
        self._manifests: dict[str, Object] = {}

    async def play(self) -> Object:
        """Play the case, delete what it made, and return its story.

        Raises:
            StoryError: It did not come to its end.
        """
        self._directory.mkdir(parents=True)
        try:
            await self._create()
            for action in self._case.actions:
                await self._do(action)
            files = [path.name for path in self._directory.iterdir()]
        finally:
            events = {name: list(self._side.seen[name].events) for name in self._manifests}
            for name in self._manifests:
                await self._side.remove(name)
            if self._case.limits:
                await self._side.configure(self._name, {})
        return tell(events, self._manifests, str(self._directory), files)

    async def _create(self) -> None:
        metadata = self._filled(self._case.metadata)
        if self._case.owned:
            owner = await self._submit(f"{self._name}-owner", {}, OWNER_SPEC)
            reference = {key: owner[key] for key in ("apiVersion", "kind")}
            reference |= {key: owner["metadata"][key] for key in ("name", "uid")}
            metadata["ownerReferences"] = [reference | {"controller": True, "blockOwnerDeletion": True}]
        if self._case.limits:
            await self._side.configure(self._name, self._case.limits)
        await self._submit(self._name, metadata, self._filled(self._case.spec))

    def _filled(self, part: Object) -> Object:
        text = json.dumps(part).replace(DIRECTORY, str(self._directory)).replace(NAME, self._name)
        filled: Object = json.loads(text)
        return filled

    async def _submit(self, name: str, metadata: Object, spec: Object) -> Object:
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {**metadata, "name": name}}
        self._manifests[name] = body | {"spec": spec}
        self._side.seen[name] = Seen()
        return await self._side.send("POST", self._side.path(), self._manifests[name])

    async def _do(self, action: Action) -> None:
        match action:
            case Until() | Ended() | Gone():
                await self._wait(action)
            case Quiet():
                await self._quiet(QUIET)
            case UntilFile(name):
                await self._until_file(name)
            case Touch(name):
                (self._directory / name.replace(NAME, self._name)).touch()
            case Retry() | Resubmit() | Resume():
                await self._command(action)
            case _:
                await self._write(action)

    async def _write(self, action: Merge | Another | Limits | Delete) -> None:
        match action:
            case Merge(patch, of):
                await self._side.send("PATCH", self._side.path(self._name + of), patch)
            case Another(of, spec):
                await self._submit(self._name + of, {}, self._filled(self._case.spec | spec))
            case Limits(data):
                await self._side.configure(self._name, data)
            case Delete(of):
                await self._side.delete(self._side.path(self._name + of))

    async def _command(self, action: Retry | Resubmit | Resume) -> None:
        path = self._side.path(self._name)
        workflow = await self._side.send("GET", path)
        if isinstance(action, Resubmit):
            new = self._side.formulas.resubmit(workflow)
            await self._submit(f"{self._name}-again", new["metadata"], new["spec"])
            return
        pods: Sequence[str] = ()
        if isinstance(action, Retry):
            workflow, pods = self._side.formulas.retry(workflow)
        else:
            workflow = commands.resume(workflow)
        for pod in pods:
            await self._side.delete(self._side.path(pod, "pods"))
        await self._side.send("PUT", path, workflow)

    async def _wait(self, action: Until | Ended | Gone) -> None:
        name = self._name + action.of
        seen = self._side.seen[name]
        try:
            async with asyncio.timeout(PATIENCE), seen.changed:
                await seen.changed.wait_for(lambda: self._holds(action, seen))
        except TimeoutError:
            raise StoryError(f"{name}: never saw {action}; last: {json.dumps(seen.last.get('status'))}") from None
        if isinstance(action, Ended):
            await self._quiet(self._side.settle)

    def _holds(self, action: Until | Ended | Gone, seen: Seen) -> bool:
        if not seen.events:
            return False
        if isinstance(action, Gone):
            return seen.events[-1][1] == "DELETED"
        if isinstance(action, Ended):
            return (seen.last["metadata"].get("labels") or {}).get(COMPLETED) == "true"
        display = action.node.replace(NAME, self._name)
        status = seen.last.get("status") or {}
        nodes = (status.get("nodes") or {}).values()
        states = [each for each in nodes if each["displayName"] == display] if display else [status]
        return any(
            each.get("phase") == action.phase and (each.get("message") or "").startswith(action.message)
            for each in states
        )

    async def _quiet(self, seconds: float) -> None:
        seen = self._side.seen[self._name]
        while True:
            try:
                async with asyncio.timeout(seconds), seen.changed:
                    await seen.changed.wait()
            except TimeoutError:
                return

    async def _until_file(self, name: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while not (self._directory / name).exists():  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(POLL)


async def play_all(side: Side, cases: Sequence[Case], directory: Path, *, at_once: int) -> dict[str, Story]:
    """Play cases side by side.

    Args:
        side: Where.
        cases: What.
        directory: Gets a folder for each case.
        at_once: How many cases run at the same time.

    Returns:
        The stories by the cases' names, or why there is none.
    """
    places = asyncio.Semaphore(at_once)

    async def one(case: Case) -> Object:
        async with places:
            return await Player(side, case, directory / case.name).play()

    async with side.watching():
        stories = await asyncio.gather(*(one(case) for case in cases), return_exceptions=True)
    told: dict[str, Story] = {}
    for case, story in zip(cases, stories, strict=True):
        if isinstance(story, BaseException) and not isinstance(story, Exception):
            raise story
        told[case.name] = story
    return told
