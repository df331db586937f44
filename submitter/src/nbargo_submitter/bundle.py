"""The runner as it travels in a manifest: its package, packed, with a few lines that unpack it in memory and run it.

Nothing is written in the pod for it, so that it starts, and can say why it cannot go on, even
where nothing is writable.
"""

import ast
import base64
import gzip
import io
import tarfile
import tokenize
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

PACKAGE: Final = "nbargo_runner"
"""What the package is called in the pod: a name that no package of a user has."""

_TELLING: Final = ("notify", "report")
"""How the names of the modules begin that only a job with messages needs."""

_START: Final = """\
# The runner of a notebook job, packed, without its comments. To read it, pipe this text through
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
def runner_source(*, tells: bool = False) -> str:
    """Return the text of the program that runs in a job's pod: Python that needs the standard library alone.

    Args:
        tells: Whether somebody is to be told that the job has ended; the modules for it are a third of the program.
    """
    return _START.replace("@package@", PACKAGE).replace("@packed@", base64.b64encode(packed(tells=tells)).decode())


def packed(*, tells: bool) -> bytes:
    """Return the runner's package as a tar.gz, the same bytes for the same modules.

    Args:
        tells: As for `runner_source`.
    """
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, text in sorted(modules(tells=tells).items()):
            code = bare(text).encode()
            entry = tarfile.TarInfo(f"{PACKAGE}/{name}")  # dated 1970, and nobody's
            entry.size = len(code)
            archive.addfile(entry, io.BytesIO(code))
    return gzip.compress(plain.getvalue(), compresslevel=9, mtime=0)


def modules(*, tells: bool = True) -> dict[str, str]:
    """Return the text of each of the runner's modules, by file name.

    Args:
        tells: As for `runner_source`.
    """
    folder: Traversable = resources.files("nbargo_submitter") / "runner"
    files = [file for file in folder.iterdir() if file.name.endswith(".py")]
    return {file.name: file.read_text("utf-8") for file in files if tells or not file.name.startswith(_TELLING)}


def bare(text: str) -> str:
    """Return a module without what is meant for its readers here: docstrings and comments stay behind.

    Every statement keeps its line, so that a traceback from a pod can be read beside the module in this repository.

    Args:
        text: The module.
    """
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            string = node.body[0]
            lines[string.lineno - 1] = " " * string.col_offset + '""'
            for row in range(string.lineno, string.end_lineno or string.lineno):
                lines[row] = ""
    return "\n".join(lines) + "\n"
