"""The pods of labs, made by the real KubeSpawner from what the chart tells zero-to-jupyterhub.

KubeSpawner has an environment of its own, from pins/kubespawner.txt, which is kept in the user's cache directory:
beside it, JupyterLab and aiohttp would not be those of the other tests.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

from chart.helm import NAMESPACE
from chart.z2jh import DEFAULTS, merged, traits
from cluster.build import locked

PINS = Path(__file__).parents[2] / "pins" / "kubespawner.txt"
PROGRAM = Path(__file__).parent / "tools" / "spawn.py"

Json = dict[str, Any]

NOWHERE = {
    "clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "none", "user": {}}],
    "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
    "current-context": "none",
}
"""KubeSpawner wants to know a server, though nothing is asked of it."""


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab that is to be started.

    Args:
        user: The name as the hub has it.
        server: That of a named server.
        options: What the user chooses, such as ``profile``.
    """

    user: str
    server: str = ""
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pod:
    """A lab's pod, as it is sent to the API server.

    Args:
        namespace: Where to.
        body: The object.
    """

    namespace: str
    body: Json

    @property
    def spec(self) -> Json:
        """The pod's spec."""
        spec: Json = self.body["spec"]
        return spec

    @property
    def labels(self) -> dict[str, str]:
        """The pod's labels."""
        labels: dict[str, str] = self.body["metadata"]["labels"]
        return labels

    @property
    def name(self) -> str:
        """The pod's name."""
        return str(self.body["metadata"]["name"])

    @property
    def user(self) -> str:
        """Whom its jobs belong to."""
        return self.labels["nbargo/user"]

    @property
    def notebook(self) -> Json:
        """The container that JupyterLab is in."""
        return self.container("notebook")

    @property
    def watcher(self) -> Json:
        """The sidecar."""
        return self.container("watcher")

    def containers(self) -> list[Json]:
        """Return all containers, those that start before the notebook first."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    def container(self, name: str) -> Json:
        """Return a container."""
        (found,) = (each for each in self.containers() if each["name"] == name)
        return found

    def home(self, container: str = "notebook") -> tuple[str, str]:
        """Return the claim and the subPath that a container has the home on."""
        mounts = self.container(container)["volumeMounts"]
        (mount,) = (each for each in mounts if each["mountPath"] == "/home/jovyan")
        (volume,) = (each for each in self.spec["volumes"] if each["name"] == mount["name"])
        return volume["persistentVolumeClaim"]["claimName"], mount.get("subPath") or ""


@dataclass(frozen=True, slots=True)
class Spawner:
    """KubeSpawner.

    Args:
        python: The Python of the environment that it is in.
    """

    python: Path

    def pod(self, *values: Json, lab: Lab) -> Pod:
        """Return the pod of one lab; see `pods`."""
        (found,) = self.pods(*values, labs=[lab])
        return found

    def pods(self, *values: Json, labs: list[Lab]) -> list[Pod]:
        """Return the pods of labs.

        Args:
            values: Values of zero-to-jupyterhub, the later over the earlier, and all over its defaults.
            labs: Whose pods to make.
        """
        (found,) = self.of_hubs([reduce(merged, values, DEFAULTS)], labs=labs)
        return found

    def of_hubs(self, hubs: list[Json], *, labs: list[Lab]) -> list[list[Pod]]:
        """Return the pods of the same labs in several hubs, which takes hardly longer than for one.

        Args:
            hubs: The values of each, with zero-to-jupyterhub's defaults.
            labs: Whose pods to make.
        """
        asked = [
            {
                "namespace": NAMESPACE,
                "traits": traits(values),
                "extra_config": values["hub"]["extraConfig"],
                "labs": [asdict(lab) for lab in labs],
            }
            for values in hubs
        ]
        return [[Pod(each["namespace"], each["pod"]) for each in hub] for hub in self._run(asked)]

    def _run(self, asked: list[Json]) -> list[list[Json]]:
        with tempfile.TemporaryDirectory() as folder:
            kubeconfig = Path(folder, "kubeconfig")
            kubeconfig.write_text(json.dumps(NOWHERE), encoding="utf-8")
            environment = {"HOME": folder, "KUBECONFIG": str(kubeconfig)}
            command = [str(self.python), "-I", str(PROGRAM)]
            text = json.dumps(asked)
            done = subprocess.run(command, input=text, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        answer: list[list[Json]] = json.loads(done.stdout)
        return answer


def kubespawner() -> Spawner:
    """Return KubeSpawner, and install it first if the cache lacks the pinned one."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nbargo" / "kubespawner"
    of = hashlib.sha256(PINS.read_bytes() + repr((sys.version, sys.executable)).encode()).hexdigest()[:16]
    target = cache / of
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "lock"):
        if not target.exists():
            # Made beside its place and renamed, so that an interrupted installation leaves nothing.
            with tempfile.TemporaryDirectory(dir=cache, prefix="installing-") as unfinished:
                _install(Path(unfinished) / "environment")
                (Path(unfinished) / "environment").rename(target)
    return Spawner(target / "bin" / "python")


def _install(folder: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    options = ("--quiet", "--compile-bytecode", "--python", folder / "bin" / "python")
    subprocess.run([uv, "pip", "sync", *options, PINS], check=True)
