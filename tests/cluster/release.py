"""The chart in a real cluster: its objects are created there, and labs get the tokens that a kubelet gives to pods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluster.controlplane import service_account_token, write_kubeconfig

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cluster.kube import Kube

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
