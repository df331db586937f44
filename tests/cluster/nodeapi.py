"""What a process node asks of the API server, with its own rights and with those of the pods that it plays."""

from __future__ import annotations

import asyncio
import base64
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp

from cluster import podplay

if TYPE_CHECKING:
    from cluster.podplay import Pod, Reference

RETRY_SECONDS = 0.5
# What a server answers while it comes up, besides 5xx, and for how long that is believed to be why.
COMING_UP = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
COMING_UP_SECONDS = 30.0
# What a status or a result meets when its pod or workflow was deleted meanwhile.
GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
DEFAULT_ACCOUNT = "default"


class Api:
    """What a node asks of the API server.

    Args:
        session: Carries the server's address and the node's credentials.
        namespace: Whose pods are played.
        token: The one among them.
    """

    def __init__(self, session: aiohttp.ClientSession, *, namespace: str, token: str) -> None:
        self.session = session
        self.token = token
        self.core = f"/api/v1/namespaces/{namespace}"
        self.results = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/workflowtaskresults"

    async def send(self, method: str, path: str, body: Any, *, token: str | None = None) -> dict[str, Any] | None:
        """Send a request, again and again while the server is away.

        Args:
            method: HTTP's; a PATCH is a JSON merge patch.
            path: The resource.
            body: What is sent as JSON.
            token: A pod's, for what is asked in its name; None for the node's own rights.

        Returns:
            The answer; None where the server cannot do it: the object is gone or is there already, or the pod is gone
            whose token this is.

        Raises:
            RuntimeError: The server refused it, and had been up for long enough to know.
        """
        clock = asyncio.get_running_loop().time
        up = clock() + COMING_UP_SECONDS
        headers = {"Content-Type": "application/merge-patch+json" if method == "PATCH" else "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        gone = GONE if token is None else (*GONE, HTTPStatus.UNAUTHORIZED)
        while True:
            try:
                async with self.session.request(method, path, data=json.dumps(body), headers=headers) as answer:
                    text = await answer.text()
                    if answer.ok:
                        found: dict[str, Any] = json.loads(text)
                        return found
                    if answer.status in gone:
                        return None
                    coming_up = answer.status in COMING_UP and clock() < up
                    if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and not coming_up:
                        raise RuntimeError(f"{method} {path}: {text}")
            except aiohttp.ClientError as error:
                log(f"{method} {path}: {error!r}")
            await asyncio.sleep(RETRY_SECONDS)

    async def get(self, path: str) -> dict[str, Any]:
        """Return an object, or raise aiohttp's error."""
        async with self.session.get(path, raise_for_status=True) as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def pod_token(self, pod: Pod) -> str | None:
        """Return the token with which a pod's results are written, as a kubelet asks for it; None if the pod is gone.

        Tests that are not about rights have their pods run as ``default``, which has none: for them it is the node's.
        """
        account = pod["spec"].get("serviceAccountName", DEFAULT_ACCOUNT)
        if account == DEFAULT_ACCOUNT:
            return self.token
        bound = {"apiVersion": "v1", "kind": "Pod", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
        path = f"{self.core}/serviceaccounts/{account}/token"
        answer = await self.send("POST", path, {"spec": {"boundObjectRef": bound}})
        return None if answer is None else str(answer["status"]["token"])

    async def data(self, reference: Reference) -> dict[str, str]:
        """Return the text of all keys of a Secret or ConfigMap; nothing of one that is not there."""
        kind, name = reference
        try:
            found = (await self.get(f"{self.core}/{kind}/{name}")).get("data", {})
        except aiohttp.ClientResponseError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return {}
        if kind == "secrets":
            return {key: base64.b64decode(value).decode() for key, value in found.items()}
        return dict(found)


def log(line: str) -> None:
    """Write a line to the node's log."""
    print(podplay.now(), line, flush=True)  # noqa: T201  # the output is the log
