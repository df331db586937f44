"""The secrets that messages need, kept from the notebook."""

from __future__ import annotations

import os
from typing import Any

MEMBERS = (("slack", "token"), ("email", "user"), ("email", "password"), ("webhook", "secret"))


def take_secrets(settings: dict[str, Any]) -> dict[str, str]:
    """Return the secrets by variable, and take them out of the environment, which the notebook's kernel inherits.

    The settings are the member `notify` of NBARGO_JOB.
    """
    names = {settings.get(kind, {}).get(member) for kind, member in MEMBERS}
    # Secrets are often made from a file, with the line's end at theirs.
    return {name: os.environ.pop(name).strip() for name in names if name and name in os.environ}
