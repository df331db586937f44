"""What an operator can set for the scheduler: `c.ArgoScheduler.<name> = ...` in a Jupyter configuration file."""

import os
from typing import Any

from traitlets import Dict, Enum, Float, List, Unicode, default

from nbargo_shared.errors import ConfigError
from nbargo_submitter import templates
from nbargo_submitter.bounds import BoundTraits
from nbargo_submitter.compute_types import ComputeTypeTraits
from nbargo_submitter.hooks import HookTraits
from nbargo_submitter.lab_environments import LabTraits, Place
from nbargo_submitter.limits import LimitTraits
from nbargo_submitter.notice_settings import NoticeTraits
from nbargo_submitter.pod import PodSettings
from nbargo_submitter.pod_traits import PodTraits
from nbargo_submitter.quota import QuotaTraits
from nbargo_submitter.schedule_traits import ScheduleTraits
from nbargo_submitter.supervisor import Mode


class ArgoSettings(
    BoundTraits,
    ComputeTypeTraits,
    HookTraits,
    LabTraits,
    LimitTraits,
    NoticeTraits,
    PodTraits,
    QuotaTraits,
    ScheduleTraits,
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
    environments = List(
        trait=Dict(),
        config=True,
        help="""The environments that users may choose: dictionaries with `name`, and perhaps `label`, `description`,
        `image`, `kernel` (the one that runs every notebook), `kernels` (names of those in the image), `output_formats`,
        `compute_types` (names) and `default_compute_type`. Default: what the lab has (lab_environments).""",
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

    @default("watcher")
    def _default_watcher(self) -> Any:
        mode = os.environ.get("NBARGO_WATCHER") or Mode.AUTO.value
        if mode in {known.value for known in Mode}:
            return mode
        self.log.error("NBARGO_WATCHER is %r, which is none of auto, sidecar, child: auto is taken", mode)
        return Mode.AUTO.value

    @property
    def offers_lab(self) -> bool:
        """Whether the lab's own environments are offered."""
        return not self.environments if self.lab_environments is None else self.lab_environments

    def known_names(self) -> dict[str, str]:
        """Return what the names in braces stand for, such as `{username}`."""
        return templates.values(os.environ, namespace=self.namespace)

    def place(self) -> Place:
        """Return where a job's pod is the same as the lab's.

        Raises:
            ConfigError: A name in braces in volume_mounts cannot be replaced.
        """
        mounts = templates.filled(self.volume_mounts, self.known_names())
        return Place(
            same_image=bool(self.image) and self.image == self.lab_image,
            mounts=tuple(str(mount.get("mountPath") or "") for mount in mounts if mount.get("mountPath")),
            conda_folders=tuple(self.conda_folders),
        )

    def pod_settings(self, image: str) -> PodSettings:
        """Return how a job's pod is made.

        Args:
            image: The chosen environment's image; "" for the one of these settings.

        Raises:
            ConfigError: There is no image, or a name in braces cannot be replaced.
        """
        if not (image or self.image):
            raise ConfigError(
                "No container image is set for jobs",
                hint="Set NBARGO_IMAGE, or c.ArgoScheduler.image in a Jupyter configuration file",
            )
        return self.pod_of(self.known_names(), image=image or self.image)
