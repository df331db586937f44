"""Label values for user names.

A slug has two duties: it is a valid Kubernetes label value for any string, and two different strings never share one.
A name that is a plain slug already (which is what JupyterHub's own `hub.jupyter.org/username` label holds) is kept, so
that administrators can select by it; anything else gets a readable part and a digest of the whole name.
"""

import hashlib
import re
from typing import Final

MAX_LENGTH: Final = 63  # a label value's limit: kubernetes.io, "Labels and Selectors"
_DIGEST_LENGTH: Final = 16  # 64 bits: no two of a million users collide by chance (p < 3e-8)
_SEPARATOR: Final = "--x"  # marks a digested slug; a plain one may not contain it
_PLAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_UNSAFE: Final = re.compile(r"[^a-z0-9]+")


def slug(name: str) -> str:
    """Return a label value for a name.

    Args:
        name: Any string, the empty one included.

    Returns:
        1 to 63 characters of a-z, 0-9 and `-`, the same for the same name, and different for different names.
    """
    if _PLAIN.fullmatch(name) and _SEPARATOR not in name:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_LENGTH]
    room = MAX_LENGTH - len(_SEPARATOR) - _DIGEST_LENGTH
    readable = _UNSAFE.sub("-", name.lower())[:room].strip("-") or "u"
    while _SEPARATOR in readable:
        readable = readable.replace(_SEPARATOR, "-x")
    return f"{readable}{_SEPARATOR}{digest}"
