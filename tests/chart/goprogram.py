"""Programs of operators (helm, kubectl), built from the Go modules that pin them under ``tools/``.

Each is kept in the user's cache directory, so only the first run on a machine takes minutes.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from cluster.build import BuildError, find_go, locked, report, run_go

TOOLS = Path(__file__).parent / "tools"


@dataclass(frozen=True, slots=True)
class GoProgram:
    """A program.

    Args:
        name: Its own, and that of the folder with its go.mod.
        package: Its package.
        link: What the linker is told.
        go: The version of Go that it needs.
    """

    name: str
    package: str
    link: str
    go: str

    def build(self) -> Path:
        """Return the path of the program, and build it first if the cache lacks it.

        Raises:
            BuildError: There is no Go, or it cannot build.
        """
        try:
            go = find_go()
        except BuildError as error:
            hint = f"Go {self.go} or newer is needed to build {self.name}: install it from https://go.dev/dl"
            raise BuildError(hint) from error
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nbargo" / self.name
        target = cache / self._key(go)
        cache.mkdir(parents=True, exist_ok=True)
        with locked(cache / "lock"):
            if not target.exists():
                # Built beside its place and renamed, so that an interrupted build leaves nothing.
                with tempfile.TemporaryDirectory(dir=cache, prefix="building-") as unfinished:
                    self._compile(go, Path(unfinished) / self.name)
                    (Path(unfinished) / self.name).rename(target)
        return target

    @property
    def _module(self) -> Path:
        return TOOLS / self.name

    def _flags(self) -> tuple[str, ...]:
        return ("-trimpath", "-buildvcs=false", "-ldflags", self.link)

    def _key(self, go: str) -> str:
        digest = hashlib.sha256(repr((self._flags(), self.package)).encode())
        digest.update(run_go(go, self._module, "env", "GOVERSION", "GOOS", "GOARCH").encode())
        for path in (*sorted(self._module.glob("go.*")), *sorted(self._module.glob("*.go"))):
            digest.update(path.read_bytes())
        return f"{self.name}-{digest.hexdigest()[:16]}"

    def _compile(self, go: str, output: Path) -> None:
        report(f"building {self.name} (two minutes, once) ...")
        begin = time.monotonic()
        run_go(go, self._module, "build", *self._flags(), "-o", str(output), self.package)
        report(f"built {self.name} in {time.monotonic() - begin:.0f} s")
