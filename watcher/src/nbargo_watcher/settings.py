"""The watcher's settings: what each means, where it comes from, and its default.

Every option of the command line is also an environment variable: `--log-level` is NBARGO_LOG_LEVEL. The command line
comes first. In a pod neither is needed.
"""

import re
import sys
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nbargo_shared.errors import ConfigError
from nbargo_shared.identity import USER_VARIABLES, user_label
from nbargo_shared.slugs import slug

PREFIX: Final = "NBARGO_"
_DIGESTED: Final = re.compile(r"[a-z0-9][-a-z0-9]{0,43}--x[0-9a-f]{16}")  # what slugs.slug returns for other names
_SQLITE_URL: Final = re.compile(r"sqlite(\+\w+)?:///(?P<path>[^?]+)")
_ADDRESS: Final = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")
_MAX_PORT: Final = 65535
_HOUR: Final = 3600.0
POD_JITTER: Final = 2.0
"""Seconds. When a hub comes back, hundreds of sidecars start together; two seconds make of them a hundred lists in each
second, and end before a lab server that starts beside answers its first request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the watcher is to do, and where.

    Attributes:
        namespaces: Where to look for workflows; empty for the namespace of the pod or of the kubeconfig's context.
        user: Value of the user label.
        user_guessed: Whether, in a pod, only the login name says whose jobs these are: all users may have the same.
        database: jupyter-scheduler's file.
        staging: jupyter-scheduler's staging directory.
        kubeconfig: A kubeconfig; "" for the usual places.
        context: A context of it; "" for the current one.
        archive: Address of argo-server, whose archive tells of workflows that are gone; "" for none.
        archive_token_file: A file with a token for it; "" for the cluster's credentials.
        archive_ca_file: A file with the CA certificates of argo-server; "" for the system's.
        start_jitter: Seconds, up to which the first request of a watcher that stays may be put off by chance.
        once: Whether to make the rows true and end.
        dry_run: Whether to write nothing.
        rebuild: Whether to bring back rows that users deleted.
        until_eof: Whether to end when standard input is closed.
        output: `text` or `json`: the summary of a single run.
        log_format: `console` or `json`.
        log_level: As in the logging module, in small letters.
        health_port: Where to answer about health, on all addresses; None for nowhere.
    """

    namespaces: tuple[str, ...] = ()
    user: str
    database: Path
    staging: Path
    kubeconfig: str = ""
    context: str = ""
    archive: str = ""
    archive_token_file: str = ""
    archive_ca_file: str = ""
    start_jitter: float = 0.0
    user_guessed: bool = False
    once: bool = False
    dry_run: bool = False
    rebuild: bool = False
    until_eof: bool = False
    output: str = "text"
    log_format: str = "console"
    log_level: str = "info"
    health_port: int | None = None


def resolve(options: Namespace, environ: Mapping[str, str]) -> Settings:
    """Return the settings that options and environment make.

    Args:
        options: What argparse returned; the environment is in its defaults already (`cli.parse`).
        environ: The process's environment, for what is not an option.

    Raises:
        ConfigError: A value cannot be used.
    """
    log_format = options.log_format or ("console" if sys.stderr.isatty() else "json")
    if options.once and options.until_eof:
        raise ConfigError("--once and --until-eof exclude each other")
    if options.rebuild and not options.once:
        raise ConfigError("--rebuild is for a single run", hint="Add --once")
    return Settings(
        namespaces=_namespaces(options.namespace or ()),
        user=_label(options.user) if options.user else user_label(environ),
        user_guessed=not (options.user or any(map(environ.get, USER_VARIABLES))) and _in_pod(environ),
        database=_database(options.db) if options.db else data_directory(environ) / "scheduler.sqlite",
        staging=_staging(options.staging, environ),
        kubeconfig=options.kubeconfig or "",
        context=options.context or "",
        archive=_address(options.archive or ""),
        archive_token_file=options.archive_token_file or "",
        archive_ca_file=options.archive_ca_file or "",
        start_jitter=_default_jitter(options, environ) if options.start_jitter is None else options.start_jitter,
        once=options.once,
        dry_run=options.dry_run,
        rebuild=options.rebuild,
        until_eof=options.until_eof,
        output=options.output,
        log_format=log_format,
        log_level=options.log_level or ("warning" if options.once else "info"),
        health_port=options.health_port,
    )


def data_directory(environ: Mapping[str, str]) -> Path:
    """Return Jupyter's data directory, as `jupyter_core.paths.jupyter_data_dir` finds it on Linux and macOS.

    Args:
        environ: The process's environment.

    Raises:
        ConfigError: It would be in the home folder, and nobody knows where that is.
    """
    if named := environ.get("JUPYTER_DATA_DIR"):
        return Path(named)
    try:
        home = Path(environ.get("HOME", "~")).expanduser()
    except RuntimeError as error:  # a container's user id that /etc/passwd does not have
        raise ConfigError(
            "The home folder is not known: HOME is not set, and this user has no entry in /etc/passwd",
            hint="Set HOME, or both NBARGO_DB and NBARGO_STAGING",
        ) from error
    if sys.platform == "darwin":
        return home / "Library" / "Jupyter"
    return Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "jupyter"


def seconds(text: str) -> float:
    """Return a number of seconds, an hour at most; for argparse.

    Raises:
        ValueError: It is none.
    """
    value = float(text)
    if not 0 <= value <= _HOUR:
        raise ValueError(text)
    return value


def port(text: str) -> int:
    """Return the number of a TCP port; for argparse.

    Raises:
        ValueError: It is none.
    """
    value = int(text)
    if not 0 < value <= _MAX_PORT:
        raise ValueError(text)
    return value


def is_on(text: str) -> bool:
    """Return what the variable of a switch says.

    Raises:
        ConfigError: Neither yes nor no.
    """
    value = text.strip().lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"", "0", "false", "no", "off"}:
        return False
    raise ConfigError(f"'{text}' is neither yes nor no", hint="Use 1 or 0")


def _default_jitter(options: Namespace, environ: Mapping[str, str]) -> float:
    """Return the jitter of a sidecar: nobody waits for it, but somebody does for what a person or a lab starts."""
    alone = options.once or options.until_eof or options.kubeconfig
    return POD_JITTER if _in_pod(environ) and not alone else 0.0


def _in_pod(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("KUBERNETES_SERVICE_HOST"))


def _address(text: str) -> str:
    if text and not _ADDRESS.fullmatch(text):
        raise ConfigError(f"'{text}' is not the address of an argo-server", hint="Use https://HOST:2746")
    return text.rstrip("/")


def _label(user: str) -> str:
    """Return the label of a user name; the label of one that is no plain slug may be given as well."""
    return user if _DIGESTED.fullmatch(user) else slug(user)


def _namespaces(values: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    names = (name.strip() for value in values for name in value.split(","))
    return tuple(dict.fromkeys(name for name in names if name))


def _staging(value: str | None, environ: Mapping[str, str]) -> Path:
    return Path(value).expanduser() if value else data_directory(environ) / "scheduler_staging_area"


def _database(value: str) -> Path:
    """Return the file that a path or an SQLAlchemy URL names, such as jupyter-scheduler's `db_url`."""
    if "://" not in value:
        return Path(value).expanduser()
    found = _SQLITE_URL.fullmatch(value.partition("?")[0])
    if found is None or found["path"] == ":memory:":
        raise ConfigError(f"The database '{value}' is not an SQLite file", hint="Use a path, or sqlite:///PATH")
    return Path(found["path"]).expanduser()
