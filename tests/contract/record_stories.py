"""Record the stories of the controller comparison: `python tests/contract/record_stories.py [case ...]`.

Plays the cases (all of them, if none is named) on the real control plane, which Go builds, and writes what Argo's
controller made of them to `stories/`. With `--local`, plays those of the cases that are known to differ on the local
controller, and writes their stories beside the others.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from cluster.build import build
from cluster.controlplane import ControlPlane
from contract import sides, stories
from contract.workflows_table import named

if TYPE_CHECKING:
    from contract.player import Story


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Record the stories of the controller comparison.")
    parser.add_argument("case", nargs="*", help="the name of a case (default: all)")
    parser.add_argument("--local", action="store_true", help="record the local controller's, where it differs")
    return parser


def _write(told: dict[str, Story], *, local: bool) -> int:
    failures = 0
    for name, story in told.items():
        if isinstance(story, Exception):
            failures += 1
            sys.stderr.write(f"{name}: {story!r}\n")
        else:
            stories.write(name, story, local=local)
    sys.stderr.write(f"{len(told) - failures} stories recorded, {failures} failed\n")
    return failures


def main() -> int:
    """Record; return 1 if a case did not come to its end."""
    options = _parser().parse_args()
    cases = named(options.case)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        if options.local:
            differing = [case for case in cases if case.differs]
            told = asyncio.run(sides.play_locally(differing, directory))
        else:
            toolchain = build()
            (directory / "plane").mkdir()
            with ControlPlane(toolchain, directory / "plane") as plane:
                told = asyncio.run(
                    sides.play_for_real(cases, directory / "cases", plane.kubeconfig, plane.namespace, toolchain)
                )
    return 1 if _write(told, local=options.local) else 0


if __name__ == "__main__":
    sys.exit(main())
