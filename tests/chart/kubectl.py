"""kubectl, of the release of the cluster tests' API server. Run this file to build ahead of the tests."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from chart.goprogram import GoProgram
from cluster.build import KUBERNETES_LINK, BuildError, report

PROGRAM = GoProgram("kubectl", ".", link=KUBERNETES_LINK, go="1.24")

if __name__ == "__main__":
    try:
        report(f"kubectl: {PROGRAM.build()}")
    except BuildError as error:
        sys.exit(str(error))
