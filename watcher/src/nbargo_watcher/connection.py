"""Where the API server is, and who we are to it.

Two ways lead to a connection: the service account of a pod, read from its mounted files, and a kubeconfig, read by the
`kubernetes` package, which is imported only then. Both keep what they read fresh: a token that was rotated is found
within a minute, or at once when the server answers 401, and a changed CA makes a new TLS context.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import anyio
from anyio import to_thread

from nbargo_shared.errors import ConfigError

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""kubernetes.io, "Accessing the Kubernetes API from a Pod"."""
REREAD_AFTER: Final = 60.0
"""Seconds: client-go's transport/token_source.go."""
KUBECONFIG_EXTRA: Final = "nbargo-watcher[kubeconfig]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What one request needs to be let in.

    Attributes:
        authorization: Value of the Authorization header; "" for none.
        tls: The TLS context; None for plain HTTP.
        server_name: The name that the server's certificate must have, where it is not the address's.
    """

    authorization: str = ""
    tls: ssl.SSLContext | None = None
    server_name: str | None = None


class Reader(Protocol):
    """Reads credentials from where they are kept; runs in a thread, and keeps what has not changed."""

    def __call__(self, *, anew: bool) -> Credentials:
        """Return the credentials; *anew* says that the server did not accept the last ones."""
        ...


class Connection:
    """An API server and our credentials for it.

    Args:
        url: Its address, without a slash at the end.
        namespace: The namespace that the pod or the kubeconfig's context is in.
        reader: Reads the credentials.
        proxy: Address of an HTTP proxy, if the kubeconfig names one.
    """

    def __init__(self, *, url: str, namespace: str, reader: Reader, proxy: str | None = None) -> None:
        self.url = url
        self.namespace = namespace
        self.proxy = proxy
        self._reader = reader
        self._credentials: Credentials | None = None
        self._read_at = float("-inf")
        self._rejected = False

    async def credentials(self) -> Credentials:
        """Return the credentials for the next request, read again if a minute has passed or they were rejected.

        Raises:
            ConfigError: They could never be read. Once they could, the last ones stay in use.
        """
        now = anyio.current_time()
        if self._credentials and not self._rejected and now - self._read_at < REREAD_AFTER:
            return self._credentials
        anew, self._rejected, self._read_at = self._rejected, False, now
        try:
            self._credentials = await to_thread.run_sync(lambda: self._reader(anew=anew))
        except ConfigError:
            # A file that is just being exchanged: client-go keeps the previous token, too.
            if self._credentials is None:
                raise
        return self._credentials

    def reject(self) -> None:
        """Say that the server answered 401: the next request reads the credentials again."""
        self._rejected = True


class ServiceAccount:
    """Reads the token and the CA that Kubernetes keeps up to date in a pod's files.

    Args:
        folder: Where they are mounted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = b""
        self._tls: ssl.SSLContext | None = None

    def __call__(self, *, anew: bool) -> Credentials:
        """Return what the files hold now."""
        del anew  # the files are read each time
        token = _read(self._folder / "token").decode("ascii", "replace").strip()
        if not token:
            raise ConfigError(f"The service-account token in {self._folder} is empty")
        ca = _read(self._folder / "ca.crt")
        if ca != self._ca:
            self._tls = _trusting(ca)
            self._ca = ca
        return Credentials(authorization=f"Bearer {token}", tls=self._tls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the user chose about the cluster.

    Attributes:
        kubeconfig: Path of a kubeconfig, or several with the system's path separator; "" for the usual places.
        context: A context of it; "" for the current one.
    """

    kubeconfig: str = ""
    context: str = ""


async def connect(choice: Choice, environ: Mapping[str, str], *, folder: Path = SERVICE_ACCOUNT) -> Connection:
    """Return the connection that the settings and the environment lead to.

    What the user names comes first (--kubeconfig, --context, then KUBECONFIG), then the pod's service account, then
    ~/.kube/config, which is kubectl's order.

    Args:
        choice: What the user chose.
        environ: The process's environment.
        folder: Where a pod's service account is mounted.

    Raises:
        ConfigError: None of them is there, or it cannot be used.
    """
    return await to_thread.run_sync(_find, choice, environ, folder)


def _find(choice: Choice, environ: Mapping[str, str], folder: Path) -> Connection:
    named = choice.kubeconfig or environ.get("KUBECONFIG", "")
    if not named and not choice.context and environ.get("KUBERNETES_SERVICE_HOST"):
        return _in_cluster(environ, folder)
    default = _home(environ) / ".kube" / "config"
    if not named and not default.exists():
        raise ConfigError(
            "No cluster is configured: this is not a pod with a service account, and there is no kubeconfig",
            hint="Name one with --kubeconfig or NBARGO_KUBECONFIG, or run the watcher in a pod",
        )
    return _from_kubeconfig(named or str(default), choice.context)


def _home(environ: Mapping[str, str]) -> Path:
    try:
        return Path(environ.get("HOME", "~")).expanduser()
    except RuntimeError:  # a container's user id that /etc/passwd does not have: there is nothing to be found
        return Path("/nonexistent")


def _in_cluster(environ: Mapping[str, str], folder: Path) -> Connection:
    host = environ["KUBERNETES_SERVICE_HOST"]
    port = environ.get("KUBERNETES_SERVICE_PORT_HTTPS") or environ.get("KUBERNETES_SERVICE_PORT") or "443"
    namespace = folder / "namespace"
    return Connection(
        url=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        namespace=_read(namespace).decode().strip() if namespace.exists() else "default",
        reader=ServiceAccount(folder),
    )


def _from_kubeconfig(path: str, context: str) -> Connection:
    try:
        from nbargo_watcher import kubeconfig  # noqa: PLC0415 - needs an optional package
    except ModuleNotFoundError as error:
        raise ConfigError(
            "Reading a kubeconfig needs the 'kubernetes' package, which is not installed",
            hint=f"Install it with: pip install '{KUBECONFIG_EXTRA}'",
        ) from error
    loaded = kubeconfig.Kubeconfig(path=path, context=context)
    loaded(anew=False)
    return Connection(url=loaded.url, namespace=loaded.namespace, reader=loaded, proxy=loaded.proxy)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"The service account's file {path} cannot be read ({error.strerror})",
            hint="Mount the pod's service-account token (automountServiceAccountToken), or name a kubeconfig",
        ) from error


def _trusting(ca: bytes) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=ca.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError("The service account's CA certificate cannot be used") from error
