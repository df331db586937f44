"""Credentials from a kubeconfig.

The `kubernetes` package reads it: exec plugins, OIDC, token files and client certificates are its matter. Importing
it costs 40 MB, so this module is imported only when there is a kubeconfig to be read.
"""

import ssl
from pathlib import Path
from typing import Any

from kubernetes.client import Configuration
from kubernetes.config import ConfigException
from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger
from yaml import YAMLError

from nbargo_shared.errors import ConfigError
from nbargo_watcher.connection import Credentials


class Kubeconfig:
    """Reads a kubeconfig, and keeps what it says fresh.

    A token that the loader knows to have expired is renewed by it; when the server does not accept the credentials,
    everything is read from the files again.

    Args:
        path: Path of the file; several are merged, as kubectl does.
        context: Name of the context; "" for the current one.

    Attributes:
        url: Address of the API server.
        namespace: The context's namespace.
        proxy: The cluster's proxy, if it has one.
    """

    def __init__(self, *, path: str, context: str) -> None:
        self.url = ""
        self.namespace = "default"
        self.proxy: str | None = None
        self._path = path
        self._context = context
        self._configuration: Any = None
        self._tls: ssl.SSLContext | None = None
        self._tls_from: tuple[object, ...] = ()

    def __call__(self, *, anew: bool) -> Credentials:
        """Return what the kubeconfig says now."""
        try:
            configuration = self._fresh(anew=anew)
        except (ConfigException, YAMLError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError(
                f"The kubeconfig {self._path} cannot be used ({error})"[:500],
                hint="Check it with: kubectl --kubeconfig FILE cluster-info",
            ) from error
        return Credentials(
            authorization=configuration.api_key.get("BearerToken", ""),
            tls=self._context_of(configuration),
            server_name=getattr(configuration, "tls_server_name", None) or None,
        )

    def _fresh(self, *, anew: bool) -> Any:
        if anew or self._configuration is None:
            self._configuration = self._load()
        elif self._configuration.refresh_api_key_hook:
            self._configuration.refresh_api_key_hook(self._configuration)
        return self._configuration

    def _load(self) -> Any:
        # The loader's class, because only it tells the context's namespace beside the rest.
        make_loader: Any = KubeConfigLoader
        merge: Any = KubeConfigMerger
        config = merge(self._path).config
        if config is None:
            raise ConfigException("there is no such file")
        loader = make_loader(config, active_context=self._context or None, config_base_path=None)
        configuration = Configuration()
        loader.load_and_set(configuration)
        self.url = configuration.host.rstrip("/")
        self.namespace = loader.current_context["context"].get("namespace") or "default"
        self.proxy = configuration.proxy or None
        return configuration

    def _context_of(self, configuration: Any) -> ssl.SSLContext | None:
        if not self.url.startswith("https"):
            return None
        files = (configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file)
        source = (configuration.verify_ssl, *((name, Path(name).read_bytes()) for name in files if name))
        if self._tls is None or source != self._tls_from:
            self._tls, self._tls_from = _tls(configuration), source
        return self._tls


def _tls(configuration: Any) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert or None)
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError("The kubeconfig's certificates cannot be used") from error
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
