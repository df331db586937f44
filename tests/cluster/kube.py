"""A small synchronous Kubernetes client for tests: paths and JSON, nothing in between.

The tests compare what servers answer, so the client adds nothing to a request and hides nothing of
an answer. Credentials come from a kubeconfig, the only seam between the test's own control plane
and a real cluster.
"""

from __future__ import annotations

import json
import ssl
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx
from kubernetes import config as kubernetes_config
from kubernetes.client import Configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ARGO = "/apis/argoproj.io/v1alpha1"
MERGE_PATCH = "application/merge-patch+json"
POLL_SECONDS = 0.05

T = TypeVar("T")


class ApiError(Exception):
    """The server's answer was not a success.

    Args:
        response: The whole answer, body read.
    """

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"{response.request.method} {response.request.url}: {response.text}")
        self.status = response.status_code
        self.message = _message(response)


def _message(response: httpx.Response) -> str:
    """Return what the server says about a refusal, without the JSON around it."""
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return response.text


def wait_until(what: str, check: Callable[[], T | None], *, timeout: float = 60.0) -> T:
    """Call a check until it returns something true, and return that.

    Args:
        what: The condition in words, for the message of a failure.
        check: Returns a false value while the condition does not hold.
        timeout: Seconds to wait at most.

    Raises:
        TimeoutError: The condition did not hold in time.
    """
    deadline = time.monotonic() + timeout
    while not (result := check()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout:g} s: {what}")
        time.sleep(POLL_SECONDS)
    return result


def context_namespace(kubeconfig: Path) -> str:
    """Return the namespace of a kubeconfig's current context; Argo's usual one if it has none."""
    contexts = kubernetes_config.list_kube_config_contexts(str(kubeconfig))  # type: ignore[no-untyped-call]
    _, current = contexts
    namespace: str = current["context"].get("namespace", "argo")
    return namespace


def _configuration(kubeconfig: Path) -> Configuration:
    settings = Configuration()
    kubernetes_config.load_kube_config(  # type: ignore[no-untyped-call]
        str(kubeconfig), client_configuration=settings
    )
    return settings


def certificate_of(kubeconfig: Path) -> Path:
    """Return the file of the certificates that sign the server's."""
    return Path(str(_configuration(kubeconfig).ssl_ca_cert))


def client_settings(kubeconfig: Path) -> dict[str, Any]:
    """Return what a client of httpx has to be given for a kubeconfig: address, credentials, certificates."""
    settings = _configuration(kubeconfig)
    context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    headers = {}
    if token := settings.get_api_key_with_prefix("BearerToken"):
        headers["Authorization"] = token
    return {"base_url": settings.host, "headers": headers, "verify": context}


class Kube:
    """A client for one user of one API server.

    Args:
        kubeconfig: The file with the server's address and the user's credentials.
    """

    def __init__(self, kubeconfig: Path) -> None:
        settings = client_settings(kubeconfig)
        self.server: str = settings["base_url"]
        self.certificate = certificate_of(kubeconfig)
        self.http = httpx.Client(**settings, timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def request(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json"
    ) -> dict[str, Any]:
        """Send a request and return the JSON object of the answer.

        Args:
            method: HTTP's.
            path: The resource's path, with its query if it has one.
            body: What to send as JSON.
            content_type: The type of the body; a patch needs the one of its kind.

        Raises:
            ApiError: The answer is not a success.
        """
        content = None if body is None else json.dumps(body)
        response = self.http.request(method, path, content=content, headers={"Content-Type": content_type})
        if not response.is_success:
            raise ApiError(response)
        answer: dict[str, Any] = response.json()
        return answer

    def get(self, path: str) -> dict[str, Any]:
        """Return an object, or a list object."""
        return self.request("GET", path)

    def find(self, path: str) -> dict[str, Any] | None:
        """Return an object, or None where there is none."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create an object in a collection."""
        return self.request("POST", path, body)

    def ensure(self, path: str, body: dict[str, Any]) -> None:
        """Create an object unless one of its name exists."""
        try:
            self.create(path, body)
        except ApiError as error:
            if error.status != httpx.codes.CONFLICT:
                raise

    def merge(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Apply a JSON merge patch."""
        return self.request("PATCH", path, body, content_type=MERGE_PATCH)

    def delete(self, path: str) -> dict[str, Any]:
        """Delete an object, its dependents in the background."""
        return self.request("DELETE", path)

    @contextmanager
    def watch(self, path: str) -> Iterator[Iterator[dict[str, Any]]]:
        """Open a watch and yield its events as they arrive.

        Args:
            path: A collection, with its query except ``watch``.
        """
        parameters = "&watch=true" if "?" in path else "?watch=true"
        with self.http.stream("GET", path + parameters) as response:
            if not response.is_success:
                response.read()
                raise ApiError(response)
            yield (json.loads(line) for line in response.iter_lines())
