"""A client for the tests of the local API: short requests, and watches read line by line."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from nbargo_local.api.server import LocalServer

BASE = "/apis/argoproj.io/v1alpha1"
WORKFLOWS = f"{BASE}/namespaces/argo/workflows"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
DEADLINE_SECONDS = 10.0

Json = dict[str, Any]


def workflow(name: str = "", /, **metadata: Any) -> Json:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": ({"name": name} if name else {}) | metadata,
        "spec": {"entrypoint": "main"},
    }


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def names(self) -> list[str]:
        return [each["metadata"]["name"] for each in self.json["items"]]

    @property
    def version(self) -> str:
        return str(self.json["metadata"]["resourceVersion"])

    @property
    def refusal(self) -> tuple[int, str, str]:
        body = self.json
        assert body["kind"] == "Status"
        assert body["apiVersion"] == "v1"
        assert body["status"] == "Failure"
        assert body["code"] == self.status
        return self.status, body.get("reason", ""), body["message"]

    @property
    def causes(self) -> list[tuple[str, str]]:
        return [(each["reason"], each["field"]) for each in self.json["details"]["causes"]]


@dataclass(frozen=True, slots=True)
class WatchStream:
    response: aiohttp.ClientResponse

    async def event(self) -> Json | None:
        """Return the next event, or None at the clean end."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            line = await self.response.content.readline()
        assert not line or line.endswith(b"\n")
        event: Json | None = json.loads(line) if line else None
        return event

    async def told(self) -> tuple[str, str]:
        event = await self.event()
        assert event is not None
        return event["type"], event["object"]["metadata"]["name"]

    async def rest(self) -> list[Json]:
        events = []
        while (event := await self.event()) is not None:
            events.append(event)
        return events


@dataclass(frozen=True, slots=True)
class Api:
    server: LocalServer
    session: aiohttp.ClientSession

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        **query: str,
    ) -> Answer:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Accept": accept} | ({"Content-Type": content_type} if data is not None else {})
        async with self.session.request(
            method,
            self.server.url + path,
            data=data if data is None else io.BytesIO(data),  # aiohttp warns of large bytes
            headers=headers,
            params=query,
        ) as response:
            return Answer(response.status, dict(response.headers), await response.text())

    async def list(self, path: str = WORKFLOWS, **query: str) -> Answer:
        return await self.call("GET", path, **query)

    async def create(self, body: Json, **query: str) -> Json:
        answer = await self.call("POST", WORKFLOWS, body, **query)
        assert answer.status == 201, answer.text
        created: Json = answer.json
        return created

    async def patch(self, name: str, patch: Any, **query: str) -> Json:
        answer = await self.call("PATCH", f"{WORKFLOWS}/{name}", patch, content_type=MERGE, **query)
        assert answer.status == 200, answer.text
        patched: Json = answer.json
        return patched

    async def relabel(self, name: str, **labels: str | None) -> Json:
        return await self.patch(name, {"metadata": {"labels": labels}})

    async def delete(self, name: str, body: Any = None, **query: str) -> Answer:
        return await self.call("DELETE", f"{WORKFLOWS}/{name}", body, **query)

    @asynccontextmanager
    async def watch(
        self, path: str = WORKFLOWS, *, accept: str = "application/json", **query: str
    ) -> AsyncIterator[WatchStream]:
        async with self.session.get(
            self.server.url + path,
            params={"watch": "true", "timeoutSeconds": "30"} | query,
            headers={"Accept": accept},
        ) as response:
            assert response.status == 200, await response.text()
            assert response.content_type == "application/json"
            yield WatchStream(response)
