"""The real control plane of the cluster tests: etcd, kube-apiserver, controllers and a process node.

Everything listens on the loopback address, on free ports, and keeps its files in one folder. The
API server signs its own certificate; its key doubles as the service-account key. Argo's controller
runs with the account and the rights that Argo's own installation gives it.
"""

from __future__ import annotations

import json
import secrets
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx
import yaml

from cluster.kube import ARGO, ApiError, Kube, wait_until
from cluster.programs import Program
from support.ports import free_port

if TYPE_CHECKING:
    from cluster.build import Toolchain

NAMESPACE = "nbargo"
CONTROLLER_CONFIG = "workflow-controller-configmap"
# Argo looks at a workflow again after this long at the latest; its default of 10 s makes tests slow.
REQUEUE = "200ms"
# Argo serves these on fixed ports of every address.
METRICS = ("metricsConfig", "telemetryConfig")
CONTROLLERS = (
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "validatingadmissionpolicy-status-controller",
)
# The users of the static token file, with their groups. The rights of the first come from RBAC.
STATIC_USERS = {
    "system:kube-controller-manager": "",
    "admin": "system:masters",
    "process-node": "system:masters",
}
COLLECTIONS = {
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
}


def write_kubeconfig(path: Path, *, server: str, certificate: Path, token: str, namespace: str) -> Path:
    """Write a kubeconfig (as JSON, which is YAML) for one user and return its path."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "test",
                "cluster": {"server": server, "certificate-authority": str(certificate)},
            }
        ],
        "users": [{"name": "user", "user": {"token": token}}],
        "contexts": [
            {
                "name": "test",
                "context": {"cluster": "test", "user": "user", "namespace": namespace},
            }
        ],
        "current-context": "test",
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))
    return path


class ControlPlane:
    """A control plane with one namespace, watched by Argo's controller and a process node.

    Args:
        toolchain: The built programs.
        directory: An empty folder for all its files.
    """

    def __init__(self, toolchain: Toolchain, directory: Path) -> None:
        self.namespace = NAMESPACE
        self.directory = directory
        self.toolchain = toolchain
        self.certificates = directory / "certificates"
        self._tokens = {user: secrets.token_hex(16) for user in STATIC_USERS}
        self._etcd_url = f"http://127.0.0.1:{free_port()}"
        self._port = free_port()
        self.server = f"https://127.0.0.1:{self._port}"
        self.etcd = self._etcd()
        self.apiserver = self._apiserver()
        self.manager = self._manager()
        self.controller = self._controller()
        self.node = self._node()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of a user who may do everything."""
        return self._kubeconfig("admin")

    def start(self) -> None:
        """Start all programs in their order, and return when each of them is ready.

        Raises:
            ProgramError: One of them is not; with the end of its log.
        """
        token_file = self.directory / "tokens.csv"
        token_file.touch(mode=0o600)
        token_file.write_text(
            "".join(f'{self._tokens[user]},{user},{user},"{groups}"\n' for user, groups in STATIC_USERS.items())
        )
        self.etcd.start()
        self.start_apiserver()
        for user, token in self._tokens.items():
            self._write_kubeconfig(user, token)
        with Kube(self.kubeconfig) as kube:
            self._install(kube)
            # Started before the CRDs, its garbage collector would learn of them after 30 s only.
            self.manager.start()
            self.manager.wait_ready(lambda: _has_default_account(kube, self.namespace))
            self.node.start()
            self.node.wait_ready(lambda: _has_ready_node(kube))
        self.start_controller()

    def start_apiserver(self) -> None:
        """Start kube-apiserver, also after it was killed, and wait until it is ready."""
        self.apiserver.start()
        self.apiserver.wait_ready(self._is_apiserver_ready)

    def start_controller(self) -> None:
        """Start Argo's controller, also after it was killed, and wait until it watches."""
        begin = self.controller.log.stat().st_size if self.controller.log.exists() else 0
        self.controller.start()
        # Argo's readiness port is a fixed one, on every address: its log is the better witness.
        self.controller.wait_ready(
            lambda: b"Starting CronWorkflow controller" in self.controller.log.read_bytes()[begin:]
        )

    def compact(self) -> int:
        """Drop etcd's history up to now, and return the revision that is the oldest left."""
        with httpx.Client(base_url=self._etcd_url, trust_env=False) as client:
            status = client.post("/v3/maintenance/status", json={}).raise_for_status().json()
            revision = int(status["header"]["revision"])
            body = {"revision": revision, "physical": True}
            client.post("/v3/kv/compaction", json=body).raise_for_status()
        return revision

    def check(self) -> None:
        """Raise ProgramError if any program ended by itself."""
        for program in self._programs():
            program.check()

    def stop(self) -> None:
        """End all programs, the last started first."""
        for program in reversed(self._programs()):
            program.stop()

    def _programs(self) -> list[Program]:
        return [self.etcd, self.apiserver, self.manager, self.node, self.controller]

    def _kubeconfig(self, user: str) -> Path:
        return self.directory / f"{user.replace(':', '-')}.kubeconfig"

    def _write_kubeconfig(self, user: str, token: str) -> Path:
        return write_kubeconfig(
            self._kubeconfig(user),
            server=self.server,
            certificate=self.certificates / "apiserver.crt",
            token=token,
            namespace=self.namespace,
        )

    def _is_apiserver_ready(self) -> bool:
        with httpx.Client(verify=False, trust_env=False) as client:  # noqa: S501  # before its certificate is known
            try:
                answer = client.get(f"{self.server}/readyz", timeout=1)
            except httpx.TransportError:
                return False
        return answer.is_success

    def _install(self, kube: Kube) -> None:
        namespaces = "/api/v1/namespaces"
        kube.ensure(namespaces, {"metadata": {"name": self.namespace}})
        for path in self.toolchain.manifests():
            manifest = yaml.safe_load(path.read_text())
            collection = COLLECTIONS[manifest["kind"]].format(namespace=self.namespace)
            for subject in manifest.get("subjects", ()):
                subject["namespace"] = self.namespace
            kube.ensure(collection, manifest)
        kube.ensure(
            f"{namespaces}/{self.namespace}/configmaps",
            {
                "metadata": {"name": CONTROLLER_CONFIG},
                "data": {"config": json.dumps({off: {"enabled": False} for off in METRICS})},
            },
        )
        wait_until("the CRDs are served", lambda: _is_served(kube, self.namespace))
        self._write_kubeconfig("argo", service_account_token(kube, self.namespace, "argo"))

    def _etcd(self) -> Program:
        peer = f"http://127.0.0.1:{free_port()}"
        command: list[str | Path] = [
            self.toolchain.program("etcd"),
            f"--data-dir={self.directory / 'etcd'}",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]
        return Program("etcd", command, self.directory)

    def _apiserver(self) -> Program:
        key = self.certificates / "apiserver.key"
        command: list[str | Path] = [
            self.toolchain.program("kube-apiserver"),
            f"--etcd-servers={self._etcd_url}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._port}",
            f"--cert-dir={self.certificates}",
            f"--token-auth-file={self.directory / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--endpoint-reconciler-type=none",
            # As installers set it: Pod Security Admission is there to refuse what is privileged.
            "--allow-privileged=true",
        ]
        return Program("kube-apiserver", command, self.directory)

    def _manager(self) -> Program:
        user = "system:kube-controller-manager"
        command: list[str | Path] = [
            self.toolchain.program("kube-controller-manager"),
            f"--kubeconfig={self._kubeconfig(user)}",
            f"--controllers={','.join(CONTROLLERS)}",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
            "--secure-port=0",
        ]
        return Program("kube-controller-manager", command, self.directory)

    def _controller(self) -> Program:
        command: list[str | Path] = [
            self.toolchain.program("workflow-controller"),
            f"--kubeconfig={self._kubeconfig('argo')}",
            f"--namespace={self.namespace}",
            "--namespaced",
            "--executor-image=argoexec",
            # Argo's defaults of 20 and 30 make a hundred workflows at once wait for each other.
            "--qps=200",
            "--burst=400",
        ]
        # Its image has no other time zone, and CronWorkflows without one mean the controller's.
        env = {"LEADER_ELECTION_DISABLE": "true", "DEFAULT_REQUEUE_TIME": REQUEUE, "TZ": "UTC"}
        return Program("workflow-controller", command, self.directory, env)

    def _node(self) -> Program:
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "cluster.processnode",
            f"--kubeconfig={self._kubeconfig('process-node')}",
            f"--directory={self.directory / 'pods'}",
            f"--certificates={self.certificates}",
        ]
        env = {"PYTHONPATH": str(Path(__file__).parents[1])}
        return Program("process-node", command, self.directory, env)


def service_account_token(kube: Kube, namespace: str, name: str, *, pod: str = "") -> str:
    """Return a new token of a service account, good for a day.

    Args:
        kube: A client that may do everything.
        namespace: The account's.
        name: Its name.
        pod: The pod that it is bound to, as a kubelet asks for it; "" for a token that is bound to none.
    """
    spec: dict[str, Any] = {"expirationSeconds": 86400}
    if pod:
        spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Pod", "name": pod}
    answer = kube.create(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", {"spec": spec})
    token: str = answer["status"]["token"]
    return token


def _is_served(kube: Kube, namespace: str) -> bool:
    with suppress(ApiError):
        for resource in ("workflows", "cronworkflows", "workflowtaskresults"):
            kube.get(f"{ARGO}/namespaces/{namespace}/{resource}")
        return True
    return False


def _has_ready_node(kube: Kube) -> bool:
    nodes = kube.get("/api/v1/nodes")["items"]
    return any(node.get("status", {}).get("conditions") for node in nodes)


def _has_default_account(kube: Kube, namespace: str) -> bool:
    return kube.find(f"/api/v1/namespaces/{namespace}/serviceaccounts/default") is not None
