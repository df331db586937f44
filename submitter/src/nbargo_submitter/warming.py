"""What the first submission imports, imported while its form is filled in.

Hera and the Kubernetes client take more than a second and some 35 MB. The lab's start must not pay for them, nor a user
who only looks at the list; but JupyterLab asks for the environments when its form is opened (or the page of a job).
"""

import importlib
import threading
from contextlib import suppress
from functools import cache
from typing import Final

NEEDED: Final = ("hera.workflows", "kubernetes.aio.client")


@cache
def warm_up() -> None:
    """Begin to import in a thread, once; what cannot be imported is told by the submission."""
    threading.Thread(target=_import, name="nbargo's imports", daemon=True).start()


def _import() -> None:
    for name in NEEDED:
        with suppress(ImportError):
            importlib.import_module(name)
