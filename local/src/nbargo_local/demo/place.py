"""One folder that holds a whole nbargo on one machine, and the command lines of the programs that run in it.

The demo and the end-to-end tests start JupyterLab and the watcher as these functions say: as a user's pod would, by
environment variables and options alone.
"""

import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NAMESPACE: Final = "argo"
_MACHINE: Final = "this-machine"
_KEPT_VARIABLES: Final = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True)
class Place:
    """The folder and what is where in it.

    Attributes:
        root: An absolute folder; everything below it is made on demand.
    """

    root: Path

    @property
    def notebooks(self) -> Path:
        """The lab's root folder."""
        return self.root / "notebooks"

    @property
    def data(self) -> Path:
        """Jupyter's data folder, with the database and the staging area in it."""
        return self.root / "data"

    @property
    def database(self) -> Path:
        """jupyter-scheduler's database."""
        return self.data / "scheduler.sqlite"

    @property
    def staging(self) -> Path:
        """jupyter-scheduler's staging area."""
        return self.data / "scheduler_staging_area"

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig that the local Argo writes."""
        return self.root / "kubeconfig"

    @property
    def work(self) -> Path:
        """Where the local Argo keeps the logs of its processes."""
        return self.root / "argo"

    @property
    def logs(self) -> Path:
        """The logs of the programs."""
        return self.root / "logs"

    def make(self) -> None:
        """Make the folders, and the settings of a lab that is not new to its user."""
        settings = self.root / "config/lab/user-settings/@jupyterlab/apputils-extension"
        for folder in (self.notebooks, self.data, self.work, self.logs, self.root / "home", settings):
            folder.mkdir(parents=True, exist_ok=True)
        # JupyterLab would ask at its first start whether to fetch news.
        (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}', encoding="utf-8")

    def environment(self, outer: Mapping[str, str], *, user: str) -> dict[str, str]:
        """Return the environment of a lab or watcher in this place.

        Args:
            outer: The environment to take PATH, language and time zone from; nothing else of it is passed on, so that
                a user's own Jupyter settings neither help nor harm.
            user: Whose jobs these are.
        """
        kept = {name: outer[name] for name in _KEPT_VARIABLES if name in outer}
        return {
            **kept,
            "HOME": str(self.root / "home"),
            "JUPYTER_DATA_DIR": str(self.data),
            "JUPYTER_CONFIG_DIR": str(self.root / "config"),
            "JUPYTER_RUNTIME_DIR": str(self.root / "runtime"),
            "JUPYTER_PLATFORM_DIRS": "1",
            "IPYTHONDIR": str(self.root / "ipython"),
            "NBARGO_KUBECONFIG": str(self.kubeconfig),
            "NBARGO_NAMESPACE": NAMESPACE,
            "NBARGO_USER": user,
            "NBARGO_IMAGE": _MACHINE,  # the local Argo starts processes; a cluster would need an image
            "JUPYTER_IMAGE": _MACHINE,  # so what the lab has, jobs have
        }

    def argo_command(self) -> list[str]:
        """Return the command line of the local Argo as a program of its own, which keeps its objects over restarts."""
        folders = ("--workdir", str(self.work), "--state", str(self.root / "state"))
        return [sys.executable, "-m", "nbargo_local", "--kubeconfig", str(self.kubeconfig), *folders]

    def lab_command(self, *, port: int, token: str, options: tuple[str, ...] = ()) -> list[str]:
        """Return the command line of JupyterLab.

        Args:
            port: Where it listens, on 127.0.0.1.
            token: What a request must carry.
            options: More of JupyterLab's own.
        """
        as_root = ("--allow-root",)  # in a container of CI the user is root; elsewhere the option means nothing
        return [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", *as_root),
            *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
            f"--IdentityProvider.token={token}",
            f"--ServerApp.root_dir={self.notebooks}",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            *options,
        ]

    def watcher_command(self, *options: str) -> list[str]:
        """Return the command line of the watcher; namespace, user and kubeconfig come by the environment.

        Args:
            options: More of the watcher's own, such as `--once`.
        """
        folders = ("--db", str(self.database), "--staging", str(self.staging))
        return [sys.executable, "-m", "nbargo_watcher", *folders, *options]


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
