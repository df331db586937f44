"""Record the stories of the controller comparison: `python tests/contract/record_stories.py [case ...]`.

Plays the cases (all of them, if none is named) on the real control plane, which Go builds, and writes what Argo's
controller made of them to `stories/`. With `--local`, plays those of the cases that are known to differ on the local
controller, and writes their stories beside the others. With `--crons`, does so with the cases of CronWorkflows.
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
from contract import crons, sides, stories
from contract.workflows_table import named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contract.player import Story


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Record the stories of the controller comparison.")
    parser.add_argument("case", nargs="*", help="the name of a case (default: all)")
    parser.add_argument("--local", action="store_true", help="record the local controller's, where it differs")
    parser.add_argument("--crons", action="store_true", help="record CronWorkflows, which takes three minutes")
    return parser


def _write(told: Mapping[str, Story], folder: Path, *, local: bool) -> int:
    failures = 0
    for name, story in told.items():
        if isinstance(story, Exception):
            failures += 1
            sys.stderr.write(f"{name}: {story!r}\n")
        else:
            stories.write(name, story, folder, local=local)
    sys.stderr.write(f"{len(told) - failures} stories recorded, {failures} failed\n")
    return failures


def _play_locally(options: argparse.Namespace, directory: Path) -> Mapping[str, Story]:
    if options.crons:
        differing = [case for case in crons.named(options.case) if case.differs]
        return asyncio.run(sides.play_crons_locally(differing, directory))
    return asyncio.run(sides.play_locally([case for case in named(options.case) if case.differs], directory))


def _play_for_real(options: argparse.Namespace, directory: Path) -> Mapping[str, Story]:
    toolchain = build()
    (directory / "plane").mkdir()
    with ControlPlane(toolchain, directory / "plane") as plane:
        if options.crons:
            return sides.play_crons_for_real(crons.named(options.case), plane)
        place = (directory / "cases", plane.kubeconfig, plane.namespace, toolchain)
        return asyncio.run(sides.play_for_real(named(options.case), *place))


def main() -> int:
    """Record; return 1 if a case did not come to its end."""
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        play = _play_locally if options.local else _play_for_real
        told = play(options, Path(folder))
    return 1 if _write(told, stories.CRONS if options.crons else stories.WORKFLOWS, local=options.local) else 0


if __name__ == "__main__":
    sys.exit(main())
