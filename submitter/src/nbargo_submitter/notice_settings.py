"""What the administrator says about messages: `c.ArgoScheduler.notifications`, checked.

Three kinds of targets, each of which users may choose only if it is set here. Secrets are named, never written: as the
key of a Kubernetes Secret, or as an environment variable that the job's pod has anyway.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any, Final
from urllib.parse import urlsplit

from traitlets import Dict, HasTraits

from nbargo_shared.errors import ConfigError

SLACK_URL: Final = "https://slack.com/api"
SLACK_BYTES: Final = 20 * 1024 * 1024
"""What the pod uploads at most: it has half a minute for everything."""

MAIL_BYTES: Final = 7 * 1024 * 1024
"""What a mail carries at most, before base64 makes a third more of it: many servers accept 10 MB."""

MAX_MAIL_BYTES: Final = 25 * 1024 * 1024
"""A mail is made in memory, of which the job's pod may have little."""

_HINT: Final = "Correct c.ArgoScheduler.notifications in a Jupyter configuration file"
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_KEY: Final = re.compile(r"[-._A-Za-z0-9]{1,253}")
_HOST: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?")
_STEPS: Final = re.compile(r"(^|/)\.{1,2}(/|$)|%(2e|2f|5c)", re.IGNORECASE)


class NoticeTraits(HasTraits):
    """The setting of ArgoScheduler for messages."""

    notifications = Dict(
        config=True,
        help="""Whom jobs may tell of their end, each only if it is set: `slack` (token, url, max_bytes), `email` (host,
        port, security, from, user, password, allowed_domains, max_bytes), `webhook` (allowed, secret). A secret is
        {"secret": <name>, "key": <key>}, or {"variable": <name>} of an environment variable that the pod has anyway.
        Default: nobody.""",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a secret comes from.

    Attributes:
        variable: The environment variable that holds it in the job's pod.
        secret: Name of the Secret; "" if the pod has the variable anyway.
        key: Its key.
    """

    variable: str
    secret: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slack:
    """Slack, or a server with its web API.

    Attributes:
        token: The app's token.
        url: Where the API's methods are.
        max_bytes: How much of the outputs is uploaded at most.
    """

    token: Source
    url: str
    max_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail server.

    Attributes:
        host: Its name.
        port: Its port.
        security: starttls, tls or none.
        sender: Who the mails are from.
        user: Who logs in; None for no login.
        password: That one's.
        allowed_domains: Where mails may go, in lower case; empty for anywhere.
        max_bytes: How much of the outputs is attached at most.
    """

    host: str
    port: int
    security: str
    sender: str
    user: Source | None
    password: Source | None
    allowed_domains: tuple[str, ...]
    max_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The beginning of a URL.

    Attributes:
        scheme: http or https.
        host: In lower case.
        port: Always there.
        path: What the path begins with, without a slash at its end.
    """

    scheme: str
    host: str
    port: int
    path: str

    def covers(self, other: "Address") -> bool:
        """Return whether another one is at or below this one."""
        same = (self.scheme, self.host, self.port) == (other.scheme, other.host, other.port)
        return same and f"{other.path}/".startswith(f"{self.path}/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Programs that take messages as JSON.

    Attributes:
        allowed: Where they are.
        secret: What the messages are signed with; None for no signature.
    """

    allowed: tuple[Address, ...]
    secret: Source | None


def address(url: str) -> Address | None:
    """Return a URL's beginning; None for what is no plain URL of a web server.

    A user and a password, a fragment, dots as steps of the path (also in percent code), spaces and backslashes are not
    plain: programs read them in different ways, and a list of allowed addresses could be circumvented.

    Args:
        url: The URL.
    """
    if not url.isascii() or not url.isprintable() or re.search(r"[\s\\#]", url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    if "@" in parts.netloc or not parts.hostname or not port or _STEPS.search(parts.path):
        return None
    return Address(scheme=parts.scheme, host=parts.hostname, port=port, path=parts.path.rstrip("/"))


def slack(settings: Mapping[str, Any]) -> Slack | None:
    """Return what is set for Slack; None for nothing.

    Args:
        settings: `c.ArgoScheduler.notifications`.

    Raises:
        ConfigError: It is not usable.
    """
    given = _section(settings, "slack", ("token", "url", "max_bytes"))
    if given is None:
        return None
    url = str(given.get("url", SLACK_URL)).rstrip("/")
    if address(url) is None or "?" in url:
        raise _wrong("slack.url is not the URL of a web server")
    token = _source(given, "slack", "token", "NBARGO_SLACK_TOKEN")
    if token is None:
        raise _wrong("slack.token is missing")
    return Slack(token=token, url=url, max_bytes=_number(given, "slack", "max_bytes", SLACK_BYTES))


def mail(settings: Mapping[str, Any]) -> Mail | None:
    """Return what is set for e-mail; None for nothing.

    Args:
        settings: `c.ArgoScheduler.notifications`.

    Raises:
        ConfigError: It is not usable.
    """
    keys = ("host", "port", "security", "from", "user", "password", "allowed_domains", "max_bytes")
    given = _section(settings, "email", keys)
    if given is None:
        return None
    security = given.get("security", "starttls")
    if security not in _PORTS:
        raise _wrong("email.security is none of starttls, tls and none")
    if not _HOST.fullmatch(str(given.get("host", ""))):
        raise _wrong("email.host is not the name of a mail server")
    sender = str(given.get("from", ""))
    if "@" not in parseaddr(sender)[1] or not sender.isprintable():
        raise _wrong("email.from is not an address")
    user, password = _login(given, security)
    return Mail(
        host=given["host"],
        port=_number(given, "email", "port", _PORTS[security], most=65535),
        security=security,
        sender=sender,
        user=user,
        password=password,
        allowed_domains=tuple(domain.lower() for domain in _texts(given, "email", "allowed_domains")),
        max_bytes=_number(given, "email", "max_bytes", MAIL_BYTES, most=MAX_MAIL_BYTES),
    )


def webhook(settings: Mapping[str, Any]) -> Webhook | None:
    """Return what is set for webhooks; None for nothing.

    Args:
        settings: `c.ArgoScheduler.notifications`.

    Raises:
        ConfigError: It is not usable.
    """
    given = _section(settings, "webhook", ("allowed", "secret"))
    if given is None:
        return None
    found = []
    for url in _texts(given, "webhook", "allowed"):
        place = address(url)
        if place is None or "?" in url:
            raise _wrong(f"webhook.allowed holds '{url[:200]}', which is not the beginning of a URL")
        found.append(place)
    if not found:
        raise _wrong("webhook.allowed is missing: a list of what users' URLs may begin with")
    return Webhook(allowed=tuple(found), secret=_source(given, "webhook", "secret", "NBARGO_WEBHOOK_SECRET"))


def _section(settings: Mapping[str, Any], name: str, known: tuple[str, ...]) -> Mapping[str, Any] | None:
    for other in settings:
        if other not in {"slack", "email", "webhook"}:
            raise _wrong(f"'{str(other)[:80]}' is none of slack, email and webhook")
    given = settings.get(name)
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise _wrong(f"{name} is not a dictionary")
    for key in given:
        if key not in known:
            raise _wrong(f"{name} has no member '{str(key)[:80]}', but: {', '.join(known)}")
    return given


def _login(given: Mapping[str, Any], security: str) -> tuple[Source | None, Source | None]:
    user, password = (_source(given, "email", name, f"NBARGO_SMTP_{name.upper()}") for name in ("user", "password"))
    if (user is None) != (password is None):
        raise _wrong("email needs user and password, or neither")
    if user and security == "none":
        raise _wrong("email.password would be sent in clear: security has to be starttls or tls")
    return user, password


def _source(given: Mapping[str, Any], section: str, name: str, variable: str) -> Source | None:
    reference = given.get(name)
    if reference is None:
        return None
    texts = dict(reference) if isinstance(reference, Mapping) else {}
    if texts.keys() == {"variable"} and _VARIABLE.fullmatch(str(texts["variable"])):
        return Source(variable=str(texts["variable"]))
    secret, key = str(texts.get("secret", "")), str(texts.get("key", ""))
    if texts.keys() != {"secret", "key"} or not (_SECRET.fullmatch(secret) and _KEY.fullmatch(key)):
        raise _wrong(f'{section}.{name} is neither {{"secret": <name>, "key": <key>}} nor {{"variable": <name>}}')
    return Source(variable=variable, secret=secret, key=key)


def _number(given: Mapping[str, Any], section: str, name: str, default: int, *, most: int = 2**30) -> int:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise _wrong(f"{section}.{name} is not a whole number from 0 to {most}")
    return value


def _texts(given: Mapping[str, Any], section: str, name: str) -> list[str]:
    value = given.get(name, ())
    if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
        raise _wrong(f"{section}.{name} is not a list of texts")
    return list(value)


def _wrong(what: str) -> ConfigError:
    return ConfigError(f"The setting notifications is wrong: {what}", hint=_HINT)
