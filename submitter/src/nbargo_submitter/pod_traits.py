"""How the pods of jobs are made: the settings of ArgoScheduler, each with an example, and what becomes of them."""

import os
from collections.abc import Mapping
from typing import Any, Final

from traitlets import Dict, Integer, List, Unicode, default

from nbargo_submitter import templates
from nbargo_submitter.lab_pod import LabPodTraits
from nbargo_submitter.pod import DAY, PodSettings

_IMAGE_VARIABLES: Final = ("JUPYTER_IMAGE_SPEC", "JUPYTER_IMAGE")
_MEMBERS: Final[Mapping[str, str]] = {
    "workflow_labels": "labels",
    "workflow_annotations": "annotations",
    "workflow_ttl": "ttl_seconds",
}
_WITH_NAMES: Final = (
    "image_pull_secrets",
    "service_account",
    "volumes",
    "volume_mounts",
    "env",
    "env_from",
    "working_dir",
    "node_selector",
    "affinity",
    "tolerations",
    "priority_class",
    "workflow_labels",
    "workflow_annotations",
)
_AS_THEY_ARE: Final = (
    "image_pull_policy",
    "resources",
    "security_context",
    "pod_security_context",
    "workflow_ttl",
    "pod_gc",
    "active_deadline_seconds",
)


class PodTraits(LabPodTraits):
    """The settings of ArgoScheduler for the pods of jobs."""

    image = Unicode(
        config=True,
        help="""Container image that jobs run in; it needs papermill, and nbconvert for other formats than the notebook.
        Default: NBARGO_IMAGE, else the image that this lab runs in (NBARGO_LAB_POD, JUPYTER_IMAGE_SPEC,
        JUPYTER_IMAGE).""",
    ).tag(example="registry.example/datascience:2026.11")
    image_pull_policy = Unicode(config=True, help="Always, IfNotPresent or Never. Default: as the cluster has it.").tag(
        example="IfNotPresent"
    )
    image_pull_secrets = List(
        trait=Unicode(),
        config=True,
        help="Names of the Secrets for the image's registry. Default: those in NBARGO_LAB_POD.",
    ).tag(example=["registry", "registry-of-{username}"])
    service_account = Unicode(
        config=True,
        help="""Service account of the jobs' pods; it needs to create and patch workflowtaskresults. Default:
        NBARGO_SERVICE_ACCOUNT, else the namespace's default account.""",
    ).tag(example="job-{username}")
    volumes = List(
        trait=Dict(),
        config=True,
        help="Volumes of the jobs' pods, as in a Pod's spec.volumes. Default: those in NBARGO_LAB_POD.",
    ).tag(
        example=[
            {"name": "home", "persistentVolumeClaim": {"claimName": "claim-{username}"}},
            {"name": "datasets", "persistentVolumeClaim": {"claimName": "datasets", "readOnly": True}},
            {"name": "scratch", "emptyDir": {"sizeLimit": "20Gi"}},
        ]
    )
    volume_mounts = List(
        trait=Dict(),
        config=True,
        help="""Where the volumes are mounted, as in a container's volumeMounts. The staging area (staging_path) has to
        be below one of them, at the same path as in the lab. Default: those in NBARGO_LAB_POD.""",
    ).tag(
        example=[
            {"name": "home", "mountPath": "/home/jovyan"},
            {"name": "datasets", "mountPath": "/datasets", "subPath": "teams/{username}", "readOnly": True},
            {"name": "scratch", "mountPath": "/scratch"},
        ]
    )
    env = Dict(
        config=True,
        help="""Environment variables of the jobs by name: a text, or {"valueFrom": ...} as in a container's env. Name
        Secrets here rather than write their values. The lab's own environment is not copied: it holds tokens.""",
    ).tag(
        example={
            "OWNER": "{unescaped_username}",
            "PGPASSWORD": {"valueFrom": {"secretKeyRef": {"name": "database-of-{username}", "key": "password"}}},
            "REGION": {"valueFrom": {"configMapKeyRef": {"name": "site", "key": "region", "optional": True}}},
            "POD_IP": {"valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        }
    )
    env_from = List(
        trait=Dict(),
        config=True,
        help="""Secrets and ConfigMaps whose keys all become environment variables, as in a container's envFrom. What
        has the same name in `env`, or from a user, comes before them.""",
    ).tag(example=[{"secretRef": {"name": "database"}}, {"prefix": "SITE_", "configMapRef": {"name": "site"}}])
    working_dir = Unicode(
        config=True, help="Where the job's program starts. The notebook runs in the job's own folder in any case."
    ).tag(example="/scratch")
    resources = Dict(
        config=True,
        help="""Of a job: {"requests": {...}, "limits": {...}}, as in a container. Those of a size (compute_types) come
        before them.""",
    ).tag(example={"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "4Gi"}})
    node_selector = Dict(
        config=True, help="Labels that a job's node must have. Default: as in NBARGO_LAB_POD, else any node."
    ).tag(example={"pool": "jobs"})
    affinity = Dict(
        config=True,
        help="""As in a Pod's spec.affinity. With a home that one node at a time can mount (ReadWriteOnce), the jobs'
        pods must be where the lab's pod is.""",
    ).tag(
        example={
            "podAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "labelSelector": {"matchLabels": {"nbargo/user": "{username}"}},
                        "topologyKey": "kubernetes.io/hostname",
                    }
                ]
            }
        }
    )
    tolerations = List(
        trait=Dict(), config=True, help="As in a Pod's spec.tolerations. Default: those in NBARGO_LAB_POD."
    ).tag(example=[{"key": "hub.jupyter.org/dedicated", "operator": "Equal", "value": "user", "effect": "NoSchedule"}])
    priority_class = Unicode(
        config=True,
        help="""PriorityClass of the jobs' pods. One that is lower than the labs' lets labs come first where there is
        little room. Default: as the cluster has it.""",
    ).tag(example="notebook-jobs")
    security_context = Dict(config=True, help="As in a container's securityContext.").tag(
        example={"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    )
    pod_security_context = Dict(config=True, help="As in a Pod's spec.securityContext.").tag(
        example={"runAsUser": 1000, "runAsGroup": 100, "fsGroup": 100, "runAsNonRoot": True}
    )
    workflow_labels = Dict(config=True, help="More labels for the Workflows and their pods.").tag(
        example={"team": "research", "workflows.argoproj.io/controller-instanceid": "notebooks"}
    )
    workflow_annotations = Dict(config=True, help="More annotations for the Workflows and their pods.").tag(
        example={"sidecar.istio.io/inject": "false", "example.org/owner": "{unescaped_username}"}
    )
    workflow_ttl = Integer(
        DAY,
        min=0,
        allow_none=True,
        config=True,
        help="""Seconds after its end that a job's Workflow, with its pod and log, is kept in the cluster; None for
        ever. The list of jobs does not depend on it.""",
    ).tag(example=3600)
    pod_gc = Unicode(
        config=True, help="Argo's podGC strategy, such as OnWorkflowCompletion. Default: pods stay with their Workflow."
    ).tag(example="OnWorkflowSuccess")
    active_deadline_seconds = Integer(
        None, min=1, allow_none=True, config=True, help="Seconds after which a job is ended. Default: no limit."
    ).tag(example=86400)

    @default("image")
    def _default_image(self) -> str:
        given = (os.environ.get("NBARGO_IMAGE"), self.of_lab_pod("image"), *map(os.environ.get, _IMAGE_VARIABLES))
        return next((image for image in given if image), "")

    @default("image_pull_secrets")
    def _default_image_pull_secrets(self) -> list[str]:
        return self.of_lab_pod("image_pull_secrets") or []

    @default("service_account")
    def _default_service_account(self) -> str:
        return os.environ.get("NBARGO_SERVICE_ACCOUNT", "")

    @default("volumes")
    def _default_volumes(self) -> list[Any]:
        return self.of_lab_pod("volumes") or []

    @default("volume_mounts")
    def _default_volume_mounts(self) -> list[Any]:
        return self.of_lab_pod("volume_mounts") or []

    @default("node_selector")
    def _default_node_selector(self) -> dict[str, str]:
        return self.of_lab_pod("node_selector") or {}

    @default("tolerations")
    def _default_tolerations(self) -> list[Any]:
        return self.of_lab_pod("tolerations") or []

    def pod_of(self, known: Mapping[str, str], *, image: str) -> PodSettings:
        """Return how a job's pod is made.

        Args:
            known: What the names in braces stand for.
            image: Its image.

        Raises:
            ConfigError: A name in braces cannot be replaced.
        """
        given = {name: templates.filled(getattr(self, name), known) for name in _WITH_NAMES}
        given |= {name: getattr(self, name) for name in _AS_THEY_ARE}
        return PodSettings(image=image, **{_MEMBERS.get(name, name): value for name, value in given.items()})

    def warn_of_misspelt_names(self) -> None:
        """Log what stands in braces and looks like a name that is replaced."""
        for setting in _WITH_NAMES:
            for found, meant in templates.misspelt(getattr(self, setting)):
                self.log.warning(
                    "c.ArgoScheduler.%s has {%s}, which is not replaced; {%s} would be", setting, found, meant
                )
