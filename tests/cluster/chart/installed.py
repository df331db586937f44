"""The chart as it is installed in one of its modes, with two users' labs, and whoever else has a token."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from chart import lab
from chart.rendered import MODES, Rendered
from cluster.access import unique
from cluster.chart.attempts import Request
from cluster.controlplane import service_account_token
from cluster.kube import ARGO, Kube
from cluster.release import bound_token, install, kubeconfig, wait_until_in_force

if TYPE_CHECKING:
    from chart.helm import Helm
    from cluster.access import Cluster

Json = dict[str, Any]

ALICE = "alice"
OTHER = "alice---3bc51062"
"""Another user, whose name KubeSpawner makes of `Alice`: it begins as the first one's, which must be of no use."""

PER_USER = {
    "podName": "shared-namespace",
    "serviceAccount": "service-accounts",
    "namespace": "user-namespaces",
}
"""The modes of isolation with a home for each user, and the chart's example of each."""
SHARED_HOMES = {mode: f"{example}-rwx" for mode, example in PER_USER.items()}
"""The same with one volume for all homes."""

CLUSTER_WIDE = {
    "ValidatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicy": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
}
"""Where the chart's objects are that are in no namespace, in the order in which they go."""

JOB_ACCOUNT = "nbargo-job"
KINDS = {"workflows": "Workflow", "cronworkflows": "CronWorkflow"}


@dataclass(slots=True)
class Installed:
    """A release of the chart in a cluster.

    Args:
        cluster: Where it is.
        chart: The rendered chart.
        isolation: The mode.
        namespace: The release's.
        namespaces: Where each user's jobs run.
        accounts: The service account of each user's lab.
    """

    cluster: Cluster
    chart: Rendered
    isolation: str
    namespace: str
    namespaces: dict[str, str]
    accounts: dict[str, str]
    clients: ExitStack = field(default_factory=ExitStack)
    _labs: dict[str, Kube] = field(default_factory=dict)
    _standing: dict[tuple[str, str], Json] = field(default_factory=dict)

    @classmethod
    def install(cls, cluster: Cluster, helm: Helm, isolation: str, example: str) -> Self:
        """Install the chart, and return when it is in force.

        Args:
            cluster: Where to.
            helm: Renders it.
            isolation: The mode.
            example: The name of the values in the chart's folder `ci`.
        """
        namespace = unique("chart")
        cluster.api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
        prefix = f"{namespace}-"
        users = f"users={{{ALICE},{OTHER}}}"
        own = {"namespace": ["--set", f"{users},createNamespaces=true,namespacePrefix={prefix}"], "podName": []}
        options = own.get(isolation, ["--set", users])
        chart = Rendered(helm.render(*options, values=MODES[example], namespace=namespace))
        alone = isolation == "namespace"
        made = cls(
            cluster,
            chart,
            isolation,
            namespace,
            {user: prefix + user if alone else namespace for user in (ALICE, OTHER)},
            {
                user: f"nbargo-user-{user}" if isolation == "serviceAccount" else "nbargo-user"
                for user in (ALICE, OTHER)
            },
        )
        install(cluster.api, chart.objects, namespace=namespace)
        for place in sorted(set(made.namespaces.values())):
            accounts = {made.accounts[user] for user, own in made.namespaces.items() if own == place}
            wait_until_in_force(cluster.api, namespace=place, accounts=[*sorted(accounts), JOB_ACCOUNT])
        return made

    def remove(self) -> None:
        """Remove what other tests of this cluster could meet: what is in no namespace, and the namespaces."""
        self.clients.close()
        for kind, collection in CLUSTER_WIDE.items():
            for each in self.chart.of_kind(kind):
                self.api.delete(f"{collection}/{each['metadata']['name']}")
        for name in {self.namespace, *self.namespaces.values()}:
            self.api.delete(f"/api/v1/namespaces/{name}")

    @property
    def api(self) -> Kube:
        """A client that may do everything."""
        return self.cluster.api

    @property
    def is_alone(self) -> bool:
        """Whether each user has a namespace."""
        return self.isolation == "namespace"

    def client(self, token: str) -> Kube:
        """Return the client of a token's owner; of nobody if it is empty."""
        path = kubeconfig(
            self.api, self.cluster.directory / unique("token"), namespace=self.namespace, token=token or "none"
        )
        kube = self.clients.enter_context(Kube(path))
        if not token:
            del kube.http.headers["Authorization"]
        return kube

    def pod(self, name: str, *, user: str = ALICE, account: str = "") -> Kube:
        """Return the client of a new pod.

        Args:
            name: The pod's.
            user: In whose namespace it is.
            account: Its service account, if not the one of the user's lab.
        """
        place = self.namespaces[user]
        return self.client(bound_token(self.api, namespace=place, account=account or self.accounts[user], pod=name))

    def unbound(self, account: str, *, namespace: str) -> Kube:
        """Return the client of a token that is bound to no pod."""
        return self.client(service_account_token(self.api, namespace, account))

    def lab(self, user: str) -> Kube:
        """Return the client of a user's lab."""
        if user not in self._labs:
            self._labs[user] = self.pod(f"jupyter-{user}", user=user)
        return self._labs[user]

    def path(self, resource: str, name: str = "", *, user: str = ALICE) -> str:
        """Return the path of Argo's objects of a user, or of one of them."""
        collection = f"{ARGO}/namespaces/{self.namespaces[user]}/{resource}"
        return f"{collection}/{name}" if name else collection

    def path_of(self, made: Json) -> str:
        """Return the path of an object of Argo's."""
        place = made["metadata"]["namespace"]
        return f"{ARGO}/namespaces/{place}/{made['kind'].lower()}s/{made['metadata']['name']}"

    def manifest(self, resource: str, *, user: str = ALICE) -> Json:
        """Return a new Workflow or CronWorkflow as a user's lab sends it."""
        name, namespace = str(uuid.uuid4()), self.namespaces[user]
        if resource == "workflows":
            return lab.job(self.chart, user, job_id=name, namespace=namespace)
        return lab.schedule(self.chart, user, of=lab.definition(name), namespace=namespace)

    def creation(self, manifest: Json, *, user: str = ALICE) -> Request:
        """Return the request that creates an object in a user's namespace."""
        return Request("POST", self.path(manifest["kind"].lower() + "s", user=user), manifest)

    def create(self, resource: str, *, user: str = ALICE) -> Json:
        """Create an object as its user's lab does."""
        return self.creation(self.manifest(resource, user=user), user=user).send(self.lab(user))

    def standing(self, resource: str, *, user: str = ALICE) -> Json:
        """Return an object of a user that nobody succeeds in changing."""
        if (resource, user) not in self._standing:
            self._standing[resource, user] = self.create(resource, user=user)
        return self._standing[resource, user]
