"""The whole loop as separate processes: local Argo, watcher, JupyterLab. Each can be killed and started again."""

import json
import os
import sqlite3
import subprocess
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import yaml

from nbargo_local.demo.place import NAMESPACE, Place, free_port
from nbargo_shared.tables import HEARTBEAT_TABLE
from support.programs import Program
from support.rest import Rest
from support.waiting import eventually

USER = "alice"
TOKEN = "e2e"
_START_SECONDS = 60.0


class Stack:
    """The programs of one user, in one folder."""

    def __init__(self, root: Path, *, variables: Mapping[str, str] | None = None) -> None:
        self.place = Place(root)
        self.place.make()
        self.environment = {**self.place.environment(os.environ, user=USER), **(variables or {})}
        self._programs: dict[str, Program] = {}
        self._rest: Rest | None = None

    @property
    def rest(self) -> Rest:
        """The running lab's client."""
        assert self._rest is not None, "no lab runs"
        return self._rest

    # Programs

    def start_argo(self) -> Program:
        self.place.kubeconfig.unlink(missing_ok=True)
        program = self._start("argo", self.place.argo_command())
        eventually(lambda: _alive(program) and self.place.kubeconfig.exists(), what="the local Argo is ready")
        return program

    def start_watcher(self, *options: str) -> Program:
        return self._start("watcher", self.place.watcher_command(*options))

    def start_lab(self, *options: str) -> Rest:
        port = free_port()
        command = self.place.lab_command(port=port, token=TOKEN, options=options)
        program = self._start("lab", command)
        rest = Rest(f"http://127.0.0.1:{port}/", TOKEN)
        self._rest = rest
        eventually(lambda: _alive(program) and rest.is_ready(), what="the lab is ready", seconds=_START_SECONDS)
        return rest

    def program(self, name: str) -> Program:
        return self._programs[name]

    def stop(self, name: str) -> int:
        if name == "lab" and self._rest is not None:
            self._rest.close()
            self._rest = None
        return self._programs.pop(name).stop()

    def kill(self, name: str) -> None:
        self._programs.pop(name).kill()

    def close(self) -> None:
        for name in [name for name in ("lab", "watcher", "argo") if name in self._programs]:
            self.stop(name)

    def once(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run `watcher --once`."""
        return subprocess.run(
            self.place.watcher_command("--once", *options),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def _start(self, name: str, command: list[str]) -> Program:
        program = Program(command, environment=self.environment, log=self.place.logs / f"{name}.log")
        self._programs[name] = program
        return program

    # What can be seen from outside

    def rows(self) -> dict[str, dict[str, Any]]:
        """All jobs, all columns."""
        with closing(sqlite3.connect(f"file:{self.place.database}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return {row["job_id"]: dict(row) for row in connection.execute("SELECT * FROM jobs")}

    def staged(self, job_id: str) -> Path:
        return self.place.staging / job_id

    def heartbeats(self) -> list[int]:
        """When each watcher last said that it lives; none before the first."""
        try:
            with closing(sqlite3.connect(f"file:{self.place.database}?mode=ro", uri=True)) as connection:
                return [row[0] for row in connection.execute(f"SELECT beat_at FROM {HEARTBEAT_TABLE}")]  # noqa: S608 - our own name
        except sqlite3.OperationalError:
            return []

    def workflows(self) -> dict[str, dict[str, Any]]:
        """The Workflows that the local Argo holds, by job id."""
        items = self._kubernetes("GET", "workflows").json()["items"]
        return {item["metadata"]["labels"]["nbargo/job-id"]: item for item in items}

    def delete_workflow(self, job_id: str) -> None:
        """Delete a Workflow behind everybody's back, as kubectl does."""
        assert self._kubernetes("DELETE", f"workflows/nb-{job_id}").is_success

    def _kubernetes(self, method: str, path: str) -> httpx.Response:
        config = yaml.safe_load(self.place.kubeconfig.read_text(encoding="utf-8"))
        server, token = config["clusters"][0]["cluster"]["server"], config["users"][0]["user"]["token"]
        url = f"{server}/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/{path}"
        return httpx.request(method, url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)


MakeStack = Callable[..., Stack]


def read_notebook(path: Path) -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def _alive(program: Program) -> bool:
    program.check_alive()
    return True
