"""What an operator can set for the scheduler: `c.ArgoScheduler.<name> = ...` in a Jupyter configuration file."""

import os
from typing import Any, Final

from traitlets import Dict, Enum, Float, Integer, List, Unicode, default
from traitlets.config import LoggingConfigurable

from nbargo_shared.errors import ConfigError
from nbargo_submitter.bounds import BoundTraits
from nbargo_submitter.compute_types import ComputeTypeTraits
from nbargo_submitter.cronmanifest import DEFAULT_DEADLINE, DEFAULT_HISTORY, CronPolicy
from nbargo_submitter.lab_environments import LabTraits, Place
from nbargo_submitter.limits import LimitTraits
from nbargo_submitter.notice_settings import NoticeTraits
from nbargo_submitter.pod import DAY, PodSettings
from nbargo_submitter.quota import QuotaTraits
from nbargo_submitter.supervisor import Mode

_IMAGE_VARIABLES: Final = ("NBARGO_IMAGE", "JUPYTER_IMAGE_SPEC", "JUPYTER_IMAGE")
_SAME_NAME: Final = (
    "image_pull_policy",
    "image_pull_secrets",
    "service_account",
    "working_dir",
    "env",
    "volumes",
    "volume_mounts",
    "resources",
    "node_selector",
    "affinity",
    "tolerations",
    "security_context",
    "pod_security_context",
    "pod_gc",
    "active_deadline_seconds",
)


class ArgoSettings(
    BoundTraits, ComputeTypeTraits, LabTraits, LimitTraits, NoticeTraits, QuotaTraits, LoggingConfigurable
):
    """The settings of ArgoScheduler."""

    namespace = Unicode(
        config=True,
        help="""Namespace for the workflows. Default: the first one of NBARGO_NAMESPACE, else the namespace of the
        kubeconfig's context or of this pod.""",
    )
    kubeconfig = Unicode(
        config=True,
        help="""Path of a kubeconfig file. Default: NBARGO_KUBECONFIG, else KUBECONFIG, else this pod's service account,
        else ~/.kube/config.""",
    )
    context = Unicode(config=True, help="Context of the kubeconfig file. Default: its current one.")
    image = Unicode(
        config=True,
        help="""Container image that jobs run in; it needs papermill, and nbconvert for other formats than the notebook.
        Default: NBARGO_IMAGE, else the image that JupyterHub started this lab with (JUPYTER_IMAGE_SPEC,
        JUPYTER_IMAGE).""",
    )
    service_account = Unicode(
        config=True,
        help="""Service account of the jobs' pods; it needs to create and patch workflowtaskresults. Default:
        NBARGO_SERVICE_ACCOUNT, else the namespace's default account.""",
    )
    environments = List(
        trait=Dict(),
        config=True,
        help="""The environments that users may choose: dictionaries with `name`, and perhaps `label`, `description`,
        `image`, `kernel` (the one that runs every notebook), `kernels` (names of those in the image), `output_formats`,
        `compute_types` (names) and `default_compute_type`. Default: what the lab has (lab_environments).""",
    )
    image_pull_policy = Unicode(config=True, help="Always, IfNotPresent or Never. Default: as the cluster has it.")
    image_pull_secrets = List(trait=Unicode(), config=True, help="Names of the Secrets for the image's registry.")
    volumes = List(trait=Dict(), config=True, help="Volumes of the jobs' pods, as in a Pod's spec.volumes.")
    volume_mounts = List(
        trait=Dict(),
        config=True,
        help="""Where the volumes are mounted, as in a container's volumeMounts. The staging area (staging_path) has to
        be below one of them, at the same path as in the lab.""",
    )
    env = Dict(
        config=True,
        help="""Environment variables of the jobs by name: a text, or {"valueFrom": ...} as in a container's env. Name
        Secrets here rather than write their values. The lab's own environment is not copied: it holds tokens.""",
    )
    working_dir = Unicode(
        config=True, help="Where the job's program starts. The notebook runs in the job's own folder in any case."
    )
    resources = Dict(config=True, help="""Of a job: {"requests": {...}, "limits": {...}}, as in a container.""")
    node_selector = Dict(config=True, help="Labels that a job's node must have.")
    affinity = Dict(
        config=True,
        help="""As in a Pod's spec.affinity. With a home that one node at a time can mount (ReadWriteOnce), the jobs'
        pods must be where the lab's pod is.""",
    )
    tolerations = List(trait=Dict(), config=True, help="As in a Pod's spec.tolerations.")
    security_context = Dict(config=True, help="As in a container's securityContext.")
    pod_security_context = Dict(config=True, help="As in a Pod's spec.securityContext.")
    workflow_labels = Dict(config=True, help="More labels for the Workflows and their pods.")
    workflow_annotations = Dict(config=True, help="More annotations for the Workflows and their pods.")
    workflow_ttl = Integer(
        DAY,
        min=0,
        allow_none=True,
        config=True,
        help="""Seconds after its end that a job's Workflow, with its pod and log, is kept in the cluster; None for
        ever. The list of jobs does not depend on it.""",
    )
    pod_gc = Unicode(
        config=True, help="Argo's podGC strategy, such as OnWorkflowCompletion. Default: pods stay with their Workflow."
    )
    active_deadline_seconds = Integer(
        None, min=1, allow_none=True, config=True, help="Seconds after which a job is ended. Default: no limit."
    )
    schedule_field = Enum(
        ["schedules", "schedule"],
        "schedules",
        config=True,
        help="""Which field of a CronWorkflow holds its schedule: `schedules` in Argo 3.6 and newer, `schedule` in 3.4
        and 3.5.""",
    )
    concurrency_policy = Enum(
        ["Forbid", "Allow", "Replace"],
        "Forbid",
        config=True,
        help="""What happens when a scheduled run is due while the one before still runs. `Forbid`: it waits for that
        one's end, for starting_deadline_seconds at most, and several that wait are one. `Allow`: both run. `Replace`:
        the one before is ended.""",
    )
    starting_deadline_seconds = Integer(
        DEFAULT_DEADLINE,
        min=0,
        config=True,
        help="""How late a scheduled run that was missed is still started, for example after an outage of Argo: one for
        each definition, however many were missed. 0: never.""",
    )
    successful_runs_kept = Integer(
        DEFAULT_HISTORY,
        min=0,
        config=True,
        help="""How many Workflows of a definition's runs that succeeded stay in the cluster, until workflow_ttl is over
        for them too. The list of jobs and the files do not depend on it.""",
    )
    failed_runs_kept = Integer(
        DEFAULT_HISTORY, min=0, config=True, help="As successful_runs_kept, for runs that failed or were stopped."
    )
    watcher = Enum(
        [mode.value for mode in Mode],
        config=True,
        help="""Who runs the watcher, which keeps the list of jobs true: `sidecar`, a container beside the lab; `child`,
        this server; `auto`, this server if no watcher has left its heartbeat in the database within a minute.
        Default: NBARGO_WATCHER, else `auto`.""",
    )
    wait_seconds = Float(
        2.0,
        min=0.0,
        config=True,
        help="""Seconds that a request waits for the watcher to list what it did, before `watcher --once` is run.""",
    )

    @default("namespace")
    def _default_namespace(self) -> str:
        return os.environ.get("NBARGO_NAMESPACE", "").split(",")[0].strip()

    @default("kubeconfig")
    def _default_kubeconfig(self) -> str:
        return os.environ.get("NBARGO_KUBECONFIG", "")

    @default("image")
    def _default_image(self) -> str:
        return next((os.environ[name] for name in _IMAGE_VARIABLES if os.environ.get(name)), "")

    @default("service_account")
    def _default_service_account(self) -> str:
        return os.environ.get("NBARGO_SERVICE_ACCOUNT", "")

    @default("watcher")
    def _default_watcher(self) -> Any:
        mode = os.environ.get("NBARGO_WATCHER") or Mode.AUTO.value
        if mode in {known.value for known in Mode}:
            return mode
        self.log.error("NBARGO_WATCHER is %r, which is none of auto, sidecar, child: auto is taken", mode)
        return Mode.AUTO.value

    def cron_policy(self) -> CronPolicy:
        """Return what is set for schedules."""
        return CronPolicy(
            concurrency_policy=self.concurrency_policy,
            starting_deadline_seconds=self.starting_deadline_seconds,
            successful_history=self.successful_runs_kept,
            failed_history=self.failed_runs_kept,
            single_schedule=self.schedule_field == "schedule",
        )

    @property
    def offers_lab(self) -> bool:
        """Whether the lab's own environments are offered."""
        return not self.environments if self.lab_environments is None else self.lab_environments

    def place(self) -> Place:
        """Return where a job's pod is the same as the lab's."""
        return Place(
            same_image=bool(self.image) and self.image == self.lab_image,
            mounts=tuple(str(mount.get("mountPath") or "") for mount in self.volume_mounts if mount.get("mountPath")),
            conda_folders=tuple(self.conda_folders),
        )

    def pod_settings(self, image: str) -> PodSettings:
        """Return how a job's pod is made.

        Args:
            image: The chosen environment's image; "" for the one of these settings.

        Raises:
            ConfigError: There is no image.
        """
        if not (image or self.image):
            raise ConfigError(
                "No container image is set for jobs",
                hint="Set NBARGO_IMAGE, or c.ArgoScheduler.image in a Jupyter configuration file",
            )
        same = {name: getattr(self, name) for name in _SAME_NAME}
        return PodSettings(
            **same,
            image=image or self.image,
            labels=self.workflow_labels,
            annotations=self.workflow_annotations,
            ttl_seconds=self.workflow_ttl,
        )
