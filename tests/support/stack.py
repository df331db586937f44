"""The whole loop as separate processes: local Argo, watcher, JupyterLab. Each can be killed and started again.

In place of the local Argo there may be a cluster that runs already.
"""

import json
import os
import sqlite3
import ssl
import subprocess
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from nbargo_local.demo.place import NAMESPACE, Place
from nbargo_shared import labels
from nbargo_shared.database import open_to_read
from nbargo_shared.identity import user_label
from nbargo_shared.tables import HEARTBEAT_TABLE
from support.ports import free_port
from support.programs import Program
from support.rest import Rest
from support.waiting import eventually

USER = "alice"
TOKEN = "e2e"
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a stack reaches its cluster.

    Attributes:
        namespace: Where the Workflows are.
        lab: The lab's kubeconfig.
        watcher: The watcher's.
        test: The test's own.
    """

    namespace: str
    lab: Path
    watcher: Path
    test: Path


class Stack:
    """The programs of one user, in one folder.

    Args:
        root: The folder.
        variables: More of the programs' environment.
        access: A cluster; None for the local Argo, which is then one of the programs.
        user: Whose jobs these are. Two stacks of one user in one namespace would list each other's jobs.
    """

    def __init__(
        self,
        root: Path,
        *,
        variables: Mapping[str, str] | None = None,
        access: Access | None = None,
        user: str = USER,
    ) -> None:
        self.place = Place(root)
        self.place.make()
        own = self.place.kubeconfig
        self.access = access or Access(namespace=NAMESPACE, lab=own, watcher=own, test=own)
        self.environment = {
            **self.place.environment(os.environ, user=user),
            "NBARGO_NAMESPACE": self.access.namespace,
            **(variables or {}),
        }
        self._programs: dict[str, Program] = {}
        self._rest: Rest | None = None

    @property
    def rest(self) -> Rest:
        """The running lab's client."""
        assert self._rest is not None, "no lab runs"
        return self._rest

    def configure(self, **settings: Any) -> None:
        """Set traits of ArgoScheduler for the next start of the lab."""
        folder = self.place.root / "config"
        folder.mkdir(exist_ok=True)
        text = json.dumps({"ArgoScheduler": settings})
        (folder / "jupyter_server_config.json").write_text(text, encoding="utf-8")

    # Programs

    def start_argo(self, *options: str) -> Program:
        self.place.kubeconfig.unlink(missing_ok=True)
        program = self._start("argo", [*self.place.argo_command(), *options], self.environment)
        eventually(lambda: _alive(program) and self.place.kubeconfig.exists(), what="the local Argo is ready")
        return program

    def start_watcher(self, *options: str) -> Program:
        return self._start("watcher", self.place.watcher_command(*options), self._environment_of("watcher"))

    def start_lab(self, *options: str) -> Rest:
        port = free_port()
        command = self.place.lab_command(port=port, token=TOKEN, options=options)
        program = self._start("lab", command, self._environment_of("lab"))
        rest = Rest(f"http://127.0.0.1:{port}/", TOKEN)
        self._rest = rest
        eventually(lambda: _alive(program) and rest.is_ready(), what="the lab is ready", seconds=_START_SECONDS)
        return rest

    def program(self, name: str) -> Program:
        return self._programs[name]

    def stop(self, name: str) -> int:
        return self._taken(name).stop()

    def kill(self, name: str) -> None:
        self._taken(name).kill()

    def _taken(self, name: str) -> Program:
        if name == "lab" and self._rest is not None:
            self._rest.close()
            self._rest = None
        return self._programs.pop(name)

    def close(self) -> None:
        for name in [name for name in ("lab", "watcher", "argo") if name in self._programs]:
            self.stop(name)

    def once(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run `watcher --once`."""
        return subprocess.run(
            self.place.watcher_command("--once", *options),
            env=self._environment_of("watcher"),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def _environment_of(self, name: str) -> dict[str, str]:
        kubeconfig = {"lab": self.access.lab, "watcher": self.access.watcher}[name]
        return {**self.environment, "NBARGO_KUBECONFIG": str(kubeconfig)}

    def _start(self, name: str, command: list[str], environment: Mapping[str, str]) -> Program:
        program = Program(command, environment=environment, log=self.place.logs / f"{name}.log")
        self._programs[name] = program
        return program

    # What can be seen from outside

    def rows(self) -> dict[str, dict[str, Any]]:
        """All jobs, all columns."""
        return self._table("jobs", key="job_id")

    def definition_rows(self) -> dict[str, dict[str, Any]]:
        """All job definitions, all columns."""
        return self._table("job_definitions", key="job_definition_id")

    def _table(self, name: str, *, key: str) -> dict[str, dict[str, Any]]:
        with closing(open_to_read(self.place.database)) as connection:
            connection.row_factory = sqlite3.Row
            return {row[key]: dict(row) for row in connection.execute(f"SELECT * FROM {name}")}  # noqa: S608 - ours

    def staged(self, job_id: str) -> Path:
        return self.place.staging / job_id

    def heartbeats(self) -> list[int]:
        """When each watcher last said that it lives; none before the first."""
        try:
            with closing(open_to_read(self.place.database)) as connection:
                return [row[0] for row in connection.execute(f"SELECT beat_at FROM {HEARTBEAT_TABLE}")]  # noqa: S608 - our own name
        except sqlite3.OperationalError:
            return []

    def workflows(self) -> dict[str, dict[str, Any]]:
        """The user's Workflows in the cluster, by the id of the job that they were made for."""
        mine = f"workflows?labelSelector={labels.selector(user_label(self.environment))}"
        items = self._kubernetes("GET", mine).json()["items"]
        return {item["metadata"]["name"].removeprefix(labels.NAME_PREFIX): item for item in items}

    def workflow_uids(self) -> set[str]:
        """The uids of the user's Workflows: what runs of definitions are known by."""
        return {item["metadata"]["uid"] for item in self.workflows().values()}

    def cron_workflows(self) -> dict[str, dict[str, Any]]:
        """The user's CronWorkflows in the cluster, by the id of their definition."""
        mine = f"cronworkflows?labelSelector={labels.selector(user_label(self.environment))}"
        items = self._kubernetes("GET", mine).json()["items"]
        return {item["metadata"]["name"].removeprefix(labels.NAME_PREFIX): item for item in items}

    def patch_cron_workflow(self, definition_id: str, patch: dict[str, Any]) -> None:
        """Change a CronWorkflow behind everybody's back, as `kubectl patch` does."""
        assert self._kubernetes("PATCH", f"cronworkflows/nb-{definition_id}", patch).is_success

    def delete_cron_workflow(self, definition_id: str) -> None:
        """Delete a CronWorkflow behind everybody's back, as kubectl does; what it started stays."""
        path = f"cronworkflows/nb-{definition_id}?propagationPolicy=Orphan"
        assert self._kubernetes("DELETE", path).is_success

    def delete_workflow(self, job_id: str) -> None:
        """Delete a Workflow behind everybody's back, as kubectl does."""
        assert self._kubernetes("DELETE", f"workflows/nb-{job_id}").is_success

    def _kubernetes(self, method: str, path: str, patch: dict[str, Any] | None = None) -> httpx.Response:
        config = yaml.safe_load(self.access.test.read_text(encoding="utf-8"))
        cluster, token = config["clusters"][0]["cluster"], config["users"][0]["user"]["token"]
        authority = cluster.get("certificate-authority")
        return httpx.request(
            method,
            f"{cluster['server']}/apis/argoproj.io/v1alpha1/namespaces/{self.access.namespace}/{path}",
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/merge-patch+json"},
            content=None if patch is None else json.dumps(patch),
            verify=ssl.create_default_context(cafile=authority) if authority else True,
            trust_env=False,
        )


MakeStack = Callable[..., Stack]


def _alive(program: Program) -> bool:
    program.check_alive()
    return True
