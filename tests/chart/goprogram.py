"""Programs of operators (helm, kubectl), built from the Go modules that pin them under ``tools/``.

Each is kept in the user's cache directory, so only the first run on a machine takes minutes.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from cluster.build import BuildError, find_go, locked, report

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

    def _flags(self) -> tuple[str, ...]:
        return ("-trimpath", "-buildvcs=false", "-ldflags", self.link)

    def _key(self, go: str) -> str:
        digest = hashlib.sha256(repr((self._flags(), self.package)).encode())
        digest.update(self._go(go, "env", "GOVERSION", "GOOS", "GOARCH").encode())
        folder = TOOLS / self.name
        for path in (folder / "go.mod", folder / "go.sum", *sorted(folder.glob("*.go"))):
            digest.update(path.read_bytes())
        return f"{self.name}-{digest.hexdigest()[:16]}"

    def _compile(self, go: str, output: Path) -> None:
        report(f"building {self.name} (two minutes, once) ...")
        begin = time.monotonic()
        self._go(go, "build", *self._flags(), "-o", str(output), self.package)
        report(f"built {self.name} in {time.monotonic() - begin:.0f} s")

    def _go(self, go: str, *arguments: str) -> str:
        environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
        done = subprocess.run(
            [go, *arguments],
            cwd=TOOLS / self.name,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            tail = " | ".join(done.stderr.strip().splitlines()[-5:])
            raise BuildError(f"go {arguments[0]} failed in tests/chart/tools/{self.name}: {tail}")
        return done.stdout.strip()
