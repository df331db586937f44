"""Record the answers of the real kube-apiserver: ``PYTHONPATH=tests .venv/bin/python -m contract.record``.

It needs what the cluster tests need, and takes about a minute once that is built. Look at the difference before you
commit it: it is what the real server answers now and did not answer before. All cases are recorded at once.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from cluster.build import build, report
from cluster.controlplane import ControlPlane
from contract.answers import FOLDER, write
from contract.cases import CASES
from contract.real import run_on_control_plane


def main() -> None:
    """Start the control plane, run all cases, write their answers."""
    toolchain = build()
    with tempfile.TemporaryDirectory() as directory, ControlPlane(toolchain, Path(directory)) as plane:
        answers = run_on_control_plane(plane, CASES)
    write(answers)
    report(f"{len(answers)} cases recorded in {FOLDER}")


if __name__ == "__main__":
    main()
