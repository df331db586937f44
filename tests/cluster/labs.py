"""Labs as zero-to-jupyterhub starts them with the chart's values: a pod's token, and the chart's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import yaml

from chart.rendered import expanded
from cluster.release import bound_token, install, kubeconfig, wait_until_in_force
from support.stack import Access, Stack

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.access import Cluster

Json = dict[str, Any]

POD_PREFIX = "jupyter-"


@dataclass(frozen=True, slots=True)
class Labs:
    """A release of the chart, and the labs that get their rights and their configuration from it.

    Args:
        cluster: Where it is installed.
        values: What it tells zero-to-jupyterhub about a lab's pod: ``singleuser``.
        configuration: The folder that stands for the mounted ConfigMap.
    """

    cluster: Cluster
    values: Json
    configuration: Path

    @classmethod
    def install(cls, cluster: Cluster, objects: list[Json], folder: Path, *, namespace: str) -> Self:
        """Install a rendered release, and return when its policies are in force.

        Args:
            cluster: Where to; its namespace is that of the jobs.
            objects: The rendered chart.
            folder: For the files of the lab's configuration.
            namespace: The release's own.
        """
        install(cluster.api, objects, namespace=namespace)
        maps = {each["metadata"]["name"]: each["data"] for each in objects if each["kind"] == "ConfigMap"}
        (told,) = (data["values.yaml"] for name, data in maps.items() if name.endswith("-z2jh"))
        (files,) = (data for name, data in maps.items() if name.endswith("-lab"))
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        accounts = [each["metadata"]["name"] for each in objects if each["kind"] == "ServiceAccount"]
        wait_until_in_force(cluster.api, namespace=cluster.namespace, accounts=accounts)
        return cls(cluster, yaml.safe_load(told)["singleuser"], folder)

    def stack(self, folder: Path, *, user: str, server: str = "", watcher: Path | None = None) -> Stack:
        """Return the programs of a new lab pod, which are still to be started.

        Args:
            folder: The home.
            user: Whose it is.
            server: The name of a named server.
            watcher: Another kubeconfig for the watcher, which has the lab's rights otherwise: it is in the same pod.
        """
        account = expanded(self.values["serviceAccountName"], user)
        label = expanded(self.values["extraLabels"]["nbargo/user"], user)
        pod = f"{POD_PREFIX}{user}--{server}" if server else f"{POD_PREFIX}{user}"
        token = bound_token(self.cluster.api, namespace=self.cluster.namespace, account=account, pod=pod)
        own = kubeconfig(
            self.cluster.api,
            self.cluster.directory / f"{pod}.kubeconfig",
            namespace=self.cluster.namespace,
            token=token,
        )
        access = Access(namespace=self.cluster.namespace, lab=own, watcher=watcher or own, test=self.cluster.kubeconfig)
        variables = {"JUPYTER_CONFIG_PATH": str(self.configuration)}
        return Stack(folder, access=access, user=label, variables=variables)
