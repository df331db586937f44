"""The chart in a real cluster: its objects are created there, and labs get the tokens that a kubelet gives to pods."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.controlplane import service_account_token, write_kubeconfig
from cluster.kube import ARGO, ApiError, Kube, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]

_NAMESPACED = {
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "ConfigMap": "/api/v1/namespaces/{namespace}/configmaps",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies",
}
_CLUSTER = {
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "Namespace": "/api/v1/namespaces",
    "ValidatingAdmissionPolicy": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
}
_WITHOUT_CRD = {"PodMonitor", "PrometheusRule"}
"""Objects of the Prometheus operator, which these clusters do not have."""


def install(api: Kube, objects: Iterable[Json], *, namespace: str) -> None:
    """Create a release's objects as `helm install` does.

    Args:
        api: A client that may do everything.
        objects: The rendered chart.
        namespace: The release's, which has to exist.
    """
    for each in objects:
        if each["kind"] not in _WITHOUT_CRD:
            path = {**_NAMESPACED, **_CLUSTER}[each["kind"]]
            api.create(path.format(namespace=each["metadata"].get("namespace", namespace)), each)


def wait_until_in_force(api: Kube, *, namespace: str, accounts: Iterable[str]) -> None:
    """Return when the policies refuse what each account may do by its role: a server takes seconds to know of them.

    Args:
        api: A client that may do everything.
        namespace: Where the accounts are.
        accounts: The names of the chart's service accounts.
    """
    with tempfile.TemporaryDirectory() as folder:
        for account in accounts:
            token = bound_token(api, namespace=namespace, account=account, pod=f"tries-{account}")
            path = kubeconfig(api, Path(folder, account), namespace=namespace, token=token)
            with Kube(path) as kube:
                wait_until(f"a policy is in force for {account}", partial(_is_refused, kube, namespace))


def _is_refused(kube: Kube, namespace: str) -> bool:
    """Tell whether a policy refuses objects that belong to nobody; of both kinds, one is beyond the caller's role."""
    for resource, kind in (("workflows", "Workflow"), ("workflowtaskresults", "WorkflowTaskResult")):
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": "nobodys"}, "spec": {}}
        try:
            kube.create(f"{ARGO}/namespaces/{namespace}/{resource}?dryRun=All", body)
        except ApiError as error:
            if "ValidatingAdmissionPolicy" in str(error):
                return True
    return False


def bound_token(api: Kube, *, namespace: str, account: str, pod: str) -> str:
    """Return the token that a pod has of its service account; the pod is made, and runs nowhere.

    Args:
        api: A client that may do everything.
        namespace: The pod's.
        account: The service account's name.
        pod: The pod's name.
    """
    spec = {"serviceAccountName": account, "containers": [{"name": "notebook", "image": "none"}]}
    api.create(f"/api/v1/namespaces/{namespace}/pods", {"metadata": {"name": pod}, "spec": spec})
    return service_account_token(api, namespace, account, pod=pod)


def kubeconfig(api: Kube, path: Path, *, namespace: str, token: str) -> Path:
    """Write the kubeconfig of a token's owner, and return its path.

    Args:
        api: A client of the same server.
        path: Where to.
        namespace: The context's.
        token: The bearer token.
    """
    return write_kubeconfig(path, server=api.server, certificate=api.certificate, token=token, namespace=namespace)
