"""Make the pods of labs with the real KubeSpawner; run by the Python of its own environment, with no package of ours.

Reads a JSON list of hubs: ``namespace``, ``traits``, ``extra_config`` (Python by name, as in ``hub.extraConfig``), and
``labs``, each with ``user``, ``server`` and ``options`` (what the user has chosen when starting it). Prints for each
hub a list with the namespace and the pod of each lab.
"""

# pyright: reportMissingImports=false
import asyncio
import json
import sys
from types import SimpleNamespace
from typing import Any

from jupyterhub.utils import maybe_future
from kubespawner import KubeSpawner
from traitlets.config import Config


def configuration(hub: dict[str, Any]) -> Config:
    """Return the hub's configuration, after the parts in Python, which are run in the order of their names."""
    config = Config({"KubeSpawner": {**hub["traits"], "namespace": hub["namespace"]}})
    names = {"c": config}
    for _, source in sorted(hub["extra_config"].items()):
        exec(source, names)  # noqa: S102 - as zero-to-jupyterhub does
    return config


async def pod(config: Config, lab: dict[str, Any]) -> dict[str, Any]:
    """Return a lab's pod, as KubeSpawner sends it when the lab is started."""
    user = SimpleNamespace(name=lab["user"], id=1, url="/user/someone/")
    its_hub = SimpleNamespace(public_host="", url="/hub/", base_url="/hub/", api_url="http://hub:8081/hub/api")
    server = SimpleNamespace(name=lab["server"], server=None)
    spawner = KubeSpawner(
        _mock=True, config=config, user=user, hub=its_hub, orm_spawner=server, user_options=lab["options"]
    )
    await spawner.load_user_options()
    made = await spawner.get_pod_manifest()
    if spawner.modify_pod_hook:
        made = await maybe_future(spawner.modify_pod_hook(spawner, made))
    return {"namespace": spawner.namespace, "pod": spawner.api.api_client.sanitize_for_serialization(made)}


async def pods(hubs: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the pods of each hub's labs."""
    configurations = [configuration(hub) for hub in hubs]
    return [[await pod(config, lab) for lab in hub["labs"]] for config, hub in zip(configurations, hubs, strict=True)]


if __name__ == "__main__":
    json.dump(asyncio.run(pods(json.load(sys.stdin))), sys.stdout)
