"""A client for the REST API of jupyter-scheduler, as far as the demo needs it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from nbargo_shared.errors import NbargoError


class LabError(NbargoError):
    """The lab answered with an error."""


class Lab:
    """A running JupyterLab server.

    Args:
        session: A client session whose base URL is the server's.
        token: The server's token.
    """

    def __init__(self, session: aiohttp.ClientSession, *, token: str) -> None:
        self._session = session
        self._headers = {"Authorization": f"token {token}"}

    async def is_ready(self) -> bool:
        """Return whether the server answers and jupyter-scheduler is there."""
        try:
            async with self._session.get("scheduler/config", headers=self._headers) as response:
                return response.status == 200  # noqa: PLR2004 - HTTP's own number
        except aiohttp.ClientError:
            return False

    async def create_job(self, notebook: str, **settings: Any) -> str:
        """Submit a notebook and return the job's id.

        Args:
            notebook: Path below the lab's root folder.
            settings: Further members of jupyter-scheduler's CreateJob.
        """
        body = {"input_uri": notebook, "name": Path(notebook).stem, **settings}
        answer = await self._call("POST", "scheduler/jobs", json=body)
        job_id: str = answer["job_id"]
        return job_id

    async def job(self, job_id: str) -> Mapping[str, Any]:
        """Return a job as the lab describes it."""
        job: Mapping[str, Any] = await self._call("GET", f"scheduler/jobs/{job_id}")
        return job

    async def environment(self) -> str:
        """Return the name of the first runtime environment."""
        environments = await self._call("GET", "scheduler/runtime_environments")
        name: str = environments[0]["name"]
        return name

    async def download(self, job_id: str) -> None:
        """Copy the job's files into the lab's root folder."""
        await self._call("GET", f"scheduler/jobs/{job_id}/download_files")

    async def _call(self, method: str, path: str, json: Any = None) -> Any:
        async with self._session.request(method, path, json=json, headers=self._headers) as response:
            if response.status >= 400:  # noqa: PLR2004 - HTTP's own number
                text = await response.text()
                raise LabError(f"{method} {path} was answered with {response.status}: {text}")
            return await response.json(content_type=None) if response.status != 204 else None  # noqa: PLR2004
