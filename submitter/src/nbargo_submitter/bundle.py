"""The runner as it travels in a manifest: its package, packed, with a few lines that unpack it in memory and run it.

Nothing is written in the pod for it, so that it starts, and can say why it cannot go on, even
where nothing is writable.
"""

import base64
import gzip
import io
import tarfile
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

PACKAGE: Final = "nbargo_runner"
"""What the package is called in the pod: a name that no package of a user has."""

_START: Final = """\
# The runner of a notebook job, packed. To read it, pipe this text through
#   sed -n 's/^PACKED = "\\(.*\\)"$/\\1/p' | base64 -d | tar -xz
import base64
import importlib.abc
import importlib.util
import io
import runpy
import sys
import tarfile

PACKED = "@packed@"


class Runner(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    def __init__(self):
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(PACKED)), mode="r:gz") as archive:
            self.files = {file.name: archive.extractfile(file).read().decode() for file in archive}

    def file(self, name):
        return name.replace(".", "/") + (".py" if "." in name else "/__init__.py")

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if self.file(name) in self.files else None

    def is_package(self, name):
        return "." not in name

    def get_source(self, name):
        return self.files[self.file(name)]

    def get_code(self, name):
        return compile(self.get_source(name), self.file(name), "exec")


sys.meta_path.insert(0, Runner())
runpy.run_module("@package@", run_name="__main__", alter_sys=True)
"""


@cache
def runner_source() -> str:
    """Return the text of the program that runs in a job's pod: Python that needs the standard library alone."""
    return _START.replace("@package@", PACKAGE).replace("@packed@", base64.b64encode(packed()).decode("ascii"))


def packed() -> bytes:
    """Return the runner's package as a tar.gz, the same bytes for the same modules."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, text in sorted(modules().items()):
            entry = tarfile.TarInfo(f"{PACKAGE}/{name}")  # dated 1970, and nobody's
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return gzip.compress(plain.getvalue(), compresslevel=9, mtime=0)


def modules() -> dict[str, bytes]:
    """Return the text of each of the runner's modules, by file name."""
    folder: Traversable = resources.files("nbargo_submitter") / "runner"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(".py")}
