"""Whom a job tells of its end: what the user asked for, checked against what the administrator allows.

The job's pod sends the messages (runner/notify.py). What it needs for that goes into NBARGO_JOB, but for the secrets:
those are environment variables that refer to Secrets, and only the ones that this job needs.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from nbargo_shared.errors import InputError
from nbargo_submitter import notice_settings

ON: Final = ("success", "failure", "both")
MAX_RECIPIENTS: Final = 20

_MAX_URL: Final = 2000
_MAX_ADDRESS: Final = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets
_CHANNEL_NAME: Final = re.compile(r"[^\W_A-Z][\w-]{0,79}")  # Slack: 80 characters, no capitals
_CHANNEL_ID: Final = re.compile(r"[CDGUWZ][A-Z0-9]{8,20}")
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`|~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`|~-]+)*"
    r"@(?P<domain>([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)"
)


def job_member(notify: Mapping[str, str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the member `notify` of NBARGO_JOB: whom the pod tells, and how; empty if nobody.

    It holds no secret, only the names of the environment variables that `variables` makes.

    Args:
        notify: The job's texts under notify_on, notify_slack, notify_email and notify_webhook, those that were given.
        settings: `c.ArgoScheduler.notifications`.

    Raises:
        InputError: One of the texts is not usable, or the administrator has not set up what it names.
        ConfigError: The settings are not usable.
    """
    targets = {
        name: make(notify[f"notify_{name}"], settings)
        for name, make in _TARGETS.items()
        if notify.get(f"notify_{name}")
    }
    on = notify.get("notify_on", "both")
    if on not in ON:
        raise InputError(f"notify_on is '{on[:80]}'", hint=f"Write one of: {', '.join(ON)}")
    if not targets and "notify_on" in notify:
        raise InputError(
            "notify_on is given, but nobody to tell", hint="Add notify_slack, notify_email or notify_webhook"
        )
    return {"on": on, **targets} if targets else {}


def variables(notify: Mapping[str, str], settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the environment variables with the secrets that a job needs for its messages, in Kubernetes' form.

    Each refers to a Secret. It is optional: without its Secret a job runs all the same, and its log says what is
    missing.

    Args:
        notify: As for `job_member`, which has accepted it.
        settings: `c.ArgoScheduler.notifications`.

    Raises:
        ConfigError: The settings are not usable.
    """
    sources: list[notice_settings.Source | None] = []
    if notify.get("notify_slack") and (slack := notice_settings.slack(settings)):
        sources.append(slack.token)
    if notify.get("notify_email") and (mail := notice_settings.mail(settings)):
        sources += [mail.user, mail.password]
    if notify.get("notify_webhook") and (webhook := notice_settings.webhook(settings)):
        sources.append(webhook.secret)
    return {
        source.variable: {"valueFrom": {"secretKeyRef": {"name": source.secret, "key": source.key, "optional": True}}}
        for source in sources
        if source and source.secret
    }


def _slack(channel: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    slack = notice_settings.slack(settings)
    if slack is None:
        raise _not_set_up("Slack", "notify_slack")
    name = channel.removeprefix("#")
    is_id = _CHANNEL_ID.fullmatch(channel) is not None
    if not is_id and not (_CHANNEL_NAME.fullmatch(name) and name == name.lower()):
        raise InputError(
            f"notify_slack is '{channel[:80]}', which is not a Slack channel",
            hint="Write its name in small letters, such as #reports, or its id, such as C024BE91L",
        )
    shown = channel if is_id else f"#{name}"
    return {"channel": shown, "url": slack.url, "token": slack.token.variable, "max_bytes": slack.max_bytes}


def _email(text: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    mail = notice_settings.mail(settings)
    if mail is None:
        raise _not_set_up("e-mail", "notify_email")
    recipients = list(dict.fromkeys(part.strip() for part in text.split(",")))
    if len(recipients) > MAX_RECIPIENTS:
        raise InputError(f"notify_email names {len(recipients)} addresses", hint=f"Write {MAX_RECIPIENTS} at most")
    for recipient in recipients:
        match = _ADDRESS.fullmatch(recipient)
        if match is None or len(recipient) > _MAX_ADDRESS:
            raise InputError(
                f"notify_email names '{recipient[:80]}', which is not an e-mail address",
                hint="Write addresses such as jane@example.com, with commas between them",
            )
        if mail.allowed_domains and match["domain"].lower() not in mail.allowed_domains:
            raise InputError(
                f"notify_email names '{recipient[:80]}', to which no messages may go",
                hint=f"Mails may go to addresses of: {', '.join(mail.allowed_domains)}",
            )
    return {
        "to": recipients,
        "from": mail.sender,
        "host": mail.host,
        "port": mail.port,
        "security": mail.security,
        "user": mail.user and mail.user.variable,
        "password": mail.password and mail.password.variable,
        "max_bytes": mail.max_bytes,
    }


def _webhook(url: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    webhook = notice_settings.webhook(settings)
    if webhook is None:
        raise _not_set_up("a webhook", "notify_webhook")
    place = notice_settings.address(url)
    if place is None or len(url) > _MAX_URL:
        raise InputError(
            f"notify_webhook is '{url[:80]}', which is not a plain URL",
            hint="Write one such as https://example.com/hooks/reports",
        )
    if not any(allowed.covers(place) for allowed in webhook.allowed):
        raise InputError(
            f"notify_webhook names {place.scheme}://{place.host}, to which no messages may go",
            hint="Ask the administrator to allow it",
        )
    return {"url": url, "secret": webhook.secret and webhook.secret.variable}


_TARGETS: Final = {"slack": _slack, "email": _email, "webhook": _webhook}


def _not_set_up(what: str, key: str) -> InputError:
    return InputError(
        f"The administrator has not set up messages by {what}", hint=f"Leave out {key}, or ask for it to be set up"
    )
