"""jupyter-scheduler's REST API, as the JupyterLab UI calls it."""

from collections.abc import Mapping
from typing import Any

import httpx

from support.waiting import eventually

ENDED = {"COMPLETED", "FAILED", "STOPPED"}
# The UI asks every ten seconds. A request keeps a processor busy for some milliseconds, which the job needs.
_POLL_SECONDS = 0.1


class Rest:
    """A client of one running lab."""

    def __init__(self, base: str, token: str) -> None:
        self.address = base
        self._client = httpx.Client(
            base_url=base, headers={"Authorization": f"token {token}"}, timeout=60, trust_env=False
        )

    def close(self) -> None:
        self._client.close()

    def is_ready(self) -> bool:
        try:
            return self._client.get("scheduler/config").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._client.request(method, f"scheduler/{path}", **options)

    def ok(self, method: str, path: str, **options: Any) -> Any:
        response = self.send(method, path, **options)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def body(self, notebook: str, **settings: Any) -> dict[str, Any]:
        """A CreateJob as the UI sends it."""
        name = notebook.rpartition("/")[2].removesuffix(".ipynb")
        return {
            "input_uri": notebook,
            "name": name,
            "runtime_environment_name": self.environment(),
            "output_formats": ["ipynb", "html"],
            **settings,
        }

    def environment(self) -> str:
        name: str = self.ok("GET", "runtime_environments")[0]["name"]
        return name

    def create(self, notebook: str, **settings: Any) -> str:
        job_id: str = self.ok("POST", "jobs", json=self.body(notebook, **settings))["job_id"]
        return job_id

    def job(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = self.ok("GET", f"jobs/{job_id}")
        return job

    def jobs(self, **query: Any) -> dict[str, Any]:
        jobs: dict[str, Any] = self.ok("GET", "jobs", params=query)
        return jobs

    def listed(self) -> set[str]:
        return {job["job_id"] for job in self.jobs()["jobs"]}

    def stop(self, job_id: str) -> None:
        self.ok("PATCH", f"jobs/{job_id}", json={"status": "STOPPED"})

    def delete(self, job_id: str) -> None:
        self.ok("DELETE", f"jobs/{job_id}")

    # Definitions

    def define(self, notebook: str, **settings: Any) -> str:
        """Make a job definition; hourly in Berlin unless the settings say otherwise."""
        body = self.body(notebook, **{"output_formats": ["ipynb"], "schedule": "0 * * * *", **settings})
        body.setdefault("timezone", "Europe/Berlin")
        definition_id: str = self.ok("POST", "job_definitions", json=body)["job_definition_id"]
        return definition_id

    def definition(self, definition_id: str) -> dict[str, Any]:
        definition: dict[str, Any] = self.ok("GET", f"job_definitions/{definition_id}")
        return definition

    def defined(self) -> set[str]:
        listed = self.ok("GET", "job_definitions", params={"max_items": 1000})["job_definitions"]
        return {each["job_definition_id"] for each in listed}

    def edit(self, definition_id: str, **changes: Any) -> None:
        self.ok("PATCH", f"job_definitions/{definition_id}", json=changes)

    def undefine(self, definition_id: str) -> None:
        self.ok("DELETE", f"job_definitions/{definition_id}")

    def run_now(self, definition_id: str, **overrides: Any) -> str:
        job_id: str = self.ok("POST", f"job_definitions/{definition_id}/jobs", json=overrides)["job_id"]
        return job_id

    def runs(self, definition_id: str) -> dict[str, dict[str, Any]]:
        """All runs of a definition, by their ids."""
        listed = self.jobs(job_definition_id=definition_id, max_items=1000)["jobs"]
        return {each["job_id"]: each for each in listed}

    def wait_for(self, job_id: str, *statuses: str, seconds: float = 60.0) -> dict[str, Any]:
        """Wait until the job has one of these statuses; fail if it ends with another."""
        last: dict[str, Any] = {}

        def look() -> bool:
            last.update(self.job(job_id))
            status = last["status"]
            assert status in statuses or status not in ENDED, f"ended as {status}: {last['status_message']}"
            return status in statuses

        eventually(look, what=f"job {job_id} is {' or '.join(statuses)}", seconds=seconds, every=_POLL_SECONDS)
        return last

    def wait_for_end(self, job_id: str, *, seconds: float = 60.0) -> dict[str, Any]:
        return self.wait_for(job_id, *ENDED, seconds=seconds)

    def wait_for_another(self, job_id: str, status: str) -> dict[str, Any]:
        """Wait until the job no longer has this status."""
        what = f"job {job_id} is {status} no longer"
        eventually(lambda: self.job(job_id)["status"] != status, what=what, every=_POLL_SECONDS)
        return self.job(job_id)

    def download(self, job_id: str, **query: Any) -> Mapping[str, str]:
        """Download the job's files; returns their paths below the lab's root folder by format."""
        self.ok("GET", f"jobs/{job_id}/download_files", params=query)
        return {file["file_format"]: file["file_path"] for file in self.job(job_id)["job_files"]}
