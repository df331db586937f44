"""Whose jobs these are: the one rule by which submitter and watcher arrive at the same user label."""

import getpass
from collections.abc import Mapping
from typing import Final

from nbargo_shared.slugs import slug

USER_VARIABLES: Final = ("NBARGO_USER", "JUPYTERHUB_USER")


def user_label(environ: Mapping[str, str]) -> str:
    """Return the value of the user label for this process.

    Args:
        environ: The process's environment. NBARGO_USER comes first: in a pod it holds the `hub.jupyter.org/username`
            label through the downward API, which is a slug already. Then JUPYTERHUB_USER, then the login name.
    """
    for variable in USER_VARIABLES:
        if environ.get(variable):
            return slug(environ[variable])
    try:
        return slug(getpass.getuser())
    except (KeyError, OSError):
        return slug("")
