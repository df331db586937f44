"""What zero-to-jupyterhub makes of its values: the settings of KubeSpawner, as far as they reach a lab's pod.

Facts are those of zero-to-jupyterhub-k8s 4.4: its values.yaml, and the configuration of its hub.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

IPTABLES = "block-cloud-metadata"

DEFAULTS: Json = {
    "imagePullSecrets": [],
    "hub": {"config": {}, "extraConfig": {}},
    "scheduling": {
        "userScheduler": {"enabled": True},
        "podPriority": {"enabled": False},
        "userPods": {
            "nodeAffinity": {"matchNodePurpose": "prefer"},
            "tolerations": [
                {"key": key, "operator": "Equal", "value": "user", "effect": "NoSchedule"}
                for key in ("hub.jupyter.org/dedicated", "hub.jupyter.org_dedicated")
            ],
        },
    },
    "singleuser": {
        "image": {"name": "quay.io/jupyterhub/k8s-singleuser-sample", "tag": "4.4.0", "pullSecrets": []},
        "networkTools": {"image": {"name": "quay.io/jupyterhub/k8s-network-tools", "tag": "4.4.0"}, "resources": {}},
        "cloudMetadata": {"blockWithIptables": True, "ip": "169.254.169.254"},
        "extraLabels": {"hub.jupyter.org/network-access-hub": "true"},
        "extraTolerations": [],
        "allowPrivilegeEscalation": False,
        "uid": 1000,
        "fsGid": 100,
        "memory": {"guarantee": "1G"},
        "cmd": "jupyterhub-singleuser",
        "startTimeout": 300,
        "storage": {
            "type": "dynamic",
            "capacity": "10Gi",
            "homeMountPath": "/home/jovyan",
            "static": {"pvcName": None, "subPath": "{username}"},
            "dynamic": {
                "pvcNameTemplate": None,
                "volumeNameTemplate": "volume-{user_server}",
                "storageAccessModes": ["ReadWriteOnce"],
                "subPath": None,
            },
        },
    },
}
"""Of the chart's default values those that reach the pod."""

_TRAITS = {
    "podNameTemplate": "pod_name_template",
    "startTimeout": "start_timeout",
    "image.pullPolicy": "image_pull_policy",
    "events": "events_enabled",
    "extraLabels": "extra_labels",
    "extraAnnotations": "extra_annotations",
    "allowPrivilegeEscalation": "allow_privilege_escalation",
    "uid": "uid",
    "fsGid": "fs_gid",
    "serviceAccountName": "service_account",
    "nodeSelector": "node_selector",
    "extraNodeAffinity.required": "node_affinity_required",
    "extraNodeAffinity.preferred": "node_affinity_preferred",
    "extraPodAffinity.required": "pod_affinity_required",
    "extraPodAffinity.preferred": "pod_affinity_preferred",
    "extraPodAntiAffinity.required": "pod_anti_affinity_required",
    "extraPodAntiAffinity.preferred": "pod_anti_affinity_preferred",
    "lifecycleHooks": "lifecycle_hooks",
    "initContainers": "init_containers",
    "extraContainers": "extra_containers",
    "memory.limit": "mem_limit",
    "memory.guarantee": "mem_guarantee",
    "cpu.limit": "cpu_limit",
    "cpu.guarantee": "cpu_guarantee",
    "extraResource.limits": "extra_resource_limits",
    "extraResource.guarantees": "extra_resource_guarantees",
    "extraEnv": "environment",
    "profileList": "profile_list",
    "extraPodConfig": "extra_pod_config",
    "cmd": "cmd",
    "defaultUrl": "default_url",
}
"""Members of ``singleuser`` that KubeSpawner takes as they are, and what it calls them."""


def merged(under: Json, over: Json) -> Json:
    """Return values with others over them, as Helm puts them together: objects member by member, all else whole.

    Args:
        under: The values that give way.
        over: The values that win.
    """
    both = {
        name: merged(under[name], value) if isinstance(value, dict) and isinstance(under.get(name), dict) else value
        for name, value in over.items()
    }
    return {**under, **both}


def traits(values: Json) -> Json:
    """Return the settings of KubeSpawner that the hub makes of complete values.

    Args:
        values: Those of zero-to-jupyterhub, with its defaults.
    """
    singleuser = values["singleuser"]
    found = {trait: value for path, trait in _TRAITS.items() if (value := _at(singleuser, path)) is not None}
    image = singleuser["image"]
    found |= {
        "common_labels": {"app": "jupyterhub", "release": "jhub", "app.kubernetes.io/managed-by": "kubespawner"},
        "image": f"{image['name']}:{image['tag']}" if image.get("tag") else image["name"],
        "image_pull_secrets": [*values["imagePullSecrets"], *image["pullSecrets"]],
        "init_containers": [*found.get("init_containers", []), *_iptables(singleuser)],
    }
    passed_through = values["hub"]["config"].get("KubeSpawner", {})
    return {**found, **_scheduling(values, found), **_storage(singleuser["storage"]), **passed_through}


def _at(values: Json, path: str) -> Any:
    found: Any = values
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _iptables(singleuser: Json) -> list[Json]:
    if not singleuser["cloudMetadata"]["blockWithIptables"]:
        return []
    tools = singleuser["networkTools"]
    return [
        {
            "name": IPTABLES,
            "image": f"{tools['image']['name']}:{tools['image']['tag']}",
            "command": ["iptables", "--append", "OUTPUT", "--destination", singleuser["cloudMetadata"]["ip"]],
            "securityContext": {"privileged": True, "runAsUser": 0, "capabilities": {"add": ["NET_ADMIN"]}},
            "resources": tools["resources"],
        }
    ]


def _scheduling(values: Json, found: Json) -> Json:
    scheduling = values["scheduling"]
    of_users = {"key": "hub.jupyter.org/node-purpose", "operator": "In", "values": ["user"]}
    term = {"matchExpressions": [of_users]}
    added: Json = {"tolerations": scheduling["userPods"]["tolerations"] + values["singleuser"]["extraTolerations"]}
    if scheduling["userScheduler"]["enabled"]:
        added["scheduler_name"] = "user-scheduler"
    purpose = scheduling["userPods"]["nodeAffinity"]["matchNodePurpose"]
    if purpose == "prefer":
        weighted = {"weight": 100, "preference": term}
        added["node_affinity_preferred"] = [*found.get("node_affinity_preferred", []), weighted]
    elif purpose == "require":
        added["node_affinity_required"] = [*found.get("node_affinity_required", []), term]
    return added


def _storage(storage: Json) -> Json:
    """Return the volumes, in objects of which KubeSpawner takes the members in the order of their names."""
    dynamic, static = storage["dynamic"], storage["static"]
    extra_volumes, extra_mounts = storage.get("extraVolumes") or [], storage.get("extraVolumeMounts") or []
    volumes = {each["name"]: each for each in extra_volumes}
    mounts = {f"{index}-{each['name']}": each for index, each in enumerate(extra_mounts)}
    found: Json = {"volumes": volumes, "volume_mounts": mounts}
    if storage["type"] == "dynamic":
        name, claim, part = dynamic["volumeNameTemplate"], "{pvc_name}", dynamic["subPath"]
        found |= {"storage_pvc_ensure": True, "storage_capacity": storage["capacity"]}
        found["storage_access_modes"] = dynamic["storageAccessModes"]
        if dynamic["pvcNameTemplate"]:
            found["pvc_name_template"] = dynamic["pvcNameTemplate"]
    else:
        name, claim, part = "home", static["pvcName"], static["subPath"]
    volumes[name] = {"name": name, "persistentVolumeClaim": {"claimName": claim}}
    mounts[name] = {"name": name, "mountPath": storage["homeMountPath"], "subPath": part}
    return found
