"""Helm, built from its pinned Go module, and the chart rendered by it.

The version is that of ``tools/helm/go.mod``. The program is kept in the user's cache directory, so only the first run
on a machine takes minutes. Run this file to build ahead of the tests.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from cluster.build import BuildError, find_go, locked, report

CHART = Path(__file__).parents[2] / "helm" / "nbargo"
MODULE = Path(__file__).parent / "tools" / "helm"
PACKAGE = "helm.sh/helm/v3/cmd/helm"
# Helm's own Makefile sets these to the version of its Kubernetes libraries, without which it takes that for 1.20.
LIBRARIES = "-X helm.sh/helm/v3/pkg/{0}.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/{0}.k8sVersionMinor=37"
LINK = " ".join(["-s -w", LIBRARIES.format("chartutil"), LIBRARIES.format("lint/rules")])
BUILD_FLAGS = ("-trimpath", "-buildvcs=false", "-ldflags", LINK)
NAMESPACE = "jhub"
KUBERNETES_VERSION = "1.31"
"""What the chart is rendered for unless a test says otherwise: the oldest that it takes."""

Json = dict[str, Any]


class HelmError(Exception):
    """Helm refused; the message is what it prints."""


@dataclass(frozen=True, slots=True)
class Helm:
    """The program.

    Args:
        program: Its path.
    """

    program: Path

    def run(self, *arguments: str | Path) -> str:
        """Run it and return what it prints.

        Raises:
            HelmError: It failed.
        """
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise HelmError(done.stderr)
        return done.stdout

    def render(
        self,
        *options: str,
        values: Path | None = None,
        chart: Path = CHART,
        version: str = KUBERNETES_VERSION,
        namespace: str = NAMESPACE,
        release: str = "nbargo",
    ) -> list[Json]:
        """Return the objects of the chart.

        Args:
            options: More options, such as ``--set``.
            values: A file with values.
            chart: The chart's folder.
            version: The Kubernetes version that it is for.
            namespace: The release's.
            release: Its name.

        Raises:
            HelmError: The values are refused.
        """
        files: list[str | Path] = ["-f", values] if values else []
        place = ["--namespace", namespace, "--kube-version", version]
        text = self.run("template", release, chart, *place, *files, *options)
        return [document for document in yaml.safe_load_all(text) if document]


def build() -> Helm:
    """Return the pinned Helm, and build it first if the cache lacks it.

    Raises:
        BuildError: There is no Go, or it cannot build.
    """
    try:
        go = find_go()
    except BuildError as error:
        raise BuildError("Go 1.26 or newer is needed to build helm: install it from https://go.dev/dl") from error
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nbargo" / "helm"
    target = cache / _key(go)
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "lock"):
        if not target.exists():
            # Built beside its place and renamed, so that an interrupted build leaves nothing.
            with tempfile.TemporaryDirectory(dir=cache, prefix="building-") as unfinished:
                _compile(go, Path(unfinished) / "helm")
                (Path(unfinished) / "helm").rename(target)
    return Helm(target)


def _key(go: str) -> str:
    digest = hashlib.sha256(repr((BUILD_FLAGS, PACKAGE)).encode())
    digest.update(_go(go, "env", "GOVERSION", "GOOS", "GOARCH").encode())
    for name in ("go.mod", "go.sum"):
        digest.update((MODULE / name).read_bytes())
    return f"helm-{digest.hexdigest()[:16]}"


def _compile(go: str, output: Path) -> None:
    report("building helm (two minutes, once) ...")
    begin = time.monotonic()
    _go(go, "build", *BUILD_FLAGS, "-o", str(output), PACKAGE)
    report(f"built helm in {time.monotonic() - begin:.0f} s")


def _go(go: str, *arguments: str) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
    done = subprocess.run([go, *arguments], cwd=MODULE, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = " | ".join(done.stderr.strip().splitlines()[-5:])
        raise BuildError(f"go {arguments[0]} failed in tests/chart/tools/helm: {tail}")
    return done.stdout.strip()


def main() -> None:
    """Build and print where the program is."""
    try:
        helm = build()
    except BuildError as error:
        sys.exit(str(error))
    report(f"helm: {helm.program}")


if __name__ == "__main__":
    main()
