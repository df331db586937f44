"""`argo retry` and `argo resubmit`: formulated by Argo's own code, written as Argo's server writes them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.access import Workflows


@dataclass(frozen=True, slots=True)
class ArgoCli:
    """The two commands.

    Args:
        program: The built ``argocommands``.
        workflows: Where they act.
    """

    program: Path
    workflows: Workflows

    def retry(self, name: str) -> None:
        """Run a workflow that has failed once more, as the same object.

        Args:
            name: Its name.
        """
        api, pods = self.workflows.cluster.api, self.workflows.cluster.collection("pods")
        answer = self._formulate("retry", name)
        for pod in answer["pods"]:
            api.delete(f"{pods}/{pod}")
        api.request("PUT", self.workflows.path(name), answer["workflow"])

    def resubmit(self, name: str) -> str:
        """Run a copy of a workflow, which goes with the test, and return its name.

        Args:
            name: The workflow's name.
        """
        cluster = self.workflows.cluster
        body = self._formulate("resubmit", name)["workflow"]
        created: str = cluster.api.create(cluster.collection("workflows"), body)["metadata"]["name"]
        self.workflows.created.append(self.workflows.path(created))
        return created

    def _formulate(self, command: str, name: str) -> dict[str, Any]:
        given = json.dumps(self.workflows.get(name)).encode()
        done = subprocess.run([self.program, command], input=given, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"argo {command}: {done.stderr.decode()}")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer
