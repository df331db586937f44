"""What a test needs of a cluster, whichever it is: the API, one namespace, users, workflows."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cluster.controlplane import service_account_token, write_kubeconfig
from cluster.kube import ARGO, Kube, wait_until

if TYPE_CHECKING:
    from pathlib import Path

# The process node uses the tests' interpreter; a real cluster pulls this.
IMAGE = "python:3.12-slim"
COMPLETED = "workflows.argoproj.io/completed"
WORKFLOW = "workflows.argoproj.io/workflow"
# In which Argo begins to end a workflow, if it has not written over the stop in its cache.
HEED_SECONDS = 2.0
RBAC = "/apis/rbac.authorization.k8s.io/v1"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster whose namespace is watched by Argo's controller.

    Args:
        api: A client that may do everything.
        kubeconfig: The same user's file, for programs under test.
        namespace: Where workflows run.
        directory: For the kubeconfigs of users.
    """

    api: Kube
    kubeconfig: Path
    namespace: str
    directory: Path

    def collection(self, resource: str) -> str:
        """Return the path of a collection: of Argo's, or of core Kubernetes (``pods``)."""
        group = "/api/v1" if resource in {"pods", "secrets", "configmaps"} else ARGO
        return f"{group}/namespaces/{self.namespace}/{resource}"

    def user(self, rules: list[Json]) -> Path:
        """Make a user and return its kubeconfig; the token in it is a service account's.

        Args:
            rules: The rules of the role that the user gets in the namespace.
        """
        name = unique("user")
        meta = {"metadata": {"name": name}}
        roles = f"{RBAC}/namespaces/{self.namespace}"
        self.api.create(f"/api/v1/namespaces/{self.namespace}/serviceaccounts", meta)
        self.api.create(f"{roles}/roles", {**meta, "rules": rules})
        subject = {"kind": "ServiceAccount", "name": name, "namespace": self.namespace}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        self.api.create(f"{roles}/rolebindings", {**meta, "roleRef": role, "subjects": [subject]})
        return write_kubeconfig(
            self.directory / f"{name}.kubeconfig",
            server=self.api.server,
            certificate=self.api.certificate,
            token=service_account_token(self.api, self.namespace, name),
            namespace=self.namespace,
        )


@dataclass(slots=True)
class Workflows:
    """Creates objects for one test, waits for them, and deletes them when the test is over.

    Args:
        cluster: Where they run.
    """

    cluster: Cluster
    created: list[str] = field(default_factory=list)

    def path(self, name: str, resource: str = "workflows") -> str:
        """Return an object's path."""
        return f"{self.cluster.collection(resource)}/{name}"

    def create(self, spec: Json, *, resource: str = "workflows", **metadata: Any) -> str:
        """Create an object of Argo's and return its name.

        Args:
            spec: The object's spec.
            resource: ``workflows`` or ``cronworkflows``.
            metadata: Labels, annotations and the like.
        """
        kind = {"workflows": "Workflow", "cronworkflows": "CronWorkflow"}[resource]
        name = unique("test")
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "spec": spec}
        body["metadata"] = {"name": name, **metadata}
        self.cluster.api.create(self.cluster.collection(resource), body)
        self.created.append(self.path(name, resource))
        return name

    def get(self, name: str) -> Json:
        """Return a Workflow."""
        return self.cluster.api.get(self.path(name))

    def wait_phase(self, name: str, phase: str) -> Json:
        """Return a Workflow as soon as it is in a phase; a pod of a Running one runs."""

        def check() -> Json | None:
            found = self.get(name)
            return found if found.get("status", {}).get("phase") == phase else None

        return wait_until(f"{name} is {phase}", check)

    def wait_end(self, name: str) -> Json:
        """Return a Workflow when Argo calls it completed."""

        def check() -> Json | None:
            found = self.get(name)
            return found if found["metadata"].get("labels", {}).get(COMPLETED) == "true" else None

        return wait_until(f"{name} is completed", check)

    def shut_down(self, name: str, strategy: str) -> None:
        """Ask for a Workflow's end, and once more if Argo does not heed it, as the submitter's ``Actions`` do.

        Args:
            name: The Workflow's.
            strategy: ``Stop`` or ``Terminate``.
        """
        api, path = self.cluster.api, self.path(name)
        version = api.merge(path, {"spec": {"shutdown": strategy}})["metadata"]["resourceVersion"]
        try:
            wait_until("heeded", lambda: self.get(name)["metadata"]["resourceVersion"] != version, timeout=HEED_SECONDS)
        except TimeoutError:
            api.merge(path, {"metadata": {"annotations": {"nbargo-test/again": strategy}}})

    def pods(self, name: str) -> list[Json]:
        """Return the pods of a Workflow."""
        found = self.cluster.api.get(f"{self.cluster.collection('pods')}?labelSelector={WORKFLOW}={name}")
        items: list[Json] = found["items"]
        return items

    def wait_running_pod(self, name: str) -> Json:
        """Return the pod of a Workflow as soon as its containers run."""
        return self._wait_pod(name, {"Running"})

    def wait_running_node(self, name: str) -> Json:
        """Return a Workflow as soon as Argo knows that its pod runs: one that it does not know of it cannot stop."""

        def check() -> Json | None:
            found = self.get(name)
            nodes = found.get("status", {}).get("nodes", {}).values()
            return found if any((node["type"], node["phase"]) == ("Pod", "Running") for node in nodes) else None

        return wait_until(f"a pod of {name} runs as Argo sees it", check)

    def wait_ended_pod(self, name: str) -> Json:
        """Return the pod of a Workflow as soon as its containers have ended."""
        return self._wait_pod(name, {"Succeeded", "Failed"})

    def _wait_pod(self, name: str, phases: set[str]) -> Json:
        def check() -> Json | None:
            pods = self.pods(name)
            return pods[0] if pods and pods[0]["status"]["phase"] in phases else None

        return wait_until(f"a pod of {name} is {' or '.join(sorted(phases))}", check)

    def delete_all(self) -> None:
        """Delete what the test created."""
        for path in self.created:
            if self.cluster.api.find(path):
                self.cluster.api.delete(path)


def unique(prefix: str) -> str:
    """Return a name that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def script(source: str, *, output: Path | None = None, **spec: Any) -> Json:
    """Return the spec of a Workflow of one Python script.

    Args:
        source: The script.
        output: A file whose text becomes the global output parameter ``outcome``.
        spec: More fields of the spec.
    """
    template: Json = {
        "name": "main",
        "script": {"image": IMAGE, "command": ["python"], "source": source},
    }
    if output:
        parameter = {
            "name": "outcome",
            "globalName": "outcome",
            "valueFrom": {"path": str(output), "default": ""},
        }
        template["outputs"] = {"parameters": [parameter]}
    return {"entrypoint": "main", "templates": [template], **spec}
