"""What the administrator, the environment and the chosen size say about a job's pod."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

DAY: Final = 24 * 60 * 60

Kubernetes = Mapping[str, Any]
"""A piece of a pod in Kubernetes' own form, such as `{"name": "home", "persistentVolumeClaim": {...}}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSettings:
    """How a job's pod is made; what is empty is left to the cluster.

    Nothing of the lab's own environment comes along by itself: it holds the hub's tokens. A secret is named in `env`
    or `volumes` by reference, never by value, because anybody who may read workflows reads the manifest.

    Attributes:
        image: The image, with papermill, and nbconvert for formats other than ipynb.
        namespace: Where the Workflow is created.
        image_pull_policy: Always, IfNotPresent or Never.
        image_pull_secrets: Names of the Secrets for the registry.
        service_account: The pod's service account. Argo's executor needs it to create and patch workflowtaskresults.
        working_dir: Where the runner starts; the notebook always runs in the job's directory. That one must not be
            given here: a container runtime creates a working directory that is missing.
        env: Environment variables: a text, or `{"valueFrom": ...}` in Kubernetes' form.
        env_from: Secrets and ConfigMaps whose keys become variables, as in a container's envFrom.
        volumes: The pod's volumes, in Kubernetes' form.
        volume_mounts: Where they are in the container, in Kubernetes' form. The job's directory must be on one of them.
        resources: `{"requests": {...}, "limits": {...}}`; quantities are texts.
        node_selector: Labels that the node must have.
        affinity: In Kubernetes' form; with a ReadWriteOnce home, the pod must be where the lab's pod is.
        tolerations: In Kubernetes' form.
        priority_class: Name of the pod's PriorityClass.
        security_context: The container's, in Kubernetes' form.
        pod_security_context: The pod's, in Kubernetes' form. Argo's own containers read the outcome file with it.
        labels: More labels for the Workflow and its pod, such as Argo's controller-instanceid. nbargo's own prevail.
        annotations: More annotations for the Workflow and its pod. nbargo's own prevail.
        ttl_seconds: How long Argo keeps the ended Workflow and with it the pod and its log; None for ever. A day by
            default: results outlive it in the outcome file.
        pod_gc: Argo's podGC strategy, such as OnWorkflowCompletion. Empty, the pod stays as long as the Workflow, and
            its log can be read.
        active_deadline_seconds: When Argo ends the Workflow, counted from its start; None for no limit.
        synchronization: The locks that the Workflow waits for, in Argo's form.
    """

    image: str
    namespace: str = "default"
    image_pull_policy: str = ""
    image_pull_secrets: Sequence[str] = ()
    service_account: str = ""
    working_dir: str = ""
    env: Mapping[str, str | Kubernetes] = field(default_factory=dict)
    env_from: Sequence[Kubernetes] = ()
    volumes: Sequence[Kubernetes] = ()
    volume_mounts: Sequence[Kubernetes] = ()
    resources: Kubernetes = field(default_factory=dict)
    node_selector: Mapping[str, str] = field(default_factory=dict)
    affinity: Kubernetes = field(default_factory=dict)
    tolerations: Sequence[Kubernetes] = ()
    priority_class: str = ""
    security_context: Kubernetes = field(default_factory=dict)
    pod_security_context: Kubernetes = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    ttl_seconds: int | None = DAY
    pod_gc: str = ""
    active_deadline_seconds: int | None = None
    synchronization: Kubernetes = field(default_factory=dict)
