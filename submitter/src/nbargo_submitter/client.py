"""The Kubernetes API as the lab uses it: one Workflow or CronWorkflow created, read, patched or deleted at a time.

The official client's async side does the configuration, the authentication and the HTTP; it takes about 70 MB, so it
is imported on first use, in a worker thread.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nbargo_shared.errors import (
    ClusterConflictError,
    ClusterError,
    ClusterMissingError,
    ClusterRefusedError,
    ClusterUnreachableError,
    ConfigError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_SECONDS: Final = 4.0
"""How long a user waits for the news that nobody listens at the cluster's address."""
REQUEST_SECONDS: Final = 15.0
"""How long one request may take in all; an API server answers a write in under a second."""

WORKFLOWS: Final = "workflows"
CRON_WORKFLOWS: Final = "cronworkflows"

_PATH: Final = "/apis/argoproj.io/v1alpha1/namespaces/{namespace}/{resource}"
_JSON: Final = "application/json"
_MERGE_PATCH: Final = "application/merge-patch+json"
_METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_MESSAGE_LENGTH: Final = 500
_UNAUTHORIZED: Final = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Which cluster, and where in it.

    Attributes:
        namespace: The namespace for workflows; "" stands for the kubeconfig's or the pod's own.
        kubeconfig: A kubeconfig file; "" stands for KUBECONFIG, the pod's service account, or ~/.kube/config.
        context: A context of the kubeconfig; "" stands for its current one.
    """

    namespace: str = ""
    kubeconfig: str = ""
    context: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    method: str
    resource: str
    name: str = ""
    body: dict[str, Any] | None = None
    selector: str = ""
    accept: str = _JSON


@dataclass(slots=True)
class _Connection:
    api: Any  # kubernetes.aio.client.ApiClient, whose methods are partly untyped
    namespace: str
    users: int = 0
    is_retired: bool = False

    async def send(self, request: _Request) -> tuple[int, bytes]:
        """Send one request and return the answer's status and body."""
        self.users += 1
        try:
            return await _send(self, request)
        finally:
            self.users -= 1
            if self.is_retired:
                await self.retire()

    async def retire(self) -> None:
        """Close the connections as soon as no request uses them."""
        self.is_retired = True
        if self.users == 0:
            await self.api.close()


class Cluster:
    """The workflows of one namespace.

    Args:
        settings: Which cluster. Nothing is contacted or read before the first request.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: _Connection | None = None
        self._opening = asyncio.Lock()

    async def create(self, manifest: Mapping[str, Any], *, resource: str = WORKFLOWS) -> dict[str, Any]:
        """Create an object.

        Args:
            manifest: The object; its namespace becomes the one of the settings.
            resource: What it is: WORKFLOWS or CRON_WORKFLOWS.

        Returns:
            The object as the cluster has it.

        Raises:
            ClusterConflictError: An object of this name exists already.
            ClusterError: The cluster refused it, or nobody knows whether it was created (then it is transient and no
                ClusterUnreachableError).
        """
        namespace = (await self._connected()).namespace
        body = {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}
        return await self._request(_Request(method="POST", resource=resource, body=body))

    async def get(self, name: str, *, resource: str = WORKFLOWS) -> dict[str, Any] | None:
        """Return an object, or None if there is none of this name.

        Args:
            name: The object's name.
            resource: What it is.

        Raises:
            ClusterError: The question could not be answered.
        """
        try:
            return await self._request(_Request(method="GET", resource=resource, name=name))
        except ClusterMissingError as error:
            if error.hint:  # not this object is missing, but its namespace or its kind
                raise
            return None

    async def find(self, selector: str) -> list[dict[str, Any]]:
        """Return the metadata of the Workflows that a label selector matches; nothing else of them is sent.

        Args:
            selector: Such as `nbargo/user=alice,nbargo/definition-id=...`.

        Raises:
            ClusterError: The question could not be answered.
        """
        request = _Request(method="GET", resource=WORKFLOWS, selector=selector, accept=_METADATA_LIST)
        found = await self._request(request)
        return [item["metadata"] for item in found.get("items") or ()]

    async def patch(self, name: str, change: Mapping[str, Any], *, resource: str = WORKFLOWS) -> dict[str, Any]:
        """Apply a JSON merge patch to an object.

        Args:
            name: The object's name.
            change: The patch.
            resource: What it is.

        Raises:
            ClusterMissingError: There is no such object.
            ClusterConflictError: The patch names a resourceVersion that is no longer the object's.
            ClusterError: The cluster did not do it.
        """
        return await self._request(_Request(method="PATCH", resource=resource, name=name, body=dict(change)))

    async def delete(self, name: str, *, resource: str = WORKFLOWS, keeps_dependents: bool = False) -> None:
        """Delete an object; none of this name is all right.

        Args:
            name: The object's name.
            resource: What it is.
            keeps_dependents: Whether what belongs to it stays, such as the runs of a CronWorkflow. Otherwise that is
                deleted too, in the background.

        Raises:
            ClusterError: The cluster did not do it.
        """
        policy = "Orphan" if keeps_dependents else "Background"
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy}
        try:
            await self._request(_Request(method="DELETE", resource=resource, name=name, body=options))
        except ClusterMissingError as error:
            if error.hint:  # as in get
                raise

    async def close(self) -> None:
        """Close the connections."""
        connection, self._connection = self._connection, None
        if connection:
            await connection.retire()

    async def _request(self, request: _Request) -> dict[str, Any]:
        connection = await self._connected()
        status, raw = await connection.send(request)
        if status == _UNAUTHORIZED:  # a token has run out: an exec plugin or a file may have a new one
            if self._connection is connection:
                await self.close()
            connection = await self._connected()
            status, raw = await connection.send(request)
        return _answer(status, raw, name=request.name, namespace=connection.namespace)

    async def _connected(self) -> _Connection:
        async with self._opening:
            if self._connection is None:
                self._connection = await asyncio.to_thread(_open, self._settings)
            return self._connection


def _open(settings: Settings) -> _Connection:
    """Import the client and read its configuration; blocks for a second the first time."""
    from kubernetes.aio import client  # noqa: PLC0415 - on first use: it takes about 70 MB

    configuration = client.Configuration()
    namespace = asyncio.run(_configure(settings, configuration))
    try:
        return _Connection(client.ApiClient(configuration), settings.namespace or namespace)
    except OSError as error:
        raise ConfigError(f"The cluster's certificates cannot be read: {error}") from error


async def _configure(settings: Settings, configuration: Any) -> str:
    """Fill in the client's configuration and return the namespace that goes with it."""
    from yaml import YAMLError  # noqa: PLC0415 - comes with the client

    config: Any = import_module("kubernetes.aio.config")  # Any: its functions are untyped

    file = _kubeconfig(settings)
    if not file:
        try:
            config.load_incluster_config(client_configuration=configuration)
            return (_SERVICE_ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
        except (config.ConfigException, OSError) as error:
            raise ConfigError(
                "This server knows of no Kubernetes cluster",
                hint="Set NBARGO_KUBECONFIG or KUBECONFIG to a kubeconfig file, or run it in a pod with a service "
                "account token",
            ) from error
    try:
        loader = await config.load_kube_config(
            config_file=file, context=settings.context or None, client_configuration=configuration, persist_config=False
        )
    except (config.ConfigException, OSError, YAMLError, TypeError, AttributeError) as error:
        raise ConfigError(f"The kubeconfig {file} cannot be used: {error}") from error
    namespace = loader.current_context["context"].get("namespace") or "default"
    return str(namespace)


def _kubeconfig(settings: Settings) -> str:
    """Return the kubeconfig file to use, or "" for the pod's service account, which goes before a file in the home."""
    named = settings.kubeconfig or os.environ.get("NBARGO_KUBECONFIG") or os.environ.get("KUBECONFIG")
    if named:
        return named
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return ""
    file = Path.home() / ".kube" / "config"
    return str(file) if file.is_file() else ""


async def _send(connection: _Connection, request: _Request) -> tuple[int, bytes]:
    import aiohttp  # noqa: PLC0415 - imported by the client already

    kind = _MERGE_PATCH if request.method == "PATCH" else _JSON
    try:
        sent = await connection.api.param_serialize(
            method=request.method,
            resource_path=f"{_PATH}/{{name}}" if request.name else _PATH,
            path_params={"namespace": connection.namespace, "resource": request.resource, "name": request.name},
            header_params={"Content-Type": kind, "Accept": request.accept},
            query_params=[("labelSelector", request.selector)] if request.selector else [],
            body=request.body,
            auth_settings=["BearerToken"],
        )
        # The generated methods pass a pair of timeouts on as if it were one number, so the request is made here.
        response = await connection.api.call_api(
            *sent, _request_timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS, connect=CONNECT_SECONDS)
        )
        return response.status, await response.read()
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, OSError, aiohttp.ClientError) as error:
        raise _unanswered(connection, error) from error


def _unanswered(connection: _Connection, error: Exception) -> ClusterError:
    import aiohttp  # noqa: PLC0415 - as above

    host = connection.api.configuration.host
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.InvalidURL):
        return ClusterUnreachableError(f"The Kubernetes cluster at {host} cannot be reached ({_reason(error)})")
    return ClusterError(
        f"The Kubernetes cluster at {host} did not answer ({str(error) or type(error).__name__})",
        hint="Look at the list of jobs before you try again: the request may have arrived",
        transient=True,
    )


def _reason(error: Exception) -> str:
    """Return in a few words why there was no connection."""
    if isinstance(error, TimeoutError):
        return "no answer"
    number = getattr(error, "errno", None)
    return os.strerror(number) if isinstance(number, int) and number > 0 else str(error)


def _answer(status: int, raw: bytes, *, name: str, namespace: str) -> dict[str, Any]:
    """Return the object of a good answer, or raise what a bad one means."""
    try:
        document = json.loads(raw)
    except ValueError:
        document = None
    if 200 <= status < 300 and isinstance(document, dict):  # noqa: PLR2004 - HTTP's classes
        return document
    raise error_of(status, document, name=name, namespace=namespace)


def error_of(status: int, document: Any, *, name: str, namespace: str) -> ClusterError:
    """Return the error that an answer of the API server stands for.

    Args:
        status: The HTTP status.
        document: The body: a `Status` object where the API server itself answered, anything else from a proxy, and
            None for the plain text with which it answers for a resource that it does not know.
        name: The object's name, or "".
        namespace: The namespace.
    """
    said = document.get("message") if isinstance(document, dict) else None
    message = str(said or f"HTTP {status}")[:_MESSAGE_LENGTH]
    match status:
        case 401:
            hint = "Its token may have run out: log in to the cluster again, or ask the administrator"
            return ClusterRefusedError("The cluster does not accept this server's credentials", hint=hint, status=401)
        case 403:
            return ClusterRefusedError(f"The cluster does not allow this: {message}", status=403)
        case 404:
            return _missing(document, message, name=name, namespace=namespace)
        case 409:
            return ClusterConflictError(f"The cluster says: {message}", status=409)
        case 429 | 500 | 502 | 503 | 504:
            hint = "Try again in a minute; if it stays so, tell the administrator"
            return ClusterError(f"The cluster cannot answer now: {message}", hint=hint, status=status, transient=True)
        case _:
            return ClusterError(f"The cluster does not accept the job: {message}", status=status)


def _missing(document: Any, message: str, *, name: str, namespace: str) -> ClusterMissingError:
    if not isinstance(document, dict):
        hint = "Is Argo Workflows installed in this cluster?"
        return ClusterMissingError("The cluster knows no workflows", hint=hint, status=404)
    if (document.get("details") or {}).get("name") == name and name:
        return ClusterMissingError(f"The cluster says: {message}", status=404)
    hint = f"Check the namespace '{namespace}' (c.ArgoScheduler.namespace, NBARGO_NAMESPACE) and that Argo is installed"
    return ClusterMissingError(f"The cluster says: {message}", hint=hint, status=404)
