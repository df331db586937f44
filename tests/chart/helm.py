"""Helm, built from its pinned Go module, and the chart rendered by it.

The version is that of ``tools/helm/go.mod``. The program is kept in the user's cache directory, so only the first run
on a machine takes minutes. Run this file to build ahead of the tests.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from chart.goprogram import GoProgram
from cluster.build import BuildError, report

CHART = Path(__file__).parents[2] / "helm" / "nbargo"
# Helm's own Makefile sets these to the version of its Kubernetes libraries, without which it takes that for 1.20.
LIBRARIES = "-X helm.sh/helm/v3/pkg/{0}.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/{0}.k8sVersionMinor=37"
LINK = " ".join(["-s -w", LIBRARIES.format("chartutil"), LIBRARIES.format("lint/rules")])
PROGRAM = GoProgram("helm", "helm.sh/helm/v3/cmd/helm", link=LINK, go="1.26")
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
    return Helm(PROGRAM.build())


def main() -> None:
    """Build and print where the program is."""
    try:
        helm = build()
    except BuildError as error:
        sys.exit(str(error))
    report(f"helm: {helm.program}")


if __name__ == "__main__":
    main()
